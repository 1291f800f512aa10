// The filters of the gallery: a form that unfolds, and the most frequent tags as buttons.

const NO_FILTERS = { tag: "", folder: "", after: "", before: "", orientation: "", min_width: 0, min_height: 0, licence: "" };
const LIMITS = { number: { min: "0", max: "1000000", step: "1" }, date: { max: "9999-12-31" } }; // four digits of a year
const CHIPS = 12; // tags shown as buttons

function makeFilters({ labels, changed }) {
  const fields = {};
  const form = make("form", { class: "xc-filters", hidden: true });
  const chips = make("div", { class: "xc-tags", role: "group" });
  const clear = make("button", { type: "button", class: "xc-button", onclick: () => reset() });
  let choices = { tags: [], folders: [], licences: [] };

  for (const [name, tag, type] of [
    ["tag", "select"],
    ["folder", "select"],
    ["after", "input", "date"],
    ["before", "input", "date"],
    ["orientation", "select"],
    ["min_width", "input", "number"],
    ["min_height", "input", "number"],
    ["licence", "select"],
  ]) {
    const input = make(tag, { name, ...(type ? { type } : {}), ...LIMITS[type] });
    input.addEventListener(type ? "input" : "change", notify);
    const label = make("label", {}, make("span", {}), input);
    fields[name] = { input, label };
    form.append(label);
  }
  form.append(clear);
  form.addEventListener("submit", (event) => event.preventDefault());

  function notify() {
    press();
    changed();
  }

  function press() {
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.value === fields.tag.input.value));
  }

  function reset() {
    for (const { input } of Object.values(fields)) input.value = "";
    notify();
  }

  function options(select, pairs) {
    const before = select.value;
    select.replaceChildren(make("option", { value: "", text: labels().any }), ...pairs.map(([value, text]) => make("option", { value, text })));
    select.value = pairs.some(([value]) => value === before) ? before : "";
  }

  // A folder as its place below the one that holds them all, so that lists are short.
  function places(folders) {
    const top = folders.length ? folders[0][0] : "";
    // bytes of a name that are no text come as a mark and four digits (retrieval/paths.py)
    const shown = (path) => path.replace(/\ufdd0[0-9a-f]{4}/g, "\ufffd");
    return folders.map(([path, count]) => [path, `${shown(path === top ? path : path.slice(top.length + 1))} (${count})`]);
  }

  function label() {
    clear.textContent = labels().clear;
    for (const [name, field] of Object.entries(fields)) field.label.firstChild.textContent = labels()[name];
    fields.tag.label.firstChild.textContent = labels().tag;
    options(fields.tag.input, choices.tags.map(([tag, count]) => [tag, `${tag} (${count})`]));
    options(fields.folder.input, places(choices.folders));
    options(fields.licence.input, choices.licences.map((one) => [one, one]));
    options(fields.orientation.input, ["landscape", "portrait", "square"].map((one) => [one, labels()[one]]));
    for (const name of ["tag", "folder", "licence"]) fields[name].label.hidden = fields[name].input.options.length < 2;
    chips.hidden = choices.tags.length === 0;
    chips.setAttribute("aria-label", labels().tag);
    chips.replaceChildren(
      ...choices.tags.slice(0, CHIPS).map(([tag]) =>
        make("button", { type: "button", class: "xc-tag", value: tag, text: tag, onclick: () => toggle(tag) })),
    );
    press();
  }

  function toggle(tag) {
    fields.tag.input.value = fields.tag.input.value === tag ? "" : tag;
    notify();
  }

  function offer(found) {
    choices = { tags: found.tags || [], folders: found.folders || [], licences: found.licences || [] };
    label();
  }

  function value() {
    const chosen = Object.fromEntries(Object.entries(fields).map(([name, { input }]) => [name, input.value]));
    const pixels = (text) => Math.min(1_000_000, Math.max(0, Math.trunc(Number(text)) || 0));
    return { ...NO_FILTERS, ...chosen, min_width: pixels(chosen.min_width), min_height: pixels(chosen.min_height) };
  }

  return { form, chips, offer, label, value, count: () => Object.values(value()).filter(Boolean).length };
}
