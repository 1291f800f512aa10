// The sidebar of drafts: a list with search, and what can be done with each. Opening one and beginning a new one are
// actions of the article view ("xc-drafts-do"), which tells what it shows ("xc-draft").

/* global element, props, watch, server, make, icon, button, address, fill, xcKey, makeVersions */

const PAGE = 100; // drafts asked for at a time
const TYPING = 120; // milliseconds without a key before it is searched
const WIDE = window.matchMedia("(min-width: 1280px)"); // beside the article; otherwise a drawer over it

const root = element.querySelector(".xc-drafts-root");
let labels = {};
let language = "en";
let proof = ""; // whose drafts these are
let current = null; // id of the draft that is shown
let archived = false;
let count = PAGE;
let turn = 0;
let timer = 0;
let renaming = false;

const toggle = button("", "list", () => show(true), { class: "xc-button xc-drafts-toggle", "aria-expanded": "false" });
const head = make("h2", {});
const fold = button("", "close", () => show(false), { class: "xc-quiet", bare: true });
const fresh = button("", "plus", () => begin(), { class: "xc-button xc-drafts-new" });
const query = make("input", { type: "search", autocomplete: "off", spellcheck: "false", maxlength: "300" });
const problem = make("p", { class: "xc-drafts-words", role: "status" });
const list = make("ul", {});
const more = make("button", { type: "button", class: "xc-link", hidden: true, onclick: () => ((count += PAGE), load()) });
const other = make("button", { type: "button", class: "xc-link", onclick: () => ((archived = !archived), load()) });
const done = make("p", { class: "xc-drafts-done", role: "status", hidden: true });
const drafts = make("div", {},
  make("div", { class: "xc-drafts-head" }, head, fold),
  make("div", { class: "xc-drafts-find" }, fresh, make("label", {}, icon("search"), query)),
  problem, list, more, other);
const versions = makeVersions({
  label: (key) => labels[key] || key,
  call, say, when,
  act: (detail) => {
    act(detail);
    if (!WIDE.matches) show(false);
  },
  back: async ({ id }) => {
    drafts.hidden = false;
    await load();
    [...list.children].find((one) => one.dataset.id === id)?.querySelector(".xc-drafts-more").focus({ preventScroll: true });
  },
});
const panel = make("aside", { class: "xc-drafts-panel", hidden: true }, drafts, versions.part, done);
const shade = make("div", { class: "xc-drafts-shade", hidden: true, onclick: () => show(false) });
root.replaceChildren(toggle, shade, panel, versions.dialog);

async function call(action, asked = {}) {
  try {
    return (await server.drafts_call({ act: action, language, proof, key: xcKey(), ...asked })) || { problem: labels.failed };
  } catch {
    return { problem: labels.failed };
  }
}

const act = (detail) => window.dispatchEvent(new CustomEvent("xc-drafts-do", { detail }));

// -- open and shut ----------------------------------------------------------------------------------

function show(open, focus = true) {
  if (panel.hidden !== open) return;
  panel.hidden = !open;
  shade.hidden = !open || WIDE.matches;
  toggle.hidden = open;
  toggle.setAttribute("aria-expanded", String(open));
  document.body.classList.toggle("xc-drafts-open", open);
  if (WIDE.matches) remember(open);
  if (open && !versions.of()) load();
  if (focus) (open ? query : toggle).focus({ preventScroll: true });
}

function remember(open) {
  try {
    localStorage.setItem("xc-drafts", open ? "open" : "shut");
  } catch {
    // not remembered
  }
}

function remembered() {
  try {
    return localStorage.getItem("xc-drafts") === "open";
  } catch {
    return false;
  }
}

WIDE.addEventListener("change", () => (shade.hidden = panel.hidden || WIDE.matches));
root.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || WIDE.matches) return;
  event.stopPropagation();
  show(false);
});

function begin() {
  act({ act: "new" });
  if (!WIDE.matches) show(false);
  document.querySelector("#xc-title textarea")?.focus();
}

function openDraft(id) {
  if (id !== current) act({ act: "draft", id });
  if (!WIDE.matches) show(false);
}

