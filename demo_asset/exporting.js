// Export: a menu of formats, the line that says how far a file is, and copying to the clipboard.

/* global make, icon, button, fill, address */

function makeExporter({ texts, ask, say, deliver }) {
  const FORMATS = ["pdf", "docx", "epub", "html", "zip", "md", "txt", "json"];
  let pending = null; // {give, refuse} of a copy that waits for the article
  let madeBy = false;

  const open = make("button", { type: "button", class: "xc-button xc-export", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => (list.hidden ? show(0) : shut()) });
  const list = make("div", { class: "xc-export-list", role: "menu", hidden: true });
  const menu = make("span", { class: "xc-export-menu" }, open, list);
  const bar = make("progress", { max: "1" });
  const words = make("span", { role: "status" });
  const stop = make("button", { type: "button", class: "xc-button", onclick: () => ask("stop_export") });
  const line = make("div", { class: "xc-exporting", hidden: true }, words, bar, stop);

  function item(label, act, attributes = {}) {
    return make("button", { type: "button", role: "menuitem", class: "xc-item", tabindex: "-1", text: label, onclick: act, ...attributes });
  }

  function label() {
    open.replaceChildren(icon("save"), make("span", { text: texts("export") }), icon("chevron"));
    stop.textContent = texts("export_stop");
    list.setAttribute("aria-label", texts("export"));
    const tick = item("", () => {
      madeBy = !madeBy;
      tick.setAttribute("aria-checked", String(madeBy));
    }, { role: "menuitemcheckbox", "aria-checked": String(madeBy), "data-name": "made_by" });
    tick.append(make("span", { class: "xc-tick" }, icon("check")), make("span", { text: texts("export_made_by") }));
    list.replaceChildren(
      ...FORMATS.map((name) => item(texts(`format.${name}`), () => save(name), { "data-name": name })),
      make("hr", { role: "separator" }),
      item(texts("copy"), () => copy("rich"), { "data-name": "copy" }),
      item(texts("copy_wechat"), () => copy("wechat"), { "data-name": "copy_wechat" }),
      make("hr", { role: "separator" }),
      tick,
    );
  }

  const items = () => [...list.querySelectorAll("[role^=menuitem]")];

  function show(at) {
    list.hidden = false;
    open.setAttribute("aria-expanded", "true");
    const { left, right } = menu.getBoundingClientRect(); // below the button, and within the page
    const most = document.documentElement.clientWidth - 8 - list.offsetWidth;
    list.style.left = `${Math.max(8, Math.min(right - list.offsetWidth, most)) - left}px`;
    items().at(at).focus({ preventScroll: true });
    list.scrollIntoView({ block: "nearest" });
  }

  function shut(back = true) {
    if (list.hidden) return;
    list.hidden = true;
    open.setAttribute("aria-expanded", "false");
    if (back) open.focus({ preventScroll: true });
  }

  open.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    show(event.key === "ArrowDown" ? 0 : -1);
  });
  list.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) all.at(to % all.length).focus();
    else if (event.key === "Escape") shut();
    else if (event.key === "Tab") shut(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", ({ target }) => !menu.contains(target) && shut(false));

  function save(format) {
    shut();
    draw({ label: texts(`format.${format}`), share: 0 });
    deliver({ act: "export", format, made_by: madeBy });
  }

  function draw({ label: format, share }) {
    const ends = share === null;
    if (ends && line.contains(document.activeElement)) open.focus({ preventScroll: true });
    line.hidden = ends;
    if (ends) return;
    bar.value = share;
    words.textContent = fill(texts("exporting"), { format, percent: Math.round(100 * share) });
  }

  // -- the clipboard ----------------------------------------------------------------------------------

  // Browsers give the clipboard to what a click does, so it is asked for at once and filled when the article comes.
  function copy(kind) {
    shut();
    const came = new Promise((give, refuse) => {
      pending = { give, refuse };
    });
    const part = (name, type) => came.then((parts) => new Blob([parts[name]], { type }));
    ask("copy", { kind, made_by: madeBy });
    const written = navigator.clipboard?.write && window.ClipboardItem
      ? navigator.clipboard.write([new ClipboardItem({ "text/html": part("html", "text/html"), "text/plain": part("text", "text/plain") })])
      : came.then(copyByCommand); // pages that came without encryption from another machine have no other way
    written.then(() => say(texts("copied"), "good"), () => say(texts("copy_failed"), "bad"));
  }

  function copyByCommand(parts) {
    let done = false;
    const set = (event) => {
      event.clipboardData.setData("text/html", parts.html);
      event.clipboardData.setData("text/plain", parts.text);
      event.preventDefault();
      done = true;
    };
    document.addEventListener("copy", set, { once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", set);
    if (!done) throw new Error("not copied");
  }

  async function copied(op) {
    const waits = pending;
    pending = null;
    if (!waits) return;
    try {
      const [html, text] = await Promise.all([op.html, op.text].map(async (part) => {
        const answer = await fetch(address(part));
        if (!answer.ok) throw new Error(answer.status);
        return answer.text();
      }));
      waits.give({ html, text });
    } catch (error) {
      waits.refuse(error);
    }
  }

  label();
  return { menu, line, label, draw, copied };
}
