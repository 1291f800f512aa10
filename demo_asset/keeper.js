// The draft that the article view shows: its address, undo and redo, and what other tabs do to it.

/* global button, xcKey */

const WRITTEN_IN = "input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select, [contenteditable]";

// busy: whether the article may not be changed now. shown: whether the view can be seen.
function makeKeeper({ texts, ask, busy, shown }) {
  let place = null; // what ui/view.py calls "draft"
  let later = 0; // timer of the next time
  let opened = window.xcDraft().draft; // what the page begins with: its keys are for the article, not for the empty box
  let looked = 0; // when it was last asked whether another tab has gone on
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("xc-drafts") : null;

  const undo = button("", "undo", () => step("undo"), { class: "xc-quiet xc-undo", bare: true });
  const redo = button("", "redo", () => step("redo"), { class: "xc-quiet xc-redo", bare: true });

  function step(action) {
    if (!place || busy() || !place[action]) return;
    place = { ...place, undo: false, redo: false }; // until the answer says what else there is
    ask(action);
  }

  function draw() {
    for (const [node, key] of [[undo, "undo"], [redo, "redo"]]) {
      node.hidden = !place;
      node.disabled = !place?.[key];
      node.title = texts(key);
      node.setAttribute("aria-label", texts(key));
    }
  }

  function take({ id, step: number, title, undo: back, redo: forth, revision, left }) {
    const before = place;
    place = id ? { id, step: number, title, undo: back, redo: forth, revision, left } : null;
    if (id && id === opened) document.activeElement?.closest?.("#xc-title textarea")?.blur();
    if (id) opened = null;
    const url = new URL(location.href);
    if (id) url.searchParams.set("draft", id);
    else url.searchParams.delete("draft");
    if (url.href !== location.href) history.replaceState(history.state, "", url);
    draw();
    window.dispatchEvent(new CustomEvent("xc-draft", { detail: { id: id ?? null, title } }));
    if (id && (before?.id !== id || before.step !== number)) channel?.postMessage({ id, step: number });
  }

  function follow() {
    clearTimeout(later);
    if (!place) return;
    const rest = busy() ? 1000 : looked + 1000 - Date.now();
    if (rest > 0) {
      later = setTimeout(follow, rest); // the last change is followed, too, and those while a text is edited
      return;
    }
    looked = Date.now();
    ask("follow");
  }

  // who types already, types on
  document.addEventListener("keydown", () => (opened = null), { capture: true, once: true });

  channel?.addEventListener("message", ({ data }) => {
    if (place && data.id === place.id && data.step !== place.step) follow();
  });
  window.addEventListener("focus", follow);

  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const command = (event.ctrlKey || event.metaKey) && !event.altKey;
    const action = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" && !event.shiftKey ? "redo" : "";
    if (!command || !action || !place || !shown()) return;
    if (event.target.closest?.(WRITTEN_IN)) return; // there the browser's own undo holds
    event.preventDefault();
    step(action);
  });

  draw();
  return {
    undo, redo, draw, take,
    id: () => place?.id ?? null,
    left: () => place?.left ?? "",
    place: () => place && { id: place.id, step: place.step, revision: place.revision },
    recall: (kept) => (place = kept ? { ...kept, undo: false, redo: false } : null),
    holds: (revision) => Boolean(place) && place.revision >= revision,
  };
}
