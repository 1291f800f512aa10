// Builds DOM nodes. Text only ever enters through textContent, so nothing a model or a visitor wrote is read as HTML.
// The page runs dom.js before the script of a view, inside one function: names here are local to that view.

const SVG = "http://www.w3.org/2000/svg";

// Outlines on a 24 x 24 grid, drawn with a round 1.75 px line.
const ICONS = {
  close: ["M6 6l12 12", "M18 6L6 18"],
  edit: ["M4 20h4L19 9l-4-4L4 16v4z", "M13.5 6.5l4 4"],
  picture: ["M4 5h16v14H4z", "M4 16l5-5 4 4 2-2 5 5", "M15.5 9.5h.01"],
  plus: ["M12 5v14", "M5 12h14"],
  search: ["M11 4a7 7 0 1 1 0 14a7 7 0 0 1 0-14z", "M16 16l4.5 4.5"],
  trash: ["M5 7h14", "M9 7V4h6v3", "M7 7l1 13h8l1-13"],
  upload: ["M12 16V4", "M7 9l5-5 5 5", "M4 20h16"],
  info: ["M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18z", "M12 11v5", "M12 8h.01"],
  stop: ["M7 7h10v10H7z"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  save: ["M12 4v11", "M7 10.5l5 5 5-5", "M4 20h16"],
  up: ["M12 19V5", "M6 11l6-6 6 6"],
  chevron: ["M6 9.500l6 6 6-6"],
  down: ["M12 5v14", "M6 13l6 6 6-6"],
  join: ["M4 5h16", "M4 19h16", "M12 8v8", "M9 11l3-3 3 3"],
  again: ["M20 11a8 8 0 1 0-2.3 5.7", "M20 5v6h-6"],
  fresh: ["M12 5v14", "M5 12h14"],
  back: ["M11 6l-6 6 6 6", "M5 12h14"],
  list: ["M8 6h12", "M8 12h12", "M8 18h12", "M4 6h.01", "M4 12h.01", "M4 18h.01"],
  more: ["M6 12h.01", "M12 12h.01", "M18 12h.01"],
  page: ["M7 3h7l4 4v14H7z", "M14 3v4h4", "M10 12h5", "M10 16h5"],
  undo: ["M8 5L4 9l4 4", "M4 9h10a6 6 0 0 1 0 12h-3"],
  redo: ["M16 5l4 4-4 4", "M20 9H10a6 6 0 0 0 0 12h3"],
  copy: ["M9 9h11v11H9z", "M15 5V4H4v11h1"],
  like: ["M4 11h3v9H4z", "M7 11l4-8a2 2 0 0 1 2 2v5h5.500a2 2 0 0 1 2 2.300l-1.200 6a2 2 0 0 1-2 1.700H7"],
  left: ["M14 6l-6 6 6 6"],
  right: ["M10 6l6 6-6 6"],
  chat: ["M4 5h16v11h-9l-4 4v-4H4z"],
  camera: ["M4 8h4l2-3h4l2 3h4v11H4z", "M12 10a3.500 3.500 0 1 1 0 7a3.500 3.500 0 0 1 0-7z"],
  sun: ["M12 8a4 4 0 1 1 0 8a4 4 0 0 1 0-8z", "M12 2v2.5M12 19.500v2.500M2 12h2.500M19.500 12H22M4.900 4.900l1.800 1.800M17.300 17.300l1.800 1.800M4.900 19.100l1.800-1.800M17.300 6.700l1.800-1.800"],
  moon: ["M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z"],
  language: ["M4 6h10", "M9 3.500V6", "M12 6c-1 4-4 7-8 9", "M6.500 9.500c1.500 2.500 3.500 4 6 5", "M12.500 20.500l4-10 4 10", "M14 17.500h5"],
};

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "xc-icon");
  svg.setAttribute("aria-hidden", "true");
  for (const line of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", line);
    svg.append(path);
  }
  return svg;
}

function button(label, iconName, onclick, attributes = {}) {
  const { bare, ...rest } = attributes;
  const content = [iconName ? icon(iconName) : null, bare ? null : make("span", { text: label })];
  return make("button", { type: "button", "aria-label": label, title: bare ? label : null, onclick, ...rest }, ...content);
}

// Calls `work` with the first element of that kind, as soon as Gradio has made it.
function whenThere(selector, work) {
  const node = document.querySelector(selector);
  if (node) work(node);
  else setTimeout(() => whenThere(selector, work), 30);
}

