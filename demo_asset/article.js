// The article view: draws what ui/view.py describes and reports what the person does. It keeps a copy of the sections
// for drawing only; the article itself lives in Python. Runs with Gradio's element, props, trigger, upload and watch.

/* global element, props, trigger, upload, watch, xcKeep, xcKept, make, icon, button, inline, built, fill, address, refocused, settle, credited, makeInspector, makePlacing, makeBlockMenu, makeSelection, makeSectionMenu, makeStepper, makeExporter, makeKeeper, makeUnsaved, makeInterrupted, xcKey, xcDraft, WAITING */

const root = element.querySelector(".xc-root");
const state = { session: null, n: 0, labels: {}, title: "", sections: new Map(), order: [], credits: [], words: 0, language: "en", revision: 0 };
const nodes = new Map(); // section id -> its element
let status = { state: "idle", seconds: {} };
let editing = null; // {id, node} while a text is being edited
let asked = 0; // number of the message after which the whole article was asked for
let since = 0; // number before the first message of this session
let saved = -1; // revision of the article that was saved last; a new article counts from 0 again
const done = new Set(); // numbers of the messages that were received
let heard = 0; // when the last message came, in milliseconds
let behind = false; // messages were missed, and the whole article has not come since
let owner = null; // the session that sent the article which is shown
let recalled = false; // the article was there before the page was loaded anew
let storing = 0; // timer of what is about to be kept
let handed = 0; // when the article was handed to a session that does not have it

const texts = (key) => state.labels[key] || key;
const sent = (action, more) => ({ value: { ...more, act: action, shows: owner, key: xcKey(), draft: keeper.id() } });
const ask = (action, more = {}) => trigger("select", sent(action, more));
const work = (action, more = {}) => trigger("work", sent(action, more));
const running = () => WAITING.includes(status.state);

const stepper = makeStepper({ texts, halt: ({ state: now }) => trigger(now === "running" ? "halt" : "leave", { value: {} }) });
const keeper = makeKeeper({ texts, ask, busy: () => running() || Boolean(editing), shown: () => root.offsetParent !== null });
const unsaved = makeUnsaved({
  ask,
  now: () => ({ draft: keeper.id(), session: state.session, editing: editing?.key }),
  shown: (id) => (id === "" ? state.title : state.sections.has(id) ? editable(state.sections.get(id)) : undefined),
});
const interrupted = makeInterrupted({ texts, goOn: () => begin("go_on", { left: keeper.left() }), finished: () => ask("finished") });
const notices = make("div", { class: "xc-notices", role: "alert", "aria-live": "assertive" });
const toolbar = make("div", { class: "xc-toolbar", hidden: true });
const title = make("h1", { class: "xc-title", hidden: true, tabindex: "0", dir: "auto" });
const body = make("div", { class: "xc-sections" });
const credits = make("footer", { class: "xc-credits", hidden: true });
const article = make("article", { class: "xc-article" }, title, body, credits);
const ordered = () => state.order.map((id) => state.sections.get(id));
const placing = makePlacing({ ask, running, sections: ordered, node: (id) => nodes.get(id) });
const inspector = makeInspector({ texts, ask, work, upload, say, wait, placing });
const selection = makeSelection({ texts, ask, work, running, sections: ordered, node: (id) => nodes.get(id) });
const blockMenu = makeBlockMenu({ texts });
const sectionMenu = makeSectionMenu({ texts, selection, ask, work, running, sections: ordered, node: (id) => nodes.get(id), whole: () => root });
const exporter = makeExporter({ texts, ask, say, deliver: (value) => trigger("deliver", { value: { ...value, shows: owner } }) });
root.replaceChildren(stepper.line, notices, interrupted.line, toolbar, exporter.line, article, selection.bar, inspector.panel);

// -- sections ---------------------------------------------------------------------------------------

// Headings and paragraphs are one line of text; other blocks, and imported ones with further marks, are edited as Markdown.
const oneLine = (section) => ["heading", "paragraph"].includes(section.kind);
const markdownOf = (section) => section.edited || (oneLine(section) ? section.elements?.length && section.source : section.source || section.text) || "";

const editable = (section) => markdownOf(section) || section.text;

