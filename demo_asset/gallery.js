// The gallery view: search while typing, filters, the wall of pictures, duplicates. Every question is a call with its own
// answer; an answer that a later question has overtaken is dropped.

/* global element, props, watch, server, upload, make, button, icon, address, makeDetails, makeFilters, makeAdding */

const PAGE = 48; // pictures asked for at a time
const TYPING = 120; // milliseconds without a key before it is searched
const LONG = 400; // milliseconds after which it is said that something is being waited for

const root = element.querySelector(".xc-gallery-root");
let labels = {};
let language = "en";
let ready = false;
let known = ""; // the gallery that is shown
let allowed = false; // this visitor may change pictures
let editable = false; // a gallery of one's own
let filterable = false; // its searches take filters, and a picture to be like
let fewSearches = false; // only what is confirmed with Enter is searched
let pictures = 0;
let hits = [];
let mode = "search"; // "search", "like" or "duplicates"
let like = null; // the picture of "like"
let count = PAGE;
let opened = false; // the less likely pictures of this search are shown, too
let turn = 0;
let timer = 0;

async function call(action, more = {}) {
  try {
    return (await server.gallery_call({ act: action, language, ...more })) || { problem: labels.failed };
  } catch {
    return { problem: labels.failed };
  }
}

// The answer of a call, unless a later one has been asked meanwhile: then null.
async function latest(action, asked) {
  const mine = ++turn;
  const late = window.setTimeout(() => mine === turn && (seeking.textContent = labels.searching), LONG);
  const answer = await call(action, asked);
  window.clearTimeout(late);
  if (mine !== turn) return null;
  seeking.textContent = "";
  return answer;
}

const facts = make("p", { class: "xc-facts" });
const leftOut = make("button", { type: "button", class: "xc-link", hidden: true, onclick: () => details.leftOut(leftOut.textContent) });
const query = make("input", { type: "search", autocomplete: "off", spellcheck: "false", maxlength: "300" });
const filterButton = button("", "", () => unfold(filters.form.hidden), { class: "xc-button", "aria-expanded": "false" });
const duplicatesButton = button("", "", () => (mode === "duplicates" ? everything() : duplicates()), { class: "xc-button", "aria-pressed": "false" });
const seeking = make("span", { class: "xc-seeking", role: "status" });
const seek = make("div", { class: "xc-seek", id: "xc-gallery-search" }, make("label", {}, icon("search"), query, seeking), filterButton, duplicatesButton);
const heading = make("h2", {});
const back = make("button", { type: "button", class: "xc-link", onclick: () => everything() });
const shown = make("div", { class: "xc-shown", hidden: true }, heading, back);
const words = make("p", { class: "xc-gallery-words", role: "status" });
const wall = make("div", {});
const less = make("button", { type: "button", class: "xc-button xc-more", hidden: true });
const more = make("button", { type: "button", class: "xc-button xc-more", hidden: true, onclick: () => ((count += PAGE), find()) });
const credit = make("p", { class: "xc-facts xc-attribution" });

const filters = makeFilters({ labels: () => labels, changed: () => (mode === "duplicates" ? everything() : restart()) });
const details = makeDetails({
  labels: () => labels,
  call,
  allowed: () => allowed,
  editable: () => editable,
  filterable: () => filterable,
  like: (one) => ((mode = "like"), (like = hits.find((hit) => hit.id === one.id) || one), restart(), root.scrollIntoView({ block: "start" })),
  changed: (one) => (replace(one), refresh()),
  removed: () => (mode === "duplicates" ? duplicates() : find(), refresh()),
  step: (id, way) => {
    const next = hits[hits.findIndex((one) => one.id === id) + way];
    if (next) details.open(next);
  },
});
const adding = makeAdding({ labels: () => labels, call, upload, root, ended: () => (refresh(), mode === "duplicates" ? duplicates() : find()) });

root.replaceChildren(
  make("div", { class: "xc-top" }, facts, leftOut),
  seek,
  filters.form,
  filters.chips,
  adding.panel,
  shown,
  words,
  wall,
  less,
  more,
  credit,
  details.dialog,
);

// -- asking ----------------------------------------------------------------------------------------

function restart() {
  count = PAGE;
  opened = false;
  return find();
}

function everything() {
  mode = "search";
  like = null;
  restart();
}

async function find() {
  window.clearTimeout(timer);
  label();
  if (!ready) return;
  const wanted = query.value.trim();
  const answer = await latest("search", { query: mode === "like" ? "" : wanted, like: mode === "like" ? like.id : "", filters: filters.value(), count });
  if (!answer) return;
  const asked = wanted || mode === "like";
  const untouched = editable ? labels.empty : fewSearches ? labels.begin_enter : labels.begin; // others show nothing before they are searched
  const nothing = filters.count() && (editable || asked) ? labels.nothing_filtered : asked ? labels.nothing : untouched;
  show(answer.hits || [], answer.problem || nothing, Boolean(answer.more));
}

async function duplicates() {
  window.clearTimeout(timer);
  mode = "duplicates";
  label();
  const answer = await latest("duplicates");
  if (!answer) return;
  const groups = answer.groups || [];
  heading.textContent = labels.groups.replace("{count}", answer.count || 0);
  show(groups.flat(), answer.problem || labels.no_duplicates, false, groups);
}

