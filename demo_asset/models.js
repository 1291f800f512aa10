// The view of models: what is loaded, another one in its place, those that suit this machine and those found on it.
// Every question is a call with its own answer; while something is loaded or downloaded, it is asked how far it is.

/* global element, props, watch, server, trigger, make, button, fill */

const POLL = 500; // milliseconds between two questions how far it is

const root = element.querySelector(".xc-models-root");
let labels = {};
let language = "en";
let known = ""; // the model that is shown
let may = false; // this visitor may choose
let job = null;
let following = 0;

async function call(action, more = {}) {
  try {
    return (await server.models_call({ act: action, language, ...more })) || { problem: labels.failed };
  } catch {
    return { problem: labels.failed };
  }
}

// -- what is loaded -----------------------------------------------------------------------------

const nowTitle = make("h2", {});
const name = make("p", { class: "xc-model-name" });
const facts = make("dl", { class: "xc-model-facts" });
const limitsTitle = make("h3", {});
const limits = make("ul", { class: "xc-model-limits" });
const locked = make("p", { class: "xc-facts", hidden: true });
const now = make("section", { class: "xc-model-card", "aria-labelledby": "xc-model-now" }, nowTitle, name, facts, limitsTitle, limits, locked);
nowTitle.id = "xc-model-now";

// -- another one ----------------------------------------------------------------------------------

const wanted = make("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: "4096", id: "xc-model-wanted" });
const wantedLabel = make("label", { for: "xc-model-wanted" });
const bits = make("select", { id: "xc-model-bits" });
const bitsLabel = make("label", { for: "xc-model-bits" });
const go = make("button", { type: "submit", class: "xc-button xc-primary", id: "xc-model-go" });
const form = make("form", { class: "xc-model-form" },
  make("div", { class: "xc-model-field" }, wantedLabel, wanted), make("div", {}, bitsLabel, bits), go);
const formTitle = make("h2", {});
const stays = make("p", { class: "xc-facts" });
const bar = make("progress", { hidden: true });
const line = make("p", { id: "xc-model-line", role: "status" });
const cancel = make("button", { type: "button", class: "xc-button", id: "xc-model-cancel", hidden: true, onclick: () => follow(call("cancel")) });
const freeFirst = make("button", { type: "button", class: "xc-button", id: "xc-model-free", hidden: true, onclick: () => load(job.name, job.bits, true) });
const state = make("div", { class: "xc-model-job", hidden: true }, bar, line, cancel, freeFirst);
const another = make("section", { hidden: true }, formTitle, form, stays, state);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (wanted.value.trim()) load(wanted.value.trim(), Number(bits.value) || null);
  else wanted.focus();
});

const load = (model, precision, free = false) => begin(call("load", { name: model, bits: precision || null, free_first: free }));

// Begins something; the line that tells how far it is may be far above the button.
async function begin(asked) {
  const answer = await asked;
  draw(answer);
  state.scrollIntoView({ block: "nearest" });
  await follow(answer);
}

// Shows how far it is until it has ended; `asked` is the answer of the call that began or cancelled it.
async function follow(asked) {
  const mine = ++following;
  let answer = await asked;
  while (mine === following) {
    draw(answer);
    if (!job || !job.running) break;
    await new Promise((resume) => setTimeout(resume, POLL));
    answer = await call("job");
  }
  if (mine !== following) return;
  await refresh();
  if (job && job.state === "done") trigger("changed", {});
}

function draw(answer) {
  job = answer.problem ? null : answer.job;
  const said = answer.problem || (job && job.line) || "";
  state.hidden = !said;
  if (line.textContent !== said) line.textContent = said;
  line.classList.toggle("xc-bad-line", Boolean(answer.problem || (job && job.bad)));
  bar.hidden = !job || !job.running;
  if (job && job.fraction !== null) (bar.max = 1), (bar.value = job.fraction);
  else bar.removeAttribute("value"); // moves to and fro while it is not known
  const hadFocus = document.activeElement === cancel;
  cancel.hidden = !job || !job.running;
  cancel.disabled = !job || !job.cancellable;
  if (hadFocus && (cancel.hidden || cancel.disabled)) wanted.focus();
  freeFirst.hidden = !job || !job.no_room;
  go.disabled = Boolean(job && job.running);
  for (const one of lists.querySelectorAll(".xc-model-do")) one.disabled = go.disabled;
}

// -- the lists -------------------------------------------------------------------------------------

const knownTitle = make("h2", {});
const machine = make("p", { class: "xc-facts" });
const rows = make("ul", { class: "xc-models" });
const foundTitle = make("h2", {});
const foundRows = make("ul", { class: "xc-models" });
const foundWords = make("p", { class: "xc-facts", role: "status" });
const look = make("button", { type: "button", class: "xc-button", id: "xc-model-look", onclick: () => seek() });
const foundSection = make("section", {}, foundTitle, foundRows, make("div", { class: "xc-model-looking" }, look, foundWords));
const lists = make("div", { hidden: true }, make("section", {}, knownTitle, machine, rows), foundSection);