// -- the list ---------------------------------------------------------------------------------------

async function load() {
  const mine = ++turn;
  const answer = await call("list", { search: query.value, archived, count });
  if (mine !== turn || renaming) return;
  problem.textContent = answer.problem || (answer.drafts.length ? "" : labels[query.value.trim() ? "nothing" : archived ? "no_archived" : "empty"]);
  draw(answer.drafts || [], Boolean(answer.more));
}

function draw(drafts, further) {
  const menu = list.querySelector(".xc-drafts-menu");
  const entry = [...(menu?.children ?? [])].indexOf(document.activeElement);
  const focused = document.activeElement?.closest?.("li")?.dataset.id;
  const part = [...(document.activeElement?.classList ?? [])].at(-1);
  const opened = menu?.parentNode.dataset.id;
  shutMenu();
  list.replaceChildren(...drafts.map(item));
  more.hidden = !further;
  const of = (id) => [...list.children].find((node) => node.dataset.id === id);
  if (opened && of(opened)) {  // the list came while a person looks at the menu: it stays open
    of(opened).querySelector(".xc-drafts-more").click();
    list.querySelector(".xc-drafts-menu").children[entry]?.focus({ preventScroll: true });
  } else if (focused && part && document.activeElement === document.body) {
    of(focused)?.querySelector(`.${part}`)?.focus({ preventScroll: true });
  }
}

function when(milliseconds) {
  const date = new Date(milliseconds);
  const today = date.toDateString() === new Date().toDateString();
  const form = today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", year: "numeric" };
  return date.toLocaleString(document.documentElement.lang || language, form);
}

function item(draft) {
  const shown = draft.id === current;
  const picture = draft.thumb
    ? make("img", { src: address(draft.thumb), alt: "", loading: "lazy", onerror: ({ target }) => target.replaceWith(icon("page")) })
    : icon("page");
  const facts = `${when(draft.changed)} · ${fill(labels.words, { count: draft.words })}`;
  const name = make("span", { class: "xc-drafts-name", dir: "auto", text: draft.title || labels.untitled });
  const choose = make("button", { type: "button", class: "xc-drafts-open", "aria-current": shown ? "true" : null, onclick: () => openDraft(draft.id) },
    make("span", { class: "xc-drafts-picture" }, picture), make("span", { class: "xc-drafts-facts" }, name, make("small", { text: facts })));
  const menu = button(`${labels.menu}: ${draft.title || labels.untitled}`, "more", () => openMenu(node, draft, menu), { class: "xc-quiet xc-drafts-more", bare: true, "aria-haspopup": "menu", "aria-expanded": "false" });
  const node = make("li", { "data-id": draft.id, class: shown ? "xc-drafts-current" : "" }, choose, menu);
  return node;
}

// -- what can be done with one ----------------------------------------------------------------------

let shutMenu = () => {};  // the menu that is open