// Facts and choices anew: the gallery has changed.
async function refresh() {
  const hello = await call("hello");
  if (hello.problem) return;
  ({ may: allowed, editable, filterable, few_searches: fewSearches } = hello);
  pictures = hello.pictures || 0;
  facts.textContent = hello.facts || facts.textContent;
  leftOut.textContent = hello.left_out || "";
  leftOut.hidden = !hello.left_out || !allowed || !editable;
  credit.textContent = hello.attribution || "";
  adding.greet(allowed, hello.job, hello.chosen);
  filters.offer(editable ? await call("choices") : {});
  label();
}

// -- drawing ---------------------------------------------------------------------------------------

function tile(one) {
  const name = one.caption || labels.no_caption;
  const kinds = ["xc-tile", one.drawing && "xc-drawing", !one.caption && "xc-wordless"].filter(Boolean).join(" ");
  return make(
    "button",
    { type: "button", class: kinds, title: name, "aria-label": name, "data-id": one.id, onclick: () => details.open(hits.find((hit) => hit.id === one.id) || one) },
    make("img", { src: address(one.thumb), alt: "", loading: "lazy" }),
    make("span", { text: name }),
  );
}

function show(found, nothing, further = false, groups = null) {
  const likely = found.filter((one) => one.likely !== false); // servers of before say nothing of it
  const others = groups ? [] : found.filter((one) => one.likely === false);
  hits = opened ? [...likely, ...others] : likely;
  words.textContent = !found.length ? nothing : likely.length ? "" : labels.none_likely;
  words.hidden = !words.textContent;
  less.hidden = opened || !others.length;
  less.textContent = labels.less.replace("{count}", others.length);
  more.hidden = !further || !less.hidden;
  if (groups) {
    wall.replaceChildren(...groups.map((group) => make("section", { class: "xc-group" }, make("div", { class: "xc-wall" }, ...group.map(tile)))));
    return;
  }
  const row = (pictures) => make("div", { class: "xc-wall", hidden: !pictures.length }, ...pictures.map(tile));
  const parted = opened && others.length && make("section", { class: "xc-group xc-less" }, make("p", { class: "xc-facts", text: labels.less_likely }), row(others));
  wall.replaceChildren(...[row(likely), parted].filter(Boolean));
  less.onclick = () => {
    opened = true;
    show(found, nothing, further);
    wall.querySelector(".xc-less .xc-tile").focus({ preventScroll: true }); // the button that had it is gone
  };
}

// A picture that cannot be fetched has an address of before, where the program was restarted: once found anew.
let fetched = 0;
wall.addEventListener("error", ({ target }) => {
  if (target.tagName !== "IMG" || Date.now() - fetched < 60_000) return;
  fetched = Date.now();
  mode === "duplicates" ? duplicates() : find();
}, true);

function replace(one) {
  hits = hits.map((hit) => (hit.id === one.id ? { ...hit, ...one, score: hit.score, likely: hit.likely } : hit));
  const changed = hits.find((hit) => hit.id === one.id);
  const old = [...wall.querySelectorAll(".xc-tile")].find((node) => node.dataset.id === one.id);
  if (changed && old) old.replaceWith(tile(changed));
}

function unfold(open) {
  filters.form.hidden = !open;
  filterButton.setAttribute("aria-expanded", String(open));
}

function label() {
  query.placeholder = labels.placeholder;
  query.setAttribute("aria-label", labels.search);
  const chosen = filters.count();
  filterButton.lastChild.textContent = chosen ? `${labels.filters} · ${chosen}` : labels.filters;
  filterButton.setAttribute("aria-label", labels.filters);
  duplicatesButton.lastChild.textContent = labels.duplicates;
  duplicatesButton.setAttribute("aria-label", labels.duplicates);
  duplicatesButton.setAttribute("aria-pressed", String(mode === "duplicates"));
  filterButton.hidden = !filterable || !pictures;
  duplicatesButton.hidden = !editable || !pictures;
  more.textContent = labels.more;
  back.textContent = labels.all;
  shown.hidden = mode === "search";
  if (mode === "like") heading.textContent = labels.like_shown.replace("{caption}", like.caption || labels.no_caption);
}

// -- what the page says: labels, and whether there is a gallery ------------------------------------

async function receive(value) {
  if (!value || !value.texts) return;
  const relabelled = value.language !== language || !labels.search;
  labels = value.texts;
  language = value.language;
  adding.label();
  if (relabelled) filters.label();
  label();
  const gallery = value.ready ? `${value.name}\n${value.facts}\n${value.left_out}` : "";
  ready = value.ready;
  if (value.facts) facts.textContent = value.facts;
  if (value.problem) show([], value.problem);
  if (gallery === known && !relabelled) return;
  known = gallery;
  await refresh();
  adding.refresh();
  if (ready) mode === "duplicates" ? duplicates() : find();
}

query.addEventListener("input", () => {
  mode = "search";
  window.clearTimeout(timer);
  if (!fewSearches || !query.value.trim()) timer = window.setTimeout(restart, TYPING);
});
query.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.isComposing) restart();
});

watch("value", () => receive(props.value));
receive(props.value);
