// Several sections for one command: chosen in their menus, or with Ctrl or Shift and a click on "…".

/* global make, button, fill */

// sections: of the article, in order. node: a section's element.
function makeSelection({ texts, ask, work, running, sections, node }) {
  const TASKS = ["rewrite", "expand", "shorten", "simplify", "correct", "translate"];
  const chosen = new Set();
  let last = null; // chosen last: Shift takes all from there on

  const count = make("p", { class: "xc-facts", role: "status" });
  const tasks = make("select", { class: "xc-select", onchange: () => command("several", { task: tasks.value }) });
  const remove = button("", "trash", () => command("delete_several"), { class: "xc-button xc-danger" });
  const clear = button("", "close", () => shut(), { class: "xc-button" });
  const bar = make("div", { class: "xc-selection", role: "toolbar", hidden: true }, count, tasks, remove, clear);

  const ids = () => sections().map(({ id }) => id).filter((id) => chosen.has(id));

  function command(action, more = {}) {
    const value = { ids: ids(), ...more };
    shut();
    if (running() || !value.ids.length) return;
    if (action === "several") work(action, value);
    else ask(action, value);
  }

  function draw() {
    for (const { id } of sections()) {
      node(id)?.classList.toggle("xc-selected", chosen.has(id));
      node(id)?.querySelector(":scope > .xc-tools .xc-more")?.setAttribute("aria-pressed", String(chosen.has(id)));
    }
    bar.hidden = !ids().length;
    count.textContent = fill(texts("selected"), { count: ids().length });
  }

  function toggle(id, range = false) {
    const order = sections().map((section) => section.id);
    const [from, to] = [order.indexOf(last), order.indexOf(id)].sort((a, b) => a - b);
    if (range && last !== null && from >= 0) order.slice(from, to + 1).forEach((one) => chosen.add(one));
    else if (!chosen.delete(id)) chosen.add(id);
    last = id;
    draw();
  }

  function shut() {
    chosen.clear();
    last = null;
    tasks.value = "";
    draw();
  }

  function label() {
    bar.setAttribute("aria-label", texts("select"));
    tasks.setAttribute("aria-label", texts("several"));
    tasks.replaceChildren(make("option", { value: "", text: texts("several") }), ...TASKS.map((task) => make("option", { value: task, text: texts(`task.${task}`) })));
    for (const [node_, key] of [[remove, "delete"], [clear, "unselect"]]) {
      node_.setAttribute("aria-label", texts(key));
      node_.lastChild.textContent = texts(key);
    }
    draw();
  }

  document.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && chosen.size && shut());
  return { bar, toggle, draw, shut, label, has: (id) => chosen.has(id) };
}
