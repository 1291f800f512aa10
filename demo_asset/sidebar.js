// A list of what is kept, beside the page where there is room, else a drawer over it: search, open, and a menu for each.
// The sidebars of drafts and of conversations are made of it; their styles are in drafts.css.

/* exported makeSidebar */

const PAGE = 100; // items asked for at a time
const TYPING = 120; // milliseconds without a key before it is searched
const WIDE = window.matchMedia("(min-width: 1280px)"); // beside the page; otherwise a drawer over it

// name: of what the browser remembers, and of the class of the body while the list is open. call(action, asked): asks
// Python. labels(): the texts. list(asked): the items, as {items, more}. picture(item): a node before its name, or null.
// facts(item): a line under it. entries(item, tools): [[key, work]] of its menu. open(id), begin(): what choosing does.
// further: nodes under the list. nothing(searched): what is said of an empty list.
function makeSidebar(options) {
  const { root, name, labels, language, call, picture, facts, entries, begin, further, nothing } = options;
  let current = null; // id of the item that is shown on the page
  let count = PAGE;
  let turn = 0;
  let timer = 0;
  let renaming = false;
  let due = 0;
  let covered = false; // something else stands in place of the list

  const toggle = button("", "list", () => show(true), { class: "xc-button xc-drafts-toggle", "aria-expanded": "false" });
  const head = make("h2", {});
  const fold = button("", "close", () => show(false), { class: "xc-quiet", bare: true });
  const fresh = button("", "plus", () => {
    begin();
    if (!WIDE.matches) show(false);
  }, { class: "xc-button xc-drafts-new" });
  const query = make("input", { type: "search", autocomplete: "off", spellcheck: "false", maxlength: "300" });
  const problem = make("p", { class: "xc-drafts-words", role: "status" });
  const list = make("ul", {});
  const more = make("button", { type: "button", class: "xc-link", hidden: true, onclick: () => ((count += PAGE), load()) });
  const done = make("p", { class: "xc-drafts-done", role: "status", hidden: true });
  const part = make("div", {},
    make("div", { class: "xc-drafts-head" }, head, fold),
    make("div", { class: "xc-drafts-find" }, fresh, make("label", {}, icon("search"), query)),
    problem, list, more, ...further);
  const panel = make("aside", { class: "xc-drafts-panel", hidden: true }, part, done);
  const shade = make("div", { class: "xc-drafts-shade", hidden: true, onclick: () => show(false) });
  root.replaceChildren(toggle, shade, panel);

  // -- open and shut --------------------------------------------------------------------------------

  function show(open, focus = true) {
    if (panel.hidden !== open) return;
    panel.hidden = !open;
    shade.hidden = !open || WIDE.matches;
    toggle.hidden = open;
    toggle.setAttribute("aria-expanded", String(open));
    document.body.classList.toggle(`${name}-open`, open);
    if (WIDE.matches) remember(open);
    if (open && !covered) load();
    if (focus) (open ? query : toggle).focus({ preventScroll: true });
  }

  function remember(open) {
    try {
      localStorage.setItem(name, open ? "open" : "shut");
    } catch {
      // not remembered
    }
  }

  function remembered() {
    try {
      return localStorage.getItem(name) === "open";
    } catch {
      return false;
    }
  }

  WIDE.addEventListener("change", () => (shade.hidden = panel.hidden || WIDE.matches));
  // As a drawer it has the keyboard to itself: wherever the focus is, Tab leads into it and Escape shuts it.
  const over = () => !WIDE.matches && panel.getClientRects().length > 0;
  goRound(panel, over, true);
  const escape = (event) => {
    if (event.key !== "Escape" || event.isComposing || !over()) return;
    event.stopPropagation();
    show(false);
  };
  root.addEventListener("keydown", escape); // before those that listen to the whole page
  document.addEventListener("keydown", escape);

  function open(id) {
    if (id !== current) options.open(id);
    if (!WIDE.matches) show(false);
  }

  // -- the list -------------------------------------------------------------------------------------

  async function load() {
    const mine = ++turn;
    const answer = await options.list({ search: query.value, count });
    if (mine !== turn || renaming) return;
    problem.textContent = answer.problem || (answer.items.length ? "" : nothing(Boolean(query.value.trim())));
    draw(answer.items || [], Boolean(answer.more));
  }

  function draw(items, further) {
    const menu = list.querySelector(".xc-drafts-menu");
    const entry = [...(menu?.children ?? [])].indexOf(document.activeElement);
    const focused = document.activeElement?.closest?.("li")?.dataset.id;
    const within = [...(document.activeElement?.classList ?? [])].at(-1);
    const opened = menu?.parentNode.dataset.id;
    shutMenu();
    list.replaceChildren(...items.map(row));
    more.hidden = !further;
    if (opened && node(opened)) { // the list came while a person looks at the menu: it stays open
      node(opened).querySelector(".xc-drafts-more").click();
      list.querySelector(".xc-drafts-menu").children[entry]?.focus({ preventScroll: true });
    } else if (focused && within && document.activeElement === document.body) {
      node(focused)?.querySelector(`.${within}`)?.focus({ preventScroll: true });
    }
  }

  const node = (id) => [...list.children].find((one) => one.dataset.id === id);

  function when(milliseconds) {
    const date = new Date(milliseconds);
    const today = date.toDateString() === new Date().toDateString();
    const form = today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", year: "numeric" };
    return date.toLocaleString(document.documentElement.lang || language(), form);
  }

  function row(item) {
    const shown = item.id === current;
    const title = item.title || labels().untitled;
    const text = make("span", { class: "xc-drafts-name", dir: "auto", text: title });
    const opener = make("button", { type: "button", class: "xc-drafts-open", "aria-current": shown ? "true" : null, onclick: () => open(item.id) },
      picture(item), make("span", { class: "xc-drafts-facts" }, text, make("small", { text: `${when(item.changed)} · ${facts(item)}` })));
    const menu = button(`${labels().menu}: ${title}`, "more", () => openMenu(made, item, menu), { class: "xc-quiet xc-drafts-more", bare: true, "aria-haspopup": "menu", "aria-expanded": "false" });
    const made = make("li", { "data-id": item.id, class: shown ? "xc-drafts-current" : "" }, opener, menu);
    return made;
  }

  // -- what can be done with one --------------------------------------------------------------------

  let shutMenu = () => {}; // the menu that is open

  function openMenu(made, item, opener) {
    const old = root.querySelector(".xc-drafts-menu");
    const again = old && made.contains(old);
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
    const entry = ([key, work]) => make("button", { type: "button", role: "menuitem", tabindex: "-1", text: labels()[key], onclick: () => (shut(key !== "rename"), work()) });
    const menu = make("div", { class: "xc-drafts-menu", role: "menu", "aria-label": item.title || labels().untitled },
      ...[["rename", () => rename(made, item)], ...entries(item)].map(entry));
    menu.addEventListener("keydown", (event) => {
      const all = [...menu.children];
      const at = all.indexOf(document.activeElement);
      const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
      if (next !== undefined) all.at(next % all.length).focus();
      else if (event.key === "Escape") shut(true);
      else if (event.key === "Tab") shut(false);
      else return;
      if (event.key !== "Tab") event.preventDefault();
      event.stopPropagation();
    });
    document.addEventListener("pointerdown", outside, true);
    opener.setAttribute("aria-expanded", "true");
    made.append(menu);
    shutMenu = shut;
    menu.firstChild.focus({ preventScroll: true });
  }

  function rename(made, item) {
    renaming = true;
    const field = make("input", { type: "text", class: "xc-drafts-rename", maxlength: "200", "aria-label": labels().rename, dir: "auto" });
    field.value = item.title;
    const finish = async (keep) => {
      if (!renaming) return;
      renaming = false;
      const name = field.value.trim();
      if (keep && name !== item.title) say(await call("rename", { id: item.id, name }));
      await load();
      focusOn(item.id);
    };
    field.addEventListener("blur", () => finish(true));
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      finish(event.key === "Enter");
    });
    made.querySelector(".xc-drafts-open").hidden = true;
    made.prepend(field);
    field.select();
    field.focus({ preventScroll: true });
  }

  // Deletes one, with the way back; `leave` shows something else where it was shown.
  async function remove(item, leave) {
    const shown = item.id === current;
    const answer = await call("delete", { id: item.id });
    say(answer, fill(labels().deleted, { title: item.title || labels().untitled }), async () => {
      say(await call("undelete", { id: item.id }));
      if (shown) open(item.id);
      await load();
    });
    if (shown && !answer.problem) leave();
    await load();
  }

  // What was done, with the way back; or why it was not.
  function say(answer, words = "", back = null) {
    done.hidden = !answer.problem && !words;
    done.replaceChildren(make("span", { text: answer.problem || words }));
    if (back && !answer.problem) done.append(make("button", { type: "button", class: "xc-link", text: labels().undo, onclick: back }));
  }

  const focusOn = (id) => node(id)?.querySelector(".xc-drafts-more").focus({ preventScroll: true });

  function refresh() {
    clearTimeout(timer);
    timer = setTimeout(load, 0);
  }

  query.addEventListener("input", () => {
    count = PAGE;
    clearTimeout(timer);
    timer = setTimeout(load, TYPING);
  });

  return {
    panel, part, done, say, load, refresh, open, remove, show, when, focusOn,
    isOpen: () => !panel.hidden,
    isWide: () => WIDE.matches,
    current: () => current,
    cover: (by) => ((covered = by), (part.hidden = by)),
    // The page shows this one now.
    shows(id, title) {
      current = id;
      for (const one of list.children) {
        const is = one.dataset.id === id;
        one.classList.toggle("xc-drafts-current", is);
        const opener = one.querySelector(".xc-drafts-open");
        if (is) opener?.setAttribute("aria-current", "true");
        else opener?.removeAttribute("aria-current");
        if (is && title) one.querySelector(".xc-drafts-name").textContent = title;
      }
      clearTimeout(due);
      if (!panel.hidden) due = setTimeout(() => covered || root.querySelector(".xc-drafts-menu") || refresh(), 400);
    },
    relabel() {
      for (const [one, key] of [[toggle, "title"], [fresh, "new"], [fold, "close"]]) {
        one.setAttribute("aria-label", labels()[key]);
        if (one !== fold) one.lastChild.textContent = labels()[key];
        else one.title = labels()[key];
      }
      head.textContent = labels().title;
      panel.setAttribute("aria-label", labels().title);
      query.placeholder = labels().search;
      query.setAttribute("aria-label", labels().search);
      more.textContent = labels().more;
      if (!panel.hidden && !covered) refresh();
    },
    begin() {
      if (WIDE.matches && remembered()) show(true, false);
    },
  };
}
