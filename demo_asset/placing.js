// A picture goes to another paragraph: dragged there, with Alt and an arrow, or by the panel's buttons.

// sections: of the article, in order. node: a section's element.
function makePlacing({ ask, running, sections, node }) {
  let dragged = null; // id of the section whose picture is being dragged
  let moving = null; // id of the section to which a picture goes by keys

  const takes = ({ kind }) => ["paragraph", "list", "quote"].includes(kind);

  // The next section above (-1) or below (1) that a picture can stand beside, or null.
  function neighbour(id, step) {
    const list = sections();
    let at = list.findIndex((one) => one.id === id) + step;
    while (list[at] && !takes(list[at])) at += step;
    return list[at]?.id ?? null;
  }

  function move(id, step, panel = false) {
    const to = running() ? null : neighbour(id, step);
    if (to === null) return;
    ask("relocate", { id, to, panel });
    moving = panel ? null : to;
  }

  // The whole article was drawn: what was moved by keys keeps the focus and stays in sight.
  function drawn() {
    const card = moving === null ? null : node(moving)?.querySelector(":scope > figure .xc-picture");
    moving = null;
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest" });
  }

  function under({ target }) {
    const id = target.closest?.(".xc-section")?.dataset.id;
    const section = sections().find((one) => one.id === id);
    return section && takes(section) && id !== dragged ? id : null;
  }

  function point(id) {
    for (const one of sections()) node(one.id)?.classList.toggle("xc-takes", one.id === id);
  }

  document.addEventListener("dragover", (event) => {
    if (dragged === null) return;
    const id = under(event);
    point(id);
    if (id !== null) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (dragged === null) return;
    const to = under(event);
    event.preventDefault();
    point(null);
    if (to !== null) ask("relocate", { id: dragged, to });
    dragged = null;
  });

  // The picture of a section can be moved by this button.
  function handle(card, { id }) {
    card.draggable = true;
    card.setAttribute("aria-keyshortcuts", "Alt+ArrowUp Alt+ArrowDown");
    card.addEventListener("dragstart", (event) => {
      if (running()) {
        event.preventDefault();
        return;
      }
      dragged = id;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", card.querySelector("img").alt || id);
    });
    card.addEventListener("dragend", () => {
      dragged = null;
      point(null);
    });
    card.addEventListener("keydown", (event) => {
      if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      move(id, event.key === "ArrowUp" ? -1 : 1);
    });
  }

  return { handle, move, neighbour, drawn };
}
