// The line above an article whose making was interrupted, because the program or the page ended: it says so, and goes on.

/* global make, button, icon */

// goOn() writes or illustrates the rest; finished() says that nothing is missing.
// eslint-disable-next-line no-unused-vars
function makeInterrupted({ texts, goOn, finished }) {
  const words = make("p", {});
  const go = make("button", { type: "button", class: "xc-button xc-primary xc-go-on", onclick: goOn });
  const leave = button("", "close", finished, { class: "xc-quiet", bare: true });
  const line = make("div", { class: "xc-interrupted", role: "status", hidden: true }, words, go, leave);

  // left: what was being done, "write" or "illustrate"; begun: whether some of it is there.
  function draw({ left, begun, running }) {
    line.hidden = !left || running;
    if (line.hidden) return;
    words.textContent = texts(left === "illustrate" ? "interrupted_pictures" : begun ? "interrupted" : "interrupted_empty");
    go.replaceChildren(icon("again"), document.createTextNode(texts("go_on")));
    leave.hidden = !begun;
    leave.title = texts("as_it_is");
    leave.setAttribute("aria-label", texts("as_it_is"));
  }

  return { line, draw };
}
