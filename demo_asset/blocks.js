// The menu of blocks behind "/": at the beginning of a text it turns the text into another block, at the end it adds one below.

/* global make */

function makeBlockMenu({ texts }) {
  const KINDS = ["paragraph", "heading", "subheading", "list", "numbered", "quote", "code", "table", "rule"];
  let opened = null; // {list, at, choose, field}

  // Whether "/" typed now asks for a block, and where: "turn" this text or add one "below".
  function wanted({ selectionStart: start, selectionEnd: end, value }) {
    if (start !== end) return null;
    if (value.trim() && !value.slice(0, start).trim()) return "turn";
    return !value.slice(start).trim() && (!start || /[\s.!?。！？…]/.test(value[start - 1])) ? "below" : null;
  }

  function mark(at) {
    const entries = [...opened.list.children];
    opened.at = (at + entries.length) % entries.length;
    entries.forEach((entry, number) => entry.setAttribute("aria-selected", String(number === opened.at)));
    opened.field.setAttribute("aria-activedescendant", entries[opened.at].id);
    entries[opened.at].scrollIntoView({ block: "nearest" });
  }

  function shut() {
    opened?.list.remove();
    opened?.field.removeAttribute("aria-activedescendant");
    opened?.field.removeAttribute("aria-expanded");
    opened = null;
  }

  function open(field, choose) {
    const list = make("div", { class: "xc-menu xc-block-menu", role: "listbox", "aria-label": texts("blocks") });
    for (const kind of KINDS) {
      list.append(make("div", {
        class: "xc-item", role: "option", id: `xc-block-${kind}`, text: texts(`block.${kind}`),
        onmousedown: (event) => event.preventDefault(), // the field keeps the focus
        onclick: () => (shut(), choose(kind)),
      }));
    }
    field.after(list);
    field.setAttribute("aria-expanded", "true");
    opened = { list, at: 0, choose, field };
    mark(0);
  }

  // The "/" that opened the menu, as part of the text after all.
  function type(field) {
    if (document.execCommand("insertText", false, "/")) return; // the browser can undo it
    field.setRangeText("/", field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A key in the field; true where the menu has taken it. choose(kind, place) ends the editing.
  function key(event, field, choose) {
    if (opened) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) mark(opened.at + step);
      else if (event.key === "Enter" || event.key === "Tab") {
        const { at, choose: chosen } = opened;
        shut();
        chosen(KINDS[at]);
      } else if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) {
        return false; // of the key that comes
      } else {
        shut();
        const typed = event.key.length === 1 || event.isComposing || event.key === "Process";
        if (typed && event.key !== "/") type(field);
        if (!["Escape", "Backspace"].includes(event.key)) return false; // the key does what it does in a text
      }
      event.preventDefault();
      return true;
    }
    const place = event.key === "/" && !event.isComposing && !event.ctrlKey && !event.metaKey ? wanted(field) : null;
    if (!place) return false;
    event.preventDefault();
    open(field, (kind) => choose(kind, place));
    return true;
  }

  return { key, shut };
}
