// The dialog of one picture: large, with its facts; words can be changed where `allowed` says so.

function makeDetails({ labels, call, allowed, editable, filterable, changed, removed, like, step }) {
  const dialog = make("dialog", { class: "xc-details", tabindex: "-1", "aria-labelledby": "xc-details-title" });
  let shown = null;

  function fact(key, value) {
    return value ? [make("dt", { text: labels()[key] }), make("dd", { text: value })] : [];
  }

  const changeable = () => allowed() && editable();

  function facts(one) {
    const list = make("dl", {});
    if (!changeable()) list.append(...fact("credit", one.credit), ...fact("licence", one.licence));
    list.append(...fact("size", one.size), ...fact("date", one.date), ...fact("file", one.file), ...fact("score", one.score ? String(one.score) : ""));
    if (one.text) list.append(make("dt", { text: labels().text }), make("dd", { class: "xc-text-inside", dir: "auto", tabindex: "0", text: one.text }));
    if (/^https?:/.test(one.source)) {
      list.append(make("dt", { text: labels().source }), make("dd", {}, make("a", { href: one.source, text: one.source, target: "_blank", rel: "noopener noreferrer" })));
    }
    return list;
  }

  function field(key, value, attributes = {}) {
    const { tag = "input", ...rest } = attributes;
    const input = make(tag, { name: key, maxlength: "10000", ...(tag === "input" ? { type: "text" } : {}), ...rest });
    input.value = value;
    return make("label", { text: labels()[key] }, input);
  }

  function form(one) {
    const said = make("p", { class: "xc-facts", role: "status" });
    const save = make("button", { type: "submit", class: "xc-button xc-primary", text: labels().save });
    const node = make(
      "form",
      { class: "xc-words-form" },
      field("caption", one.caption, { tag: "textarea", rows: 3 }),
      field("tags", one.tags),
      field("credit", one.credit),
      field("licence", one.licence),
      field("source", one.source),
      make("div", { class: "xc-row" }, save, said),
    );
    node.addEventListener("submit", async (event) => {
      event.preventDefault();
      save.disabled = true;
      const words = Object.fromEntries(new FormData(node));
      const answer = await call("edit", { id: one.id, ...words });
      save.disabled = false;
      said.textContent = answer.problem || labels().saved;
      said.classList.toggle("xc-bad-line", Boolean(answer.problem));
      if (!answer.picture) return;
      dialog.querySelector(".xc-panel-title").textContent = answer.picture.caption || labels().no_caption;
      changed(answer.picture);
    });
    node.addEventListener("input", () => (said.textContent = ""));
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing && (event.ctrlKey || event.metaKey)) node.requestSubmit();
    });
    return node;
  }

  function actions(one) {
    const row = make("div", { class: "xc-row" });
    if (!filterable()) return row;
    row.append(button(labels().like, "search", () => (dialog.close(), like(one)), { class: "xc-button" }));
    if (!changeable()) return row;
    let sure = false;
    const remove = button(labels().remove, "trash", async () => {
      if (!sure) {
        sure = true;
        remove.lastChild.textContent = labels().remove_sure;
        return;
      }
      const answer = await call("remove", { id: one.id });
      if (answer.problem) remove.lastChild.textContent = answer.problem;
      else dialog.close(), removed(one.id);
    }, { class: "xc-button xc-danger" });
    row.append(remove);
    return row;
  }

  function draw(one, whole) {
    const shut = button(labels().close, "close", () => dialog.close(), { class: "xc-quiet", bare: true });
    const under = [facts(one), one.approximate && make("p", { class: "xc-facts", text: labels().approximate }), whole && actions(one)].filter(Boolean);
    dialog.classList.toggle("xc-plain", !changeable());
    dialog.replaceChildren(
      make("header", { class: "xc-panel-head" }, make("h2", { class: "xc-panel-title", id: "xc-details-title", text: one.caption || labels().no_caption }), shut),
      make(
        "div",
        { class: "xc-details-body" },
        make(
          "div",
          {},
          make("div", { class: `xc-large${one.drawing ? " xc-drawing" : ""}` }, make("img", { src: address(one.src || one.thumb), alt: one.caption })),
          ...under,
        ),
        changeable() ? make("div", {}, whole ? form(one) : null) : null,
      ),
    );
  }

  async function open(tile) {
    shown = tile.id;
    draw(tile, false);
    if (!dialog.open) dialog.showModal();
    const answer = await call("details", { id: tile.id });
    if (shown !== tile.id || !dialog.open) return;
    if (answer.picture) {
      draw({ ...answer.picture, score: tile.score }, true);
      dialog.focus({ preventScroll: true }); // what had it was replaced, and the arrow keys belong to the dialog
    }
    if (answer.problem) dialog.querySelector(".xc-details-body").append(make("p", { class: "xc-bad-line", text: answer.problem }));
  }

  // Files that were left out, with the reason.
  async function leftOut(title) {
    shown = null;
    const answer = await call("skipped");
    const rows = (answer.skipped || []).map(([file, reason]) => make("li", { text: file }, make("span", { text: reason })));
    dialog.replaceChildren(
      make("header", { class: "xc-panel-head" }, make("h2", { class: "xc-panel-title", id: "xc-details-title", text: title }), button(labels().close, "close", () => dialog.close(), { class: "xc-quiet", bare: true })),
      answer.problem ? make("p", { class: "xc-bad-line", text: answer.problem }) : make("ul", { class: "xc-left-out" }, ...rows),
    );
    if (!dialog.open) dialog.showModal();
  }

  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => (shown = null));
  dialog.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way && shown && !event.target.closest("input, textarea")) step(shown, way);
  });
  return { dialog, open, leftOut };
}