function drawText(node, section) {
  const tag = section.kind === "heading" ? `h${Math.min(Math.max(section.level, 2), 6)}` : section.kind === "paragraph" ? "p" : "div";
  let text = node.querySelector(":scope > .xc-text");
  if (!text || text.tagName.toLowerCase() !== tag) {
    const fresh = make(tag, { class: "xc-text", dir: "auto", onclick: (event) => editAt(event, section.id) });
    if (text) text.replaceWith(fresh);
    else node.prepend(fresh);
    text = fresh;
  }
  text.replaceChildren(...(section.elements?.length && !section.edited ? section.elements.map(built) : inline(section.edited || section.text)));
}

// Streamed pieces are drawn once a frame, however many of them arrive in it.
const undrawn = new Set();
function drawSoon(section) {
  undrawn.add(section.id);
  if (undrawn.size > 1) return;
  requestAnimationFrame(() => {
    for (const id of undrawn) if (nodes.has(id) && state.sections.has(id)) drawText(nodes.get(id), state.sections.get(id));
    undrawn.clear();
  });
}

function drawTools(node, section) {
  const tools = make("div", { class: "xc-tools" }, button(texts("edit"), "edit", () => edit(section.id), { class: "xc-quiet", bare: true }));
  if (["paragraph", "list", "quote"].includes(section.kind) && !section.picture) {
    tools.append(
      button(lookedFor(section) || texts("add"), "picture", () => add(section.id), { class: "xc-quiet xc-add", bare: true, "aria-label": texts("add") }),
      button(texts("upload"), "upload", () => !running() && inspector.pick(section), { class: "xc-quiet xc-own", bare: true }),
    );
  }
  tools.append(sectionMenu.opener(section));
  node.querySelector(":scope > .xc-tools")?.remove();
  node.append(tools);
}

// What was looked for beside a paragraph that has no picture.
function lookedFor(section) {
  const queries = section.looked_for || [];
  return queries.length ? `${texts("add")}. ${texts("looked_for").replace("{queries}", queries.join(", "))}` : "";
}

function drawPicture(node, section) {
  const old = node.querySelector(":scope > figure");
  const picture = section.picture;
  if (!picture) {
    old?.remove();
    return;
  }
  const chosen = picture.chosen;
  const figure = make("figure", { class: `xc-figure${chosen && chosen.drawing ? " xc-drawing" : ""}${chosen ? "" : " xc-empty"}${chosen && picture.width ? ` xc-${picture.width}` : ""}` });
  if (chosen && !chosen.src) {
    const words = fill(texts("missing"), { name: picture.caption || chosen.caption || chosen.id });
    figure.append(make("button", { type: "button", class: "xc-picture xc-placeholder", onclick: () => open(section.id) }, icon("picture"), make("span", { text: words })));
  } else if (chosen) {
    const image = make("img", { src: address(chosen.src), alt: picture.alt });
    const card = make("button", { type: "button", class: "xc-picture", "aria-label": `${texts("open")}: ${picture.caption}`, onclick: () => open(section.id) }, image);
    placing.handle(card, section);
    figure.append(card);
  } else {
    const waits = running();
    figure.append(
      make(
        "button",
        { type: "button", class: `xc-picture xc-placeholder${waits ? " xc-pulse" : ""}`, onclick: () => open(section.id) },
        icon("picture"),
        make("span", { text: texts(waits ? "searching" : "no_picture") }),
      ),
    );
  }
  const line = make("figcaption", {}, make("span", { dir: "auto", text: picture.caption }));
  // quiet: only where the program is not sure, and only as long as no person has decided
  if (chosen && chosen.evidence && !chosen.fits && !picture.by_hand) line.append(make("span", { class: "xc-perhaps", text: texts("perhaps") }));
  if (picture.text_changed) line.append(make("span", { class: "xc-perhaps", text: texts("changed_short") }));
  if (chosen && (chosen.credit || chosen.licence)) {
    const words = [credited(chosen), chosen.approximate ? texts("approximate") : ""];
    const note = make("span", { class: "xc-credit", text: words.filter(Boolean).join(" · "), hidden: true });
    const sign = button(texts("credit"), "info", () => {
      note.hidden = !note.hidden;
      sign.setAttribute("aria-expanded", String(!note.hidden));
    }, { class: "xc-quiet xc-info", bare: true, "aria-expanded": "false" });
    line.append(sign, note);
  }
  figure.append(line);
  if (old) old.replaceWith(figure);
  else node.querySelector(":scope > .xc-text").after(figure);
}