// Runs what redraws the page at once or, while a mouse button is down, after its click: a button that is replaced between
// press and release would never be clicked.
const settle = (() => {
  let held = null;
  document.addEventListener("pointerdown", () => (held = held || []), true);
  for (const end of ["pointerup", "pointercancel", "dragend"]) {
    document.addEventListener(end, () => setTimeout(() => {
      const due = held || [];
      held = null;
      for (const draw of due) draw();
    }), true);
  }
  return (draw) => (held ? held.push(draw) : draw());
})();

// Runs what redraws parts of `node`. Where that took the focus away, what now stands in the same place gets it: of the
// same section, wherever that was moved, else of `node`.
function refocused(node, draw) {
  const had = node.contains(document.activeElement) ? document.activeElement : node;
  const within = (top) => {
    const path = [];
    for (let at = had; at !== top; at = at.parentElement) path.unshift([...at.parentElement.children].indexOf(at));
    return (now) => path.reduce((at, index) => at && at.children[index], now);
  };
  const section = had === node ? null : had.closest("[data-id]");
  const again = [within(node)];
  if (section && node.contains(section)) again.unshift(within(section));
  draw();
  if (had.isConnected && had === document.activeElement) return;
  if (document.activeElement !== document.body) return;
  const target = section?.isConnected && again.length > 1 ? again[0](section) : again.at(-1)(node);
  target?.focus({ preventScroll: true });
}

const STOPS = "a[href], button, input, select, textarea, summary, [tabindex]";

// While caught(), Tab goes round within `node`, since what lies behind is covered by it. alone: from anywhere else it
// goes there, too.
function goRound(node, caught, alone = false) {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.altKey || event.ctrlKey || event.metaKey || !caught()) return;
    const inside = node.contains(document.activeElement);
    if (!inside && !alone) return;
    const stops = [...node.querySelectorAll(STOPS)].filter((one) => one.tabIndex >= 0 && !one.disabled && one.getClientRects().length);
    if (inside && document.activeElement !== (event.shiftKey ? stops[0] : stops.at(-1))) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  });
}

// "{count} words" with {count: 5} -> "5 words"
function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// Who made a picture and under which licence, without saying the same twice.
function credited(picture) {
  const lines = [picture.credit, picture.credit.includes(picture.licence) ? "" : picture.licence];
  return lines.filter(Boolean).join(" · ");
}

const SPANS = /(?<!\d)\*\*([^*\s](?:[^*]*[^*\s])?)\*\*(?!\d)|(?<!\d)\*([^*\s](?:[^*]*[^*\s])?)\*(?!\d)|\[([^[\]]+)\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)/g;
const SAFE_LINK = /^(?:https?:\/\/|mailto:)[^\s<>"']+$/i;

// Bold, italic and links as nodes; a link of any other scheme is its plain label.
function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(SPANS)) {
    if (match.index > end) nodes.push(document.createTextNode(text.slice(end, match.index)));
    end = match.index + match[0].length;
    const [, bold, italic, label, href] = match;
    if (bold !== undefined) nodes.push(make("strong", { text: bold }));
    else if (italic !== undefined) nodes.push(make("em", { text: italic }));
    else if (SAFE_LINK.test(href)) {
      nodes.push(make("a", { href, text: label, target: "_blank", rel: "noopener noreferrer nofollow" }));
    } else nodes.push(document.createTextNode(label));
  }
  if (end < text.length) nodes.push(document.createTextNode(text.slice(end)));
  return nodes;
}

const ELEMENTS = new Set("a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre span strong table tbody td th thead tr ul".split(" "));

// What ui/view.py describes as [tag, attributes, children]: known elements, with text in them and nothing else.
function built(element) {
  if (typeof element === "string") return document.createTextNode(element);
  const [tag, { href, start, align, class: kind }, children] = element;
  const inside = children.map(built);
  if (!ELEMENTS.has(tag) || (tag === "a" && !SAFE_LINK.test(href))) return make("span", {}, ...inside);
  const link = tag === "a" ? { href, target: "_blank", rel: "noopener noreferrer nofollow" } : {};
  const classes = [["source", "picture"].includes(kind) && `xc-${kind}-text`, ["center", "right"].includes(align) && `xc-${align}`];
  return make(tag, { ...link, start: Number.isInteger(Number(start)) && start !== undefined ? String(Number(start)) : null, class: classes.filter(Boolean).join(" ") }, ...inside);
}

// An address of this program's own, relative to the page wherever a proxy put it.
function address(path) {
  const root = (window.gradio_config && window.gradio_config.root) || document.baseURI;
  return new URL(path, root.endsWith("/") ? root : `${root}/`).href;
}
