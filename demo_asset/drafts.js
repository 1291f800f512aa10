// The sidebar of drafts. Opening one and beginning a new one are actions of the article view ("xc-drafts-do"), which
// tells what it shows ("xc-draft").

/* global element, props, watch, server, make, icon, address, fill, xcKey, makeSidebar, makeVersions */

let labels = {};
let language = "en";
let proof = ""; // whose drafts these are
let archived = false;

async function call(action, asked = {}) {
  try {
    return (await server.drafts_call({ act: action, language, proof, key: xcKey(), ...asked })) || { problem: labels.failed };
  } catch {
    return { problem: labels.failed };
  }
}

const act = (detail) => window.dispatchEvent(new CustomEvent("xc-drafts-do", { detail }));
const other = make("button", { type: "button", class: "xc-link", onclick: () => ((archived = !archived), relabel(), sidebar.load()) });

const sidebar = makeSidebar({
  root: element.querySelector(".xc-drafts-root"),
  name: "xc-drafts",
  labels: () => labels,
  language: () => language,
  call,
  async list(asked) {
    const answer = await call("list", { ...asked, archived });
    return { ...answer, items: answer.drafts };
  },
  picture: (draft) => make("span", { class: "xc-drafts-picture" }, draft.thumb
    ? make("img", { src: address(draft.thumb), alt: "", loading: "lazy", onerror: ({ target }) => target.replaceWith(icon("page")) })
    : icon("page")),
  facts: (draft) => fill(labels.words, { count: draft.words }),
  entries: (draft) => [
    ["versions", () => showVersions(draft)],
    ["duplicate", () => duplicate(draft)],
    [draft.archived ? "unarchive" : "archive", () => archive(draft, !draft.archived)],
    ["delete", () => sidebar.remove(draft, () => act({ act: "new" }))],
  ],
  open: (id) => act({ act: "draft", id }),
  begin() {
    act({ act: "new" });
    document.querySelector("#xc-title textarea")?.focus();
  },
  further: [other],
  nothing: (searched) => labels[searched ? "nothing" : archived ? "no_archived" : "empty"],
});

const versions = makeVersions({
  label: (key) => labels[key] || key,
  call,
  say: sidebar.say,
  when: sidebar.when,
  act: (detail) => {
    act(detail);
    if (!sidebar.isWide()) sidebar.show(false);
  },
  back: async ({ id }) => {
    sidebar.cover(false);
    await sidebar.load();
    sidebar.focusOn(id);
  },
});
sidebar.panel.insertBefore(versions.part, sidebar.done);
sidebar.panel.after(versions.dialog);

// The versions are those of the draft that is shown.
function showVersions(draft) {
  if (draft.id !== sidebar.current()) act({ act: "draft", id: draft.id });
  sidebar.cover(true);
  versions.open(draft);
}

async function duplicate(draft) {
  const answer = await call("duplicate", { id: draft.id });
  sidebar.say(answer);
  if (answer.draft) sidebar.open(answer.draft.id);
  await sidebar.load();
}

async function archive(draft, put) {
  const answer = await call("archive", { id: draft.id, archived: put });
  sidebar.say(answer, fill(labels[put ? "archived" : "unarchived"], { title: draft.title || labels.untitled }), () => archive(draft, !put));
  await sidebar.load();
}

let due = 0;
window.addEventListener("xc-draft", ({ detail }) => {
  if (sidebar.isOpen() && versions.of() && versions.of() !== detail.id) versions.shut();
  sidebar.shows(detail.id);
  clearTimeout(due);
  due = setTimeout(versions.load, 400);
});

function relabel() {
  const value = props.value;
  if (!value?.texts) return;
  labels = value.texts;
  language = value.language;
  proof = value.proof || "";
  other.textContent = labels[archived ? "show_drafts" : "show_archived"];
  sidebar.relabel();
  versions.relabel();
  versions.load();
}

watch("value", relabel);
relabel();
sidebar.begin();