function draw(section) {
  let node = nodes.get(section.id);
  if (!node) {
    node = make("section", { class: "xc-section", "data-id": section.id });
    nodes.set(section.id, node);
    body.append(node);
  }
  node.dataset.kind = section.kind;
  if (section.picture) wait(section.id);
  if (!editing || editing.id !== section.id) drawText(node, section);
  drawPicture(node, section);
  drawTools(node, section);
  sectionMenu.update(section);
  inspector.update(section);
}

function drawAll() {
  for (const [id, node] of nodes) {
    if (!state.sections.has(id)) {
      node.remove();
      nodes.delete(id);
    }
  }
  title.hidden = !state.title;
  title.textContent = state.title;
  article.lang = state.language;
  for (const id of state.order) draw(state.sections.get(id));
  if (state.order.some((id, at) => body.children[at] !== nodes.get(id))) body.append(...state.order.map((id) => nodes.get(id)));
  credits.hidden = state.credits.length === 0;
  credits.replaceChildren(make("span", { class: "xc-label", text: texts("credits") }), ...state.credits.map((line) => make("p", { text: line })));
  drawToolbar();
  selection.draw();
  mark();
}

// What the page around the view looks like depends on whether there is an article and whether it is being written.
function mark() {
  const now = running() ? "running" : state.order.length ? "done" : "empty";
  document.body.dataset.article = now;
  root.dataset.state = status.state;
}

// -- editing ----------------------------------------------------------------------------------------

function open(id) {
  if (!running()) inspector.open(state.sections.get(id), () => nodes.get(id)?.querySelector(".xc-picture, .xc-tools button"));
}

function add(id) {
  if (running() || nodes.get(id).querySelector(":scope > .xc-wait")) return;
  wait(id, texts("adding"));
  work("propose", { id });
}

// Says under a section what it waits for; without words it waits no longer.
function wait(id, words = "") {
  const node = nodes.get(id);
  node?.querySelector(":scope > .xc-wait")?.remove();
  if (words) node?.append(make("p", { class: "xc-wait", role: "status", text: words }));
}

// caret: characters that stand behind it. fresh: the block has nothing but the sign of its place, which what is typed
// replaces; left as it is, the block goes again.
function edit(id, { caret = 0, fresh = false } = {}) {
  if (running() || editing || sectionMenu.busy(id)) return;
  const whole = id === null;
  const node = whole ? title : nodes.get(id).querySelector(":scope > .xc-text");
  const markdown = whole ? "" : markdownOf(state.sections.get(id));
  const before = whole ? state.title : editable(state.sections.get(id));
  const field = make("textarea", { class: `xc-edit xc-edit-${node.tagName.toLowerCase()}`, rows: 1, dir: "auto", "aria-label": texts(whole ? "title_label" : "edit"), maxlength: whole ? "500" : markdown ? null : "20000" });
  field.classList.toggle("xc-edit-markdown", Boolean(markdown));
  field.value = fresh ? before.replace(EMPTY, "") : before;
  const hint = make("p", { class: "xc-hint", text: texts(markdown ? "edit_hint_markdown" : "edit_hint") });
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  // hold: another action takes the words; they are kept until the program has done it
  const finish = (keep, back = false, hold = false) => {
    if (!editing) return;
    editing = null;
    blockMenu.shut();
    const text = markdown ? field.value.trimEnd() : field.value.replace(/\s+/g, " ").trim();
    if (fresh && !hold && (!keep || text === before.replace(EMPTY, "").trimEnd())) {
      settle(() => (field.remove(), hint.remove(), (node.hidden = false)));
      unsaved.drop(id);
      ask("delete", { id });
      return;
    }
    const changed = keep && text.trim() && text !== (markdown ? before.replace(/\r\n?/g, "\n") : before);
    if (changed && whole) state.title = text; // kept here, too: the program may be away just now
    else if (changed && state.sections.has(id)) state.sections.get(id)[markdown ? "edited" : "text"] = text;
    if (changed) unsaved.done(whole ? "" : id, before, text, Boolean(markdown));
    else if (hold) unsaved.hold(id);
    else unsaved.drop(whole ? "" : id, before);
    settle(() => {
      field.remove();
      hint.remove();
      node.hidden = false;
      if (changed) node.replaceChildren(...(whole ? [document.createTextNode(text)] : inline(text)));
      if (back) (whole ? title : nodes.get(id).querySelector(".xc-tools button")).focus({ preventScroll: true });
    });
  };
  const leave = () => finish(false, false, true);
  field.addEventListener("input", () => {
    fit();
    unsaved.typed(whole ? "" : id, before, markdown ? field.value : field.value.replace(/\s+/g, " "), Boolean(markdown));
  });
  if (!whole && !markdown) field.addEventListener("paste", (event) => pasted(event, id, field, leave));
  field.addEventListener("blur", () => finish(true));
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (!whole && !markdown && blockMenu.key(event, field, (kind, place) => become(id, field, kind, place, leave))) return;
    if (!whole && !markdown && !event.isComposing && arranged(event, id, field, leave)) return;
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return; // composing: the keys are the input method's
    if (markdown && event.key === "Enter" && !(event.ctrlKey || event.metaKey)) return; // a line end is part of it
    event.preventDefault();
    finish(event.key === "Enter", true);
  });
  editing = { id, node, key: whole ? "" : id };
  node.hidden = true;
  node.after(field, hint);
  fit();
  field.focus();
  const at = fresh ? Math.max(0, before.indexOf(EMPTY)) : Math.max(0, field.value.length - caret);
  field.setSelectionRange(at, at);
}