function openMenu(node, draft, opener) {
  const old = root.querySelector(".xc-drafts-menu");
  const again = old && node.contains(old);
  shutMenu();
  if (again) return;
  const shut = (focus) => {
    shutMenu = () => {};
    menu.remove();
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (focus) opener.focus({ preventScroll: true });
  };
  const outside = (event) => menu.contains(event.target) || opener.contains(event.target) || shut(false);
  const entry = (key, work) => make("button", { type: "button", role: "menuitem", tabindex: "-1", text: labels[key], onclick: () => (shut(key !== "rename"), work()) });
  const menu = make("div", { class: "xc-drafts-menu", role: "menu", "aria-label": draft.title || labels.untitled },
    entry("rename", () => rename(node, draft)),
    entry("versions", () => showVersions(draft)),
    entry("duplicate", () => duplicate(draft)),
    entry(draft.archived ? "unarchive" : "archive", () => archive(draft, !draft.archived)),
    entry("delete", () => remove(draft)));
  menu.addEventListener("keydown", (event) => {
    const entries = [...menu.children];
    const at = entries.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (next !== undefined) entries.at(next % entries.length).focus();
    else if (event.key === "Escape") shut(true);
    else if (event.key === "Tab") shut(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", outside, true);
  opener.setAttribute("aria-expanded", "true");
  node.append(menu);
  shutMenu = shut;
  menu.firstChild.focus({ preventScroll: true });
}

function rename(node, draft) {
  renaming = true;
  const field = make("input", { type: "text", class: "xc-drafts-rename", maxlength: "200", "aria-label": labels.rename, dir: "auto" });
  field.value = draft.title;
  const finish = async (keep) => {
    if (!renaming) return;
    renaming = false;
    const name = field.value.trim();
    if (keep && name !== draft.title) say(await call("rename", { id: draft.id, name }));
    await load();
    [...list.children].find((one) => one.dataset.id === draft.id)?.querySelector(".xc-drafts-more").focus({ preventScroll: true });
  };
  field.addEventListener("blur", () => finish(true));
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    finish(event.key === "Enter");
  });
  node.querySelector(".xc-drafts-open").hidden = true;
  node.prepend(field);
  field.select();
  field.focus({ preventScroll: true });
}

// The versions are those of the draft that is shown.
function showVersions(draft) {
  if (draft.id !== current) act({ act: "draft", id: draft.id });
  drafts.hidden = true;
  versions.open(draft);
}

async function duplicate(draft) {
  const answer = await call("duplicate", { id: draft.id });
  say(answer);
  if (answer.draft) openDraft(answer.draft.id);
  await load();
}

async function archive(draft, put) {
  const answer = await call("archive", { id: draft.id, archived: put });
  say(answer, fill(labels[put ? "archived" : "unarchived"], { title: draft.title || labels.untitled }), () => archive(draft, !put));
  await load();
}

async function remove(draft) {
  const shown = draft.id === current;
  const answer = await call("delete", { id: draft.id });
  say(answer, fill(labels.deleted, { title: draft.title || labels.untitled }), async () => {
    say(await call("undelete", { id: draft.id }));
    if (shown) openDraft(draft.id);
    await load();
  });
  if (shown && !answer.problem) act({ act: "new" });
  await load();
}

// What was done, with the way back; or why it was not.
function say(answer, words = "", back = null) {
  done.hidden = !answer.problem && !words;
  done.replaceChildren(make("span", { text: answer.problem || words }));
  if (back && !answer.problem) done.append(make("button", { type: "button", class: "xc-link", text: labels.undo, onclick: back }));
}

// -- from elsewhere ---------------------------------------------------------------------------------

query.addEventListener("input", () => {
  clearTimeout(timer);
  count = PAGE;
  timer = setTimeout(load, TYPING);
});

const refresh = () => (versions.of() ? versions.load() : load());
let due = 0;
window.addEventListener("xc-draft", ({ detail }) => {
  current = detail.id;
  for (const node of list.children) {
    const shown = node.dataset.id === current;
    node.classList.toggle("xc-drafts-current", shown);
    if (shown) node.querySelector(".xc-drafts-open")?.setAttribute("aria-current", "true");
    else node.querySelector(".xc-drafts-open")?.removeAttribute("aria-current");
  }
  if (panel.hidden) return;
  if (versions.of() && versions.of() !== current) versions.shut();
  clearTimeout(due);
  due = setTimeout(() => root.querySelector(".xc-drafts-menu") || refresh(), 400);
});

function relabel() {
  const value = props.value;
  if (!value?.texts) return;
  labels = value.texts;
  language = value.language;
  proof = value.proof || "";
  for (const [node, key] of [[toggle, "title"], [fresh, "new"], [fold, "close"]]) {
    node.setAttribute("aria-label", labels[key]);
    if (node !== fold) node.lastChild.textContent = labels[key];
    else node.title = labels[key];
  }
  head.textContent = labels.title;
  panel.setAttribute("aria-label", labels.title);
  query.placeholder = labels.search;
  query.setAttribute("aria-label", labels.search);
  more.textContent = labels.more;
  other.textContent = labels[archived ? "show_drafts" : "show_archived"];
  versions.relabel();
  if (!panel.hidden) refresh();
}

other.addEventListener("click", relabel);
watch("value", relabel);
relabel();
if (WIDE.matches && remembered()) show(true, false);
