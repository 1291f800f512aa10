// What can be done with one section besides editing it: the menu behind "…" (written anew by the model, moved, joined,
// deleted), dragging, and what the model proposes, as changes that a person takes or drops one by one.

/* global make, icon, button, inline, fill */

function makeSectionMenu({ texts, selection, ask, work, running, sections, node, whole }) {
  const TASKS = ["rewrite", "expand", "shorten", "simplify", "correct", "translate", "continue", "insert_before", "insert_after"];
  const TONES = ["neutral", "news", "travel", "advertising", "science", "children", "personal"];
  let opened = null; // id of the section whose menu is open
  let proposal = null; // {id, task, state, inserting, text, changes, dropped, asked}
  let asked = null; // the action that was asked for last: Try again sends it once more
  let moving = null; // id of the section that was moved by keys last
  let dragged = null; // id of the section that is being dragged

  const wish = make("input", { class: "xc-field xc-wish", type: "text", maxlength: "2000", dir: "auto" });
  const menu = make("div", { class: "xc-menu", role: "dialog", hidden: true });

  // -- the menu -------------------------------------------------------------------------------------

  function ask_model(task, more = {}) {
    const id = opened;
    asked = { id, task, instruction: wish.value.trim(), ...more };
    shut(false);
    begin(asked);
  }

  function begin(value) {
    propose({ id: value.id, task: value.task, state: "waiting", inserting: value.task.startsWith("insert") });
    work("rewrite", value);
  }

  // All that follows is written anew, too; undo brings it back.
  function write_on() {
    const id = opened;
    shut(false);
    work("write_on", { id });
  }

  function arrange(action, more = {}) {
    const id = opened;
    shut(false);
    ask(action, { id, ...more });
  }

  function neighbour(id, step) {
    const order = sections().map((section) => section.id);
    return order[order.indexOf(id) + step];
  }

  function move(id, step) {
    const order = sections().map((section) => section.id);
    const at = order.indexOf(id) + step;
    if (at < 0 || at >= order.length) return;
    ask("move", { id, before: step < 0 ? order[at] : order[at + 1] ?? null });
    moving = id;
  }

  // The whole article was drawn: what was moved by keys stays in sight.
  function drawn() {
    if (moving !== null) node(moving)?.scrollIntoView({ block: "nearest" });
    moving = null;
  }

  function fillMenu(section) {
    const written = ["heading", "paragraph"].includes(section.kind);
    const tone = make("select", { class: "xc-select", "aria-label": texts("tone"), onchange: () => tone.value && ask_model("tone", { tone: tone.value }) });
    tone.append(make("option", { value: "", text: texts("tone") }), ...TONES.map((name) => make("option", { value: name, text: texts(`tone.${name}`) })));
    const go = button(texts("task.wish"), "again", () => (wish.value.trim() ? ask_model("rewrite") : wish.focus()), { class: "xc-button xc-primary" });
    const tasks = TASKS.map((task) => button(texts(`task.${task}`), null, () => ask_model(task), { class: "xc-item" }));
    const previous = neighbour(section.id, -1);
    const arranging = [
      previous ? button(texts("move_up"), "up", () => arrange("move", { before: previous }), { class: "xc-item" }) : null,
      neighbour(section.id, 1) ? button(texts("move_down"), "down", () => arrange("move", { before: neighbour(section.id, 2) ?? null }), { class: "xc-item" }) : null,
      written ? button(texts("write_on"), "again", () => write_on(), { class: "xc-item" }) : null,
      button(texts(selection.has(section.id) ? "unselect" : "select"), "check", () => (selection.toggle(section.id), shut()), { class: "xc-item xc-select-this" }),
      previous && written ? button(texts("join"), "join", () => arrange("join"), { class: "xc-item" }) : null,
      button(texts("delete"), "trash", () => arrange("delete"), { class: "xc-item xc-danger" }),
    ];
    wish.placeholder = texts("wish");
    wish.setAttribute("aria-label", texts("wish"));
    menu.setAttribute("aria-label", texts("menu"));
    menu.replaceChildren(
      ...(written ? [make("div", { class: "xc-wish-row" }, wish, go), make("div", { class: "xc-items" }, ...tasks, tone)] : []),
      make("div", { class: "xc-items xc-arrange" }, ...arranging.filter(Boolean)),
      ...(section.picture || !section.looked_for?.length ? [] : [make("p", { class: "xc-facts", text: fill(texts("looked_for"), { queries: section.looked_for.join(", ") }) })]),
    );
  }

  function open(section) {
    if (running()) return;
    if (opened === section.id) {
      shut();
      return;
    }
    opened = section.id;
    wish.value = "";
    fillMenu(section);
    node(section.id).append(menu);
    menu.hidden = false;
    menu.classList.remove("xc-above"); // at the end of the page there is no room below
    const { bottom, height } = menu.getBoundingClientRect();
    menu.classList.toggle("xc-above", bottom > innerHeight && node(section.id).getBoundingClientRect().top > height);
    node(section.id).classList.add("xc-chosen-section");
    mark(true);
    (menu.querySelector("input") || menu.querySelector("button")).focus({ preventScroll: true });
    menu.scrollIntoView({ block: "nearest" });
  }

  function mark(expanded) {
    if (opened) node(opened)?.querySelector(".xc-more")?.setAttribute("aria-expanded", String(expanded));
  }

  function shut(back = true) {
    if (opened === null) return;
    mark(false);
    const opener = node(opened)?.querySelector(".xc-more");
    node(opened)?.classList.remove("xc-chosen-section");
    opened = null;
    menu.hidden = true;
    menu.remove();
    if (back) opener?.focus({ preventScroll: true });
  }

  wish.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && wish.value.trim()) {
      event.preventDefault();
      ask_model("rewrite");
    }
  });
  // arrows walk through the menu, as through one of the system
  menu.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp"].includes(event.key) || event.target.tagName === "SELECT") return;
    const items = [...menu.querySelectorAll("input, button, select")];
    const at = items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    items[(at + items.length) % items.length].focus();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && shut());
  document.addEventListener("pointerdown", ({ target }) => {
    if (opened !== null && !menu.contains(target) && !target.closest?.(".xc-more")) shut(false);
  });

  // The button in a section's tools: opens the menu, and is what the section is dragged and moved by.
  function opener(section) {
    const more = button(texts("menu"), "more", (event) => (event.ctrlKey || event.metaKey || event.shiftKey ? selection.toggle(section.id, event.shiftKey) : open(section)), { class: "xc-quiet xc-more", bare: true, "aria-haspopup": "dialog", "aria-expanded": String(opened === section.id) });
    more.draggable = true;
    more.addEventListener("dragstart", (event) => {
      dragged = section.id;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", section.text.slice(0, 200));
      event.dataTransfer.setDragImage(node(section.id), 0, 0);
    });
    more.addEventListener("dragend", () => {
      dragged = null;
      pointed(null);
    });
    more.addEventListener("keydown", (event) => {
      if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      move(section.id, event.key === "ArrowUp" ? -1 : 1);
    });
    return more;
  }

  // -- dragging -------------------------------------------------------------------------------------

  function target({ clientY }) {
    const list = sections();
    const at = list.findIndex(({ id }) => {
      const box = node(id).getBoundingClientRect();
      return clientY < box.top + box.height / 2;
    });
    return at < 0 ? null : list[at].id;
  }

  function pointed(id) {
    for (const section of sections()) node(section.id)?.classList.toggle("xc-drop", section.id === id);
    whole().classList.toggle("xc-drop-end", dragged !== null && id === null);
  }

  function dragOver(event) {
    if (dragged === null) return;
    event.preventDefault();
    pointed(target(event));
  }

  function drop(event) {
    if (dragged === null) return;
    event.preventDefault();
    const before = target(event);
    const id = dragged;
    dragged = null;
    pointed(null);
    if (before !== id) ask("move", { id, before });
  }
  document.addEventListener("dragover", dragOver);
  document.addEventListener("drop", drop);

  // -- what the model proposes ----------------------------------------------------------------------

  const box = make("div", { class: "xc-proposal" });

  function propose(op) {
    const before = proposal;
    if (op.id === null || op.id === undefined) {
      proposal = null;
    } else {
      const same = before && before.id === op.id && before.task === op.task;
      proposal = { text: same ? before.text : "", changes: [], dropped: new Set(), ...op };
      if (op.state === "writing") proposal.text = "";
    }
    if (before && (!proposal || proposal.id !== before.id)) clear(before.id);
    if (proposal) place();
  }

  function clear(id) {
    box.remove();
    const text = node(id)?.querySelector(":scope > .xc-text");
    if (text && !node(id).querySelector(":scope > .xc-edit")) text.hidden = false;
  }

  function write({ id, at, text }) {
    if (!proposal || proposal.id !== id || at > proposal.text.length) return false;
    proposal.text = proposal.text.slice(0, at) + text;
    const line = box.querySelector(".xc-proposed");
    if (line) line.replaceChildren(...inline(proposal.text));
    return true;
  }

  function toggle(at) {
    if (proposal.dropped.has(at)) proposal.dropped.delete(at);
    else proposal.dropped.add(at);
    place();
    box.querySelector(`[data-at="${at}"]`)?.focus({ preventScroll: true });
  }

  function change([old, fresh], at) {
    if (old === fresh) return document.createTextNode(old);
    const taken = !proposal.dropped.has(at);
    const words = make("span", { class: "xc-change", role: "checkbox", tabindex: "0", "data-at": String(at), "aria-checked": String(taken), title: texts(taken ? "drop_change" : "take_change"), onclick: () => toggle(at) });
    words.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      toggle(at);
    });
    if (old) words.append(make("del", { text: old }));
    if (fresh) words.append(make("ins", { text: fresh }));
    return words;
  }

  function place() {
    const at = node(proposal.id);
    if (!at) return;
    const { state, inserting, changes, text, task } = proposal;
    const ready = state === "ready";
    const count = changes.filter(([old, fresh]) => old !== fresh).length;
    const taken = count - proposal.dropped.size;
    const line = make("p", { class: "xc-proposed", dir: "auto" });
    if (ready && inserting) line.append(...inline(changes[0][1]));
    else if (ready) line.append(...changes.map(change));
    else line.append(...inline(text || ""));
    const head = make("p", { class: "xc-label", role: "status", text: ready ? texts(`task.${task}`) : texts("proposing") });
    const buttons = ready
      ? [
        button(taken === count ? texts("accept") : fill(texts("accept_some"), { taken, count }), "check", () => ask("accept", { dropped: [...proposal.dropped] }), { class: "xc-button xc-primary xc-accept", disabled: taken === 0 }),
        button(texts("discard"), "close", () => ask("discard"), { class: "xc-button xc-discard" }),
        asked && asked.id === proposal.id ? button(texts("try_again"), "again", () => begin(asked), { class: "xc-button xc-retry" }) : null,
      ]
      : [button(texts("stop"), "stop", () => ask(state === "writing" ? "hush" : "discard"), { class: "xc-button xc-hush" })];
    box.replaceChildren(head, line, make("div", { class: "xc-row" }, ...buttons.filter(Boolean)));
    box.classList.toggle("xc-ready", ready);
    const old = at.querySelector(":scope > .xc-text");
    if (proposal.task === "insert_before") old.before(box);
    else if (inserting) (at.querySelector(":scope > figure") || old).after(box);
    else old.after(box);
    old.hidden = !inserting && (ready || Boolean(text));
  }

  function update(section) {
    if (opened === section.id && !menu.isConnected) node(section.id).append(menu);
    if (proposal && proposal.id === section.id) place();
  }

  function label() {
    if (opened !== null) fillMenu(sections().find(({ id }) => id === opened));
    if (proposal) place();
  }

  return { opener, update, drawn, shut: () => shut(false), propose, write, label, busy: (id) => Boolean(proposal && proposal.id === id) };
}
