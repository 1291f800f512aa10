// The gallery view: what was found as a grid of thumbnails, one picture's details on click.

/* global element, props, watch, make, button, address */

const root = element.querySelector(".xc-gallery-root");
const facts = make("p", { class: "xc-facts" });
const words = make("p", { class: "xc-gallery-words", role: "status" });
const grid = make("div", { class: "xc-wall" });
const credit = make("p", { class: "xc-facts xc-attribution" });
const details = make("dialog", { class: "xc-details" });
let labels = {};
root.replaceChildren(facts, words, grid, credit, details);

function fact(key, value) {
  return value ? [make("dt", { text: labels[key] }), make("dd", { text: value })] : [];
}

function show(hit) {
  const shut = button(labels.close, "close", () => details.close(), { class: "xc-quiet", bare: true });
  const list = make("dl", {});
  list.append(...fact("credit", hit.credit), ...fact("licence", hit.licence), ...fact("score", hit.score ? String(hit.score) : ""));
  if (/^https?:/.test(hit.source)) {
    list.append(make("dt", { text: labels.source }), make("dd", {}, make("a", { href: hit.source, text: hit.source, target: "_blank", rel: "noopener noreferrer" })));
  }
  details.replaceChildren(
    make("header", { class: "xc-panel-head" }, make("h2", { class: "xc-panel-title", text: hit.caption }), shut),
    make("div", { class: `xc-large${hit.drawing ? " xc-drawing" : ""}` }, make("img", { src: address(hit.src), alt: hit.caption })),
    list,
  );
  if (hit.approximate) details.append(make("p", { class: "xc-facts", text: labels.approximate }));
  details.showModal();
}

details.addEventListener("click", (event) => event.target === details && details.close());

function tile(hit) {
  return make(
    "button",
    { type: "button", class: `xc-tile${hit.drawing ? " xc-drawing" : ""}`, title: hit.caption, "aria-label": hit.caption, onclick: () => show(hit) },
    make("img", { src: address(hit.thumb), alt: "", loading: "lazy" }),
    make("span", { text: hit.caption }),
  );
}

function draw(value) {
  if (!value || !value.texts) return;
  labels = value.texts;
  facts.textContent = value.facts;
  credit.textContent = value.attribution || "";
  words.textContent = value.problem || (value.hits.length ? "" : value.query ? labels.nothing : labels.begin);
  words.hidden = !words.textContent;
  grid.replaceChildren(...value.hits.map(tile));
}

watch("value", () => draw(props.value));
draw(props.value);
