// The view of conversations: their list, and what is around the messages that Gradio's Chatbot draws.

/* global element, props, watch, trigger, server, make, address, whenThere, fill, xcKey, xcTalkIs, makeSidebar, makeTurns, makeCamera */

let labels = {};
let language = "en";
let proof = ""; // whose conversations these are
let session = null;
let seen = 0; // number of the last message
let talk = { id: null, rows: [], answering: false };

async function call(action, asked = {}) {
  try {
    return (await server.chats_call({ act: action, language, proof, key: xcKey(), ...asked })) || { problem: labels.failed };
  } catch {
    return { problem: labels.failed };
  }
}

const act = (value) => trigger("select", { value });
const again = (value) => trigger("again", { value });
const box = () => document.querySelector("#xc-chat-box textarea");

// -- the list ---------------------------------------------------------------------------------------

const file = make("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: () => bring() });
const bringing = make("button", { type: "button", class: "xc-link", onclick: () => file.click() });

const sidebar = makeSidebar({
  root: element.querySelector(".xc-chats-root"),
  name: "xc-chats",
  labels: () => labels,
  language: () => language,
  call,
  list: (asked) => call("list", asked),
  picture: () => null,
  facts: (one) => fill(labels.count, { count: one.count }),
  entries: (one) => [
    ["duplicate", () => duplicate(one)],
    ["markdown", () => fetched(one, "markdown")],
    ["json", () => fetched(one, "json")],
    ["delete", () => sidebar.remove(one, () => act({ act: "new" }))],
  ],
  open: (id) => act({ act: "open", id }),
  begin() {
    act({ act: "new" });
    box()?.focus();
  },
  further: [bringing, file],
  nothing: (searched) => labels[searched ? "nothing" : "empty"],
});

async function duplicate(one) {
  const answer = await call("duplicate", { id: one.id });
  sidebar.say(answer);
  if (answer.item) sidebar.open(answer.item.id);
  await sidebar.load();
}

async function fetched(one, format) {
  const answer = await call("export", { id: one.id, format });
  sidebar.say(answer);
  if (!answer.url) return;
  const link = make("a", { href: address(answer.url), download: answer.name });
  document.body.append(link);
  link.click();
  link.remove();
}

async function bring() {
  const [chosen] = file.files;
  if (!chosen) return;
  const answer = await call("import", { document: await chosen.text() });
  file.value = "";
  sidebar.say(answer);
  if (answer.item) sidebar.open(answer.item.id);
  await sidebar.load();
}

// -- around the messages ----------------------------------------------------------------------------

const said = make("p", { class: "xc-chats-said", role: "status", hidden: true });
let silent = 0;

function say(words, lasting = false) {
  clearTimeout(silent);
  said.hidden = !words;
  said.textContent = words;
  if (!lasting) silent = setTimeout(() => (said.hidden = true), 4000);
}

const turns = makeTurns({
  labels: () => labels,
  act, again,
  give(action, row) {
    if (action === "append") {
      window.dispatchEvent(new CustomEvent("xc-drafts-do", { detail: { act: "append", text: row.text, title: talk.title } }));
    } else trigger("illustrate", { value: { text: row.text } });
  },
  done: say,
});

const camera = makeCamera({
  labels: () => labels,
  input: () => document.querySelector("#xc-chat-box input[type=file]"),
  failed: (words) => say(words, true),
});
element.querySelector(".xc-chats-root").append(said, camera.dialog);

// The button stands beside the one for files, which Gradio draws anew now and then.
function placeCamera() {
  const files = document.querySelector("#xc-chat-box .upload-button");
  if (files && camera.opener.previousElementSibling !== files && navigator.mediaDevices) files.after(camera.opener);
}
whenThere("#xc-chat-box", (node) => {
  new MutationObserver(placeCamera).observe(node, { childList: true, subtree: true });
  placeCamera();
});

// -- from elsewhere ---------------------------------------------------------------------------------

// What the article view asks of the chat; it may have asked before this tab was opened first.
function elsewhere() {
  const asked = window.xcAsked;
  window.xcAsked = null;
  if (asked) act(asked);
}
window.addEventListener("xc-chat-do", elsewhere);
// and what it has to say while nobody sees it
window.addEventListener("xc-said", ({ detail }) => element.offsetParent && say(detail));
// another tab may have gone on with the conversation
const follow = () => element.offsetParent && talk.id && !talk.answering && act({ act: "follow" });
window.addEventListener("focus", follow);
// or is just having an answer written
setInterval(() => talk.rows.some(({ grows }) => grows) && follow(), 2000);

function receive() {
  const value = props.value;
  if (!value) return;
  const spoken = labels.title;
  labels = value.texts;
  language = value.language;
  if (labels.title !== spoken) {
    bringing.textContent = labels.import;
    sidebar.relabel();
    camera.relabel();
    turns.draw();
  }
  if (!value.talk) return;
  if (value.session === session && value.n <= seen) return;
  const changed = value.talk.id !== talk.id || value.talk.title !== talk.title || value.talk.answering !== talk.answering;
  session = value.session;
  seen = value.n;
  proof = value.proof;
  talk = value.talk;
  xcTalkIs(talk.id);
  if (changed) sidebar.shows(talk.id, talk.title);
  turns.take(talk);
  placeCamera();
  for (const { op, text, tone } of value.do) if (op === "say") say(text, tone !== "plain");
}

watch("value", receive);
receive();
sidebar.begin();
elsewhere();
