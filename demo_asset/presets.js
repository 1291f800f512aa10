// Presets of the form: what a person has set (first.js), kept under names of theirs in this browser.

/* global element, props, trigger, watch, make, button, fill, xcSettings, xcPresets, xcUse */

const root = element.querySelector(".xc-presets");
let labels = {};

const choice = make("select", { class: "xc-select", onchange: () => use(choice.value) });
const save = button("", "save", () => naming(true), { class: "xc-button" });
const remove = button("", "trash", () => drop(choice.value), { class: "xc-button xc-danger" });
const name = make("input", { type: "text", class: "xc-field", maxlength: "60", dir: "auto" });
const keep = button("", "check", () => store(), { class: "xc-button xc-primary" });
const cancel = button("", "close", () => naming(false), { class: "xc-button", bare: true });
const said = make("p", { class: "xc-facts", role: "status" });
const choosing = make("div", { class: "xc-row" }, choice, save, remove);
const asking = make("div", { class: "xc-row", hidden: true }, name, keep, cancel);
root.replaceChildren(choosing, asking, said);

function draw(chosen = "") {
  const names = Object.keys(xcPresets.all()).sort((a, b) => a.localeCompare(b));
  choice.replaceChildren(make("option", { value: "", text: labels.none }), ...names.map((one) => make("option", { value: one, text: one })));
  choice.value = chosen;
  remove.hidden = !chosen;
}

function use(chosen) {
  draw(chosen);
  const settings = xcPresets.all()[chosen];
  if (!settings) return;
  xcUse(settings);
  trigger("select", { value: { settings } });
}

function naming(on) {
  choosing.hidden = on;
  asking.hidden = !on;
  said.textContent = "";
  name.value = choice.value;
  (on ? name : save).focus({ preventScroll: true });
}

function store() {
  const wanted = name.value.trim();
  if (!wanted) {
    said.textContent = labels.nameless;
    name.focus();
    return;
  }
  const kept = xcPresets.store(wanted, xcSettings());
  naming(false);
  draw(kept ? wanted : "");
  said.textContent = kept ? fill(labels.kept, { name: wanted }) : labels.forbidden;
}

function drop(chosen) {
  xcPresets.store(chosen, null);
  draw();
  said.textContent = fill(labels.dropped, { name: chosen });
  save.focus({ preventScroll: true });
}

name.addEventListener("keydown", (event) => {
  if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  if (event.key === "Enter") store();
  else naming(false);
});

function relabel() {
  if (!props.value?.texts) return;
  labels = props.value.texts;
  for (const [node, key] of [[save, "save"], [remove, "delete"], [keep, "keep"], [cancel, "cancel"]]) {
    node.setAttribute("aria-label", labels[key]);
    if (node !== cancel) node.lastChild.textContent = labels[key];
    else node.title = labels[key];
  }
  choice.setAttribute("aria-label", labels.title);
  name.setAttribute("aria-label", labels.name);
  name.placeholder = labels.name;
  draw(choice.value);
}

watch("value", relabel);
relabel();
