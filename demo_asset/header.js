// The header: name, state of the model, language switch, appearance button.

/* global element, props, trigger, watch, make, icon, button */

const bar = element.querySelector(".xc-bar");
const status = make("div", { class: "xc-status", role: "status" });
const language = make("div", { class: "xc-languages" });
const theme = button("", "moon", () => switchTheme(), { class: "xc-button xc-theme", bare: true });
bar.querySelector(".xc-bar-end").replaceChildren(status, language, theme);
let labels = {};
let shown = null; // the last value that was drawn
let lost = false; // whether the program has stopped answering

function dark() {
  return document.body.classList.contains("dark");
}

function drawTheme() {
  theme.replaceChildren(icon(dark() ? "sun" : "moon"));
  theme.title = labels.theme_title || "";
  theme.setAttribute("aria-label", theme.title);
  document.documentElement.style.colorScheme = dark() ? "dark" : "light";
}

function chosenTheme() {
  try {
    return localStorage.getItem("xc-theme");
  } catch {
    return null; // a browser that forbids storage: the system's choice holds
  }
}

function switchTheme() {
  const next = dark() ? "light" : "dark";
  document.body.classList.toggle("dark", next === "dark");
  try {
    localStorage.setItem("xc-theme", next);
  } catch {
    // not remembered, but switched
  }
  drawTheme();
}

function applyChosen() {
  const chosen = chosenTheme();
  if (chosen) document.body.classList.toggle("dark", chosen === "dark");
  drawTheme();
}

function choose(code) {
  trigger("select", { value: { act: "language", language: code } });
}

// With two languages a button that leads to the other one, with more a menu. Drawn again only where something changed,
// so that an open menu stays open.
let drawn = "";
function drawLanguages({ language: current, languages }) {
  const state = JSON.stringify([current, languages]);
  if (state === drawn) return;
  drawn = state;
  const others = languages.filter(({ code }) => code !== current);
  if (others.length < 2) {
    const [other] = others;
    if (!other) return;
    const change = button(other.name, "language", () => choose(other.code), { class: "xc-button xc-language" });
    change.title = other.title;
    change.setAttribute("aria-label", other.title);
    language.replaceChildren(change);
    return;
  }
  const menu = make("select", { class: "xc-button xc-language", "aria-label": labels.language, title: labels.language });
  for (const { code, name, tag } of languages) menu.append(make("option", { value: code, text: name, lang: tag }));
  menu.value = current;
  menu.addEventListener("change", () => choose(menu.value));
  language.replaceChildren(menu);
}

function draw(value) {
  if (!value || !value.texts) return;
  labels = value.texts;
  document.documentElement.lang = value.tag;
  try {
    if (value.remember) localStorage.setItem("xc-language", value.language);
  } catch {
    // not remembered; the next visit begins in the browser's language
  }
  shown = value;
  drawLanguages(value);
  const { tone, text, detail, fraction } = lost ? { tone: "bad", text: labels.lost, detail: labels.lost_detail, fraction: null } : value.status;
  status.className = `xc-status xc-${tone}`;
  status.title = detail;
  status.replaceChildren(make("i", { class: "xc-dot" }), make("span", { class: "xc-status-text", text }), make("span", { class: "xc-status-detail", text: detail }));
  if (fraction !== null) {
    const track = make("span", { class: "xc-track" }, make("i", {}));
    track.firstChild.style.width = `${Math.round(fraction * 100)}%`;
    status.append(track);
  }
  drawTheme();
}

// What first.js found out. What Gradio says of it stays until it is closed, in English, and says nothing more.
const LOST = /Connection to the server was lost|Server stopped unexpectedly/;
window.addEventListener("xc-connection", ({ detail }) => {
  lost = detail.lost;
  draw(shown);
  for (const toast of document.querySelectorAll(".toast-body.error")) {
    if (LOST.test(toast.textContent)) toast.querySelector(".toast-close")?.click();
  }
});

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(applyChosen));
applyChosen();
watch("value", () => {
  draw(props.value);
  if (props.value?.rejoin) trigger("rejoin", {}); // an answer of the chat goes on, whichever tab is open
});
draw(props.value);