const EMPTY = "…"; // as in ui/write/sections.py

// A text of several paragraphs becomes several blocks; what stood before and behind the caret goes to the first and last.
function pasted(event, id, field, leave) {
  const words = (event.clipboardData?.getData("text/plain") || "").replace(/\r\n?/g, "\n").trim();
  const lines = words.split("\n").filter((line) => line.trim());
  if (lines.length < 2 || id === null) return;
  event.preventDefault();
  const { selectionStart: start, selectionEnd: end, value } = field;
  const section = state.sections.get(id);
  const mark = section.kind === "heading" ? `${"#".repeat(section.level || 2)} ` : "";
  // lines that end like sentences are paragraphs, where nothing else parts them
  const parted = /\n\s*\n/.test(words) || lines.some((line) => /^\s*([-*+>#|]|\d{1,9}[.)]|```|~~~)/.test(line));
  const whole = !parted && 2 * lines.filter((line) => /[.!?…。！？:：][\s"'”’」』）)\]*_]*$/.test(line)).length > lines.length;
  const text = `${mark}${value.slice(0, start)}${whole ? lines.join("\n\n") : words}${value.slice(end)}`;
  const before = editable(section);
  leave();
  section.edited = text;
  draw(section);
  unsaved.done(id, before, text, true, { edit: value.length - end });
}

// The text becomes another block, or gets one below it.
function become(id, field, kind, place, leave) {
  const text = field.value.replace(/\s+/g, " ").trim();
  leave();
  ask("block", { id, text, kind, below: place === "below" });
}

// Enter in the middle of a text splits it there; Backspace before its first letter joins it with the one above.
function arranged(event, id, field, leave) {
  const { selectionStart: start, selectionEnd: end, value } = field;
  const [first, second] = [value.slice(0, start).trim(), value.slice(end).trim()];
  if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey && first && second) {
    event.preventDefault();
    leave();
    ask("split", { id, first, second });
    return true;
  }
  if (event.key === "Backspace" && start === 0 && end === 0 && state.order[0] !== id) {
    event.preventDefault();
    leave();
    ask("join", { id, text: value.trim() });
    return true;
  }
  return false;
}

// A click into the text edits it; following a link or marking words does not.
function editAt(event, id) {
  if (!event.target.closest("a") && window.getSelection().isCollapsed) edit(id);
}

title.addEventListener("click", (event) => editAt(event, null));
title.addEventListener("keydown", (event) => event.key === "Enter" && edit(null));

// -- around the article -----------------------------------------------------------------------------

// Long work of the model for the article.
function begin(action, more) {
  OPERATIONS.status({ state: "waiting", ahead: 0 }); // at once: a second click would begin it a second time
  ask("wait", { join: true });
  work(action, more);
}

function drawToolbar() {
  interrupted.draw({ left: keeper.left(), begun: state.order.length > 0, running: running() });
  toolbar.hidden = running() || state.order.length === 0;
  if (toolbar.hidden) return;
  const pictures = state.order.filter((id) => state.sections.get(id).picture?.chosen).length;
  const facts = [fill(texts("words"), { count: state.words }), pictures === 1 ? texts("picture_one") : fill(texts("pictures"), { count: pictures })];
  const seconds = status.seconds && status.seconds.total;
  if (status.state === "done" && seconds) facts.push(fill(texts("done"), { seconds }));
  const old = toolbar.querySelector("select");
  const count = make("select", { class: "xc-select", "aria-label": texts("insert_title"), title: texts("insert_title") });
  count.append(make("option", { value: "", text: texts("automatic") }));
  for (let number = 1; number <= 30; number += 1) count.append(make("option", { value: String(number), text: String(number) }));
  if (old) count.value = old.value;
  const insert = () => begin("illustrate", { pictures: count.value ? Number(count.value) : null });
  toolbar.replaceChildren(
    make("p", { class: "xc-facts", text: facts.join(" · ") }),
    make("div", { class: "xc-row" },
      keeper.undo, keeper.redo,
      make("span", { class: "xc-joined" }, button(texts("insert"), "picture", insert, { class: "xc-button xc-insert", title: texts("insert_title") }), count),
      button(texts("ask"), "chat", () => trigger("about", sent("about")), { class: "xc-button xc-ask-about", title: texts("ask_title") }),
      exporter.menu,
    ),
  );
}

setInterval(() => status.state === "waiting" && ask("wait"), 3000);

function say(text, tone = "warning") {
  const note = make("div", { class: `xc-notice xc-${tone}` }, make("span", { text }));
  note.append(button(texts("dismiss"), "close", () => note.remove(), { class: "xc-quiet", bare: true }));
  notices.replaceChildren(...[...notices.children].slice(-2), note);
  if (tone === "good") setTimeout(() => note.remove(), 6000);
  if (!root.offsetParent) window.dispatchEvent(new CustomEvent("xc-said", { detail: text })); // to the tab that is open
}

// -- a program that was restarted has no article: it takes the one that is shown ---------------------

const OWN = "upload-"; // ids of pictures that a person uploaded: they went with the program that was ended

// An image on a canvas, with a longest side of at most that many pixels.
function drawn(image, longest = Infinity) {
  const scale = Math.min(1, longest / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = make("canvas", { width: Math.round(image.naturalWidth * scale), height: Math.round(image.naturalHeight * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// A picture as it is shown, or as it was kept before a reload, uploaded anew; null where the browser has neither.
async function uploaded(section, picture) {
  const image = nodes.get(section)?.querySelector(":scope > figure img");
  const kept = uploads[picture];
  const shown = image?.complete && image.naturalWidth;
  if (!shown && !kept) return null;
  const content = shown ? await new Promise((give) => drawn(image).toBlob(give, "image/jpeg", 0.95)) : await (await fetch(kept)).blob();
  return (await upload(new File([content], "picture.jpg", { type: "image/jpeg" }))).path;
}

// A picture that cannot be fetched has an address of before: asked once for the present ones.
let fetched = "";
root.addEventListener("error", ({ target }) => {
  if (target.tagName !== "IMG" || fetched === owner || running()) return;
  fetched = owner;
  ask("resync");
}, true);

async function hand() {
  if (Date.now() - handed < 20000) return; // is on its way
  handed = Date.now();
  const sections = ordered();
  const again = {};
  for (const { id, picture } of sections) {
    if (!picture?.chosen?.id.startsWith(OWN)) continue;
    try {
      again[picture.chosen.id] = await uploaded(id, picture.chosen.id);
    } catch { /* Python says how many pictures are gone */ }
  }
  const { title, language, revision, model, parameters, imported } = state;
  ask("restore", { article: { title, language, revision, model, parameters, imported, sections }, uploads: again, language: root.lang });
}

// -- what a reload must not end: ui/write/restoring.py gives it to the session that comes after -----------

const PIXELS = 1600; // longest side of an upload that is kept in the browser
const uploads = xcKept("uploads") || {}; // id of an upload that stands in the article -> its picture as a data: address

function store() {
  clearTimeout(storing);
  storing = 0;
  const sections = ordered();
  const { title, language, revision, model, parameters, imported, credits, words } = state;
  const article = { owner, saved, draft: keeper.place(), broken: running(), title, language, revision, model, parameters, imported, credits, words, sections };
  const used = sections.map(({ picture }) => picture?.chosen?.id);
  for (const id of Object.keys(uploads)) if (!used.includes(id)) delete uploads[id];
  const value = sections.length ? article : null;
  if (xcKeep("article", value)) xcKeep("uploads", uploads);
  else if (xcKeep("uploads", null)) xcKeep("article", value); // there is not room for both
}

function storeSoon() {
  storing ||= setTimeout(store, 500);
}

// An upload is kept as soon as it is drawn: the program that has its file may be ended before the page knows.
function keepUpload({ target: image }) {
  const id = image.closest(".xc-section") && state.sections.get(image.closest(".xc-section").dataset.id)?.picture?.chosen?.id;
  if (!id?.startsWith(OWN) || !image.closest("figure") || uploads[id]) return;
  uploads[id] = drawn(image, PIXELS).toDataURL("image/jpeg", 0.9);
  storeSoon();
}

function recall() {
  const kept = xcKept("article");
  if (!kept?.sections?.length || xcDraft().draft !== (kept.draft?.id ?? null)) return;
  keeper.recall(kept.draft);
  ({ owner, saved } = kept);
  OPERATIONS.article(kept);
  recalled = true;
  if (kept.broken) say(texts("stopped"), "plain");
}

window.addEventListener("xc-drafts-do", ({ detail: { act, ...more } }) => ask(act, more)); // drafts.js

// The chat puts a picture of a question beside a paragraph (turns.js).
window.xcPlaces = () => state.order.map((id) => state.sections.get(id)).filter(({ kind }) => ["paragraph", "list", "quote"].includes(kind)).map(({ id, text }) => ({ id, text }));
window.addEventListener("xc-picture-do", async ({ detail: { id, file } }) => {
  try {
    ask("upload", { id, path: (await upload(file)).path, caption: "" });
    say(texts("placed"), "good");
  } catch {
    say(texts("bad_upload"));
  }
});

root.addEventListener("load", keepUpload, true);
window.addEventListener("pagehide", store);

// -- messages ---------------------------------------------------------------------------------------

const OPERATIONS = {
  article(op) {
    if (!op.title && !op.sections.length && state.order.length) return; // nothing never takes the place of something
    handed = 0;
    state.model = op.model;
    state.parameters = op.parameters;
    state.imported = op.imported;
    state.title = op.title;
    state.language = op.language;
    state.credits = op.credits;
    state.words = op.words;
    state.revision = op.revision;
    state.order = op.sections.map((section) => section.id);
    state.sections = new Map(op.sections.map((section) => [section.id, section]));
    drawAll();
    sectionMenu.drawn();
    placing.drawn();
    const opened = inspector.id();
    if (opened !== null && !state.sections.has(opened)) inspector.shut();
  },
  section({ section }) {
    if (!state.sections.has(section.id)) state.order.push(section.id);
    state.sections.set(section.id, section);
    draw(section);
    mark();
  },
  text(op) {
    const section = state.sections.get(op.id);
    if (!section || op.at > section.text.length) return false; // something before it is missing
    section.text = section.text.slice(0, op.at) + op.text;
    drawSoon(section);
    return true;
  },
  status(op) {
    const was = running();
    const stopping = status.stopping && WAITING.includes(op.state);
    status = { seconds: {}, ...op, stopping };
    if (running() && !was) {
      saved = -1;
      stepper.begin();
      inspector.shut();
      sectionMenu.shut();
      selection.shut();
      notices.replaceChildren();
    }
    if (op.state === "stopped") say(texts("stopped"), "plain");
    stepper.draw(status);
    if (was !== running()) for (const id of state.order) draw(state.sections.get(id));
    drawToolbar();
    mark();
  },
  step({ step, seconds }) {
    stepper.ended(step, seconds);
  },
  draft(op) {
    keeper.take(op);
    drawToolbar();
  },
  fresh() {
    owner = null;
    saved = -1;
    Object.assign(state, { title: "", sections: new Map(), order: [], credits: [], words: 0, revision: 0, imported: null });
    notices.replaceChildren();
    inspector.shut();
    sectionMenu.shut();
    drawAll();
  },
  box({ was, title: now, own }) {
    const put = (place, words) => {
      const field = document.querySelector(place);
      if (!field || field.value === words(field.value)) return;
      field.value = words(field.value);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    put("#xc-title textarea", (said) => (said.trim() === was.trim() ? now : said));
    if (own) put("#xc-own-text textarea", () => "");
  },
  hand() {
    hand();
  },
  rejoin() {
    trigger("rejoin", {});
  },
  again({ value }) {
    if (value.act === "export") trigger("deliver", { value: { ...value, shows: owner } });
    else if (value.act === "about") trigger("about", sent("about"));
    else work(value.act, value);
  },
  notice(op) {
    handed = 0;
    inspector.free();
    for (const id of state.order) wait(id);
    say(op.text, op.tone);
  },
  open({ id }) {
    if (state.sections.has(id)) open(id);
  },
  edit({ id, caret, fresh }) {
    if (state.sections.has(id)) edit(id, { caret, fresh });
  },
  proposal(op) {
    sectionMenu.propose(op);
  },
  proposed(op) {
    return sectionMenu.write(op);
  },
  exporting(op) {
    exporter.draw(op);
  },
  copy(op) {
    exporter.copied(op);
  },
  download({ url, name }) {
    const link = make("a", { href: address(url), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    saved = state.revision;
  },
  texts(op) {
    state.labels = op.texts;
    root.lang = op.language;
    inspector.label();
    sectionMenu.label();
    selection.label();
    stepper.draw(status);
    exporter.label();
    keeper.draw();
    drawAll();
  },
};

function receive(message) {
  if (!message || !Array.isArray(message.ops)) return;
  if (message.session !== state.session) {
    state.session = message.session;
    state.n = message.session ? message.n - 1 : 0; // a new session: its numbers begin where they begin
    since = state.n;
    asked = 0;
    done.clear();
    if (recalled) setTimeout(() => ask("resync")); // it is given what a reload has left
    recalled = false;
    if (message.session) {
      xcKeep("session", message.session);
      window.xcShows?.(message.session);
    }
  }
  if (message.session && message.n <= state.n) return; // seen, or older than what is shown
  heard = performance.now();
  let missing = message.session && message.n > state.n + 1;
  if (message.session) state.n = message.n;
  done.add(message.n);
  refocused(root, () => {
    for (const op of message.ops) {
      if (op.message && (op.message <= since || done.has(op.message))) continue; // was done when its own message came
      if (OPERATIONS[op.op](op) === false) missing = true;
      if (op.op === "article" && (op.title || op.sections.length)) owner = message.session;
    }
  });
  for (const op of message.ops) if (op.message) done.add(op.message);
  if (message.ops.some(({ op }) => ["article", "draft"].includes(op))) unsaved.compare(); // when it is known which draft it is
  storeSoon();
  behind = missing || (behind && !message.ops.some((op) => op.op === "article"));
  if (missing && state.n > asked) {
    asked = state.n + 3; // a few further pieces may already be under way: ask once for them all
    ask("resync");
  }
}

// Of two answers that come at the same moment the page may show one only; where that was the last one, none would follow
// that tells of it. So silence while the model is at work, or after a gap, asks for the whole article.
setInterval(() => {
  const working = ["waiting", "loading", "running"].includes(status.state);
  if (!state.session || performance.now() - heard < (behind ? 2000 : working ? 8000 : Infinity)) return;
  heard = performance.now();
  ask("resync");
}, 1000);

// Leaving the page may lose the article: the browser asks first (first.js), unless it is a draft or was saved as it is.
window.xcUnsaved = () => state.order.length > 0 && state.revision !== saved && !keeper.holds(state.revision);

// A message comes as text: of objects the page is sent the differences, which Gradio takes wrongly (ui/messages.py).
const message = () => props.value && JSON.parse(props.value);

watch("value", () => {
  const now = message();
  settle(() => receive(now));
});
receive(message());
recall();
element.xcReceive = receive; // for the tests of this file
