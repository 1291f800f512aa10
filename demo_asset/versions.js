// The versions of the draft that is shown: named, compared with what is there now, restored.

/* global make, button, fill */

const CHANGES = { write: "what_write", illustrate: "what_illustrate", restore: "what_restore", write_on: "what_write" }; // other kinds: "what_edit"

// call(action, more) asks Python; act(action) is done in the article view; say(answer) shows what went wrong.
function makeVersions({ label, call, act, say, when, back }) {
  let draft = null;
  let all = false;
  let known = []; // the versions that are listed

  const home = button("", "back", () => shut(), { class: "xc-quiet", bare: true });
  const head = make("h2", {});
  const name = make("input", { type: "text", maxlength: "200", class: "xc-versions-name", dir: "auto" });
  const keep = make("button", { type: "submit", class: "xc-button" });
  const form = make("form", { class: "xc-versions-form", onsubmit: (event) => (event.preventDefault(), give()) }, name, keep);
  const list = make("ul", {});
  const other = make("button", { type: "button", class: "xc-link", onclick: () => ((all = !all), load()) });
  const part = make("div", { class: "xc-versions", hidden: true }, make("div", { class: "xc-drafts-head" }, head, home), form, list, other);

  const dialog = make("dialog", { class: "xc-versions-dialog" });

  async function give() {
    if (!name.value.trim()) {
      name.focus();
      return;
    }
    say(await call("name", { id: draft.id, name: name.value }));
    name.value = "";
    await load();
  }

  async function load() {
    const mine = draft;
    const answer = await call("versions", { id: mine.id, all });
    if (mine !== draft) return; // those of another draft were asked for meanwhile
    say(answer);
    other.textContent = label(all ? "versions_named" : "versions_all");
    const found = answer.versions || [];
    known = found;
    list.replaceChildren(...found.map(item));
    if (!found.length) list.append(make("li", { class: "xc-drafts-words", text: label("versions_none") }));
  }

  function item(version) {
    const what = label(CHANGES[version.what] || "what_edit");
    const facts = version.name ? `${what} · ${when(version.at)}` : when(version.at);
    return make("li", {},
      make("button", { type: "button", class: "xc-drafts-open", onclick: () => compare(version) },
        make("span", { class: "xc-drafts-facts" },
          make("span", { class: "xc-drafts-name", dir: "auto", text: version.name || what }),
          make("small", { text: version.present ? `${facts} · ${label("versions_present")}` : facts }))));
  }

  const called = (version) => version.name || `${label(CHANGES[version.what] || "what_edit")} · ${when(version.at)}`;

  // What the version has ("removed" since) beside what is there now, or what another one has ("added").
  async function compare(version, other = null) {
    const answer = await call("compare", { id: draft.id, step: version.step, ...(other ? { other: other.step } : {}) });
    say(answer);
    if (answer.problem) return;
    const changed = answer.changes.filter(({ kind }) => kind !== "same");
    const close = button(label("close_comparison"), "close", () => dialog.close(), { class: "xc-quiet", bare: true });
    const restore = make("button", { type: "button", class: "xc-button xc-primary", text: label("versions_restore"), onclick: () => (dialog.close(), act({ act: "version", step: version.step })) });
    restore.disabled = version.present;
    const others = known.filter(({ step }) => step !== version.step);
    const against = make("select", { class: "xc-versions-other", "aria-label": label("versions_with"), onchange: () => compare(version, others.find(({ step }) => String(step) === against.value)) },
      make("option", { value: "", text: label("versions_now") }), ...others.map((one) => make("option", { value: String(one.step), text: called(one) })));
    against.value = other ? String(other.step) : "";
    dialog.setAttribute("aria-label", version.name || label("versions_title"));
    dialog.replaceChildren(
      make("div", { class: "xc-drafts-head" }, make("h2", { text: fill(label("versions_compared"), { name: version.name || when(version.at) }) }), close),
      make("label", { class: "xc-versions-with" }, make("span", { text: label("versions_with") }), against),
      make("div", { class: "xc-versions-text" }, ...(changed.length ? changed.map(change) : [make("p", { text: label(other ? "versions_equal" : "versions_same") })])),
      make("div", { class: "xc-row" }, restore));
    if (!dialog.open) dialog.showModal();
    else against.focus();
  }

  function change({ kind, pieces, picture }) {
    const tags = { same: "span", added: "ins", removed: "del" };
    const text = make("p", { class: `xc-change-${kind}`, dir: "auto" }, ...pieces.map((piece) => make(tags[piece.kind], { text: piece.text })));
    if (picture) text.append(make("small", { text: fill(label("versions_picture"), { before: picture[0] || "–", after: picture[1] || "–" }) }));
    return text;
  }

  function open(one) {
    draft = one;
    part.hidden = false;
    relabel();
    load();
    name.focus({ preventScroll: true });
  }

  function shut() {
    part.hidden = true;
    back(draft);
  }

  function relabel() {
    head.textContent = label("versions_title");
    home.title = label("versions_back");
    home.setAttribute("aria-label", label("versions_back"));
    name.placeholder = label("versions_name");
    name.setAttribute("aria-label", label("versions_name"));
    keep.textContent = label("versions_keep");
  }

  return { part, dialog, open, shut, relabel, load: () => part.hidden || load(), of: () => (part.hidden ? null : draft?.id) };
}