function does(label, about, work) {
  const node = button(label, "", work, { class: "xc-button xc-model-do", "aria-label": `${label}: ${about}` });
  node.disabled = Boolean(job && job.running);
  return node;
}

function action(one) {
  if (one.loaded) return make("span", { class: "xc-model-tag xc-good", text: labels.in_use });
  if (one.here) return does(labels.load, one.short, () => load(one.name, chosen(one)));
  if (!one.fetchable) return make("span", { class: "xc-facts", text: one.why });
  const label = one.begun ? fill(labels.go_on, { percent: Math.floor(one.begun * 100) }) : one.download ? fill(labels.download_size, { size: one.download }) : labels.download;
  return does(label, one.short, () => begin(call("download", { name: one.name })));
}

// The most bits in which it fits; those it is published in where none does, so that the reason is told.
const chosen = (one) => (one.memory.find((each) => each.fits) || one.memory[0] || {}).bits;

function memory(one) {
  return make("span", { class: "xc-model-memory" }, ...one.memory.map((each) =>
    make("span", { class: `xc-model-tag ${each.fits ? "xc-good" : "xc-faint"}`, title: each.fits ? labels.fits : labels.no_fit },
      make("span", { text: `${each.label} · ${each.memory}` }), make("span", { class: "xc-spoken", text: `, ${each.fits ? labels.fits : labels.no_fit}` }))));
}

function row(one) {
  const more = [one.licence, one.fits ? "" : labels.too_large, one.slow ? labels.slow : ""].filter(Boolean).join(" · ");
  return make("li", { class: "xc-model" },
    make("div", { class: "xc-model-words" }, make("h3", { text: one.short }), make("p", { text: one.words }), memory(one), make("p", { class: "xc-facts", text: more })),
    make("div", { class: "xc-model-action" }, action(one)));
}

function foundRow(one) {
  return make("li", { class: "xc-model" },
    make("div", { class: "xc-model-words" }, make("h3", { text: one.name }), make("p", { class: "xc-facts", text: one.words }), one.why ? make("p", { class: "xc-facts", text: one.why }) : null),
    make("div", { class: "xc-model-action" }, one.loads ? does(labels.load, one.name, () => load(one.loads, null)) : null));
}

async function seek() {
  look.disabled = true;
  foundWords.textContent = labels.looking;
  const answer = await call("servers");
  look.disabled = false;
  const servers = answer.found || [];
  foundRows.append(...servers.map(foundRow));
  foundWords.textContent = answer.problem || (servers.length ? "" : labels.no_servers);
}

// -- drawing ---------------------------------------------------------------------------------------

function show(loaded, status) {
  name.textContent = loaded ? loaded.name : status || labels.nothing;
  facts.replaceChildren(...(loaded ? loaded.facts : []).map((one) => make("div", {}, make("dt", { text: one.label }), make("dd", { text: one.value }))));
  limits.replaceChildren(...(loaded ? loaded.limits : []).map((text) => make("li", { text })));
  limitsTitle.hidden = limits.hidden = !limits.children.length;
}

function label() {
  nowTitle.textContent = labels.loaded;
  limitsTitle.textContent = labels.limits;
  locked.textContent = labels.locked;
  formTitle.textContent = labels.another;
  wantedLabel.textContent = labels.name;
  wanted.placeholder = labels.name_example;
  bitsLabel.textContent = labels.precision_choice;
  const before = bits.value;
  bits.replaceChildren(...[["", labels.published], ["8", fill(labels.bits, { bits: 8 })], ["4", fill(labels.bits, { bits: 4 })]].map(([value, text]) => make("option", { value, text })));
  bits.value = before;
  go.textContent = labels.load;
  stays.textContent = labels.stays;
  cancel.textContent = labels.cancel;
  freeFirst.textContent = labels.free_first;
  knownTitle.textContent = labels.known;
  foundTitle.textContent = labels.found;
  look.textContent = labels.look;
}

async function refresh() {
  const hello = await call("hello");
  if (hello.problem) return;
  may = hello.may;
  show(hello.loaded, hello.status);
  locked.hidden = may;
  another.hidden = lists.hidden = !may;
  if (!may) return;
  const [suiting, found] = [await call("known"), await call("found")];
  machine.textContent = suiting.problem || suiting.machine;
  rows.replaceChildren(...(suiting.models || []).map(row));
  foundRows.replaceChildren(...(found.found || []).map(foundRow));
  foundWords.textContent = found.problem || (foundRows.children.length ? "" : labels.none_found);
  if (hello.job && hello.job.running && !(job && job.running)) follow({ job: hello.job });
}

async function receive(value) {
  if (!value || !value.texts) return;
  const relabelled = value.language !== language || !labels.loaded;
  ({ texts: labels, language } = value);
  label();
  if (value.model === known && !relabelled) return;
  known = value.model;
  await refresh();
}

root.replaceChildren(now, another, lists);
new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && labels.loaded && refresh()).observe(root); // the tab is opened
watch("value", () => receive(props.value));
receive(props.value);
