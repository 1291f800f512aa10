// The buttons under questions and answers. Gradio's Chatbot draws the messages, with code, tables and formulas; what it
// offers besides speaks the browser's language, not the page's, edits the marks that keep a question plain, and knows no
// versions. So each of its rows gets a line of ours, from the facts that Python sends for it (ui/chat/showing.py).

/* global make, button, whenThere */
/* exported makeTurns */

// labels(): the texts. act(value): an action that needs no model; again(value): one for which the model answers.
// give(action, row): what becomes of an answer elsewhere on the page ("append", "illustrate"). done(words): said aloud.
function makeTurns({ labels, act, again, give, done }) {
  let turns = null; // what Gradio draws the messages in
  let rows = [];
  let answering = false;
  let planned = 0;

  const tool = (key, name, work, more = {}) =>
    button(labels()[key], name, work, { class: `xc-turn-button xc-turn-${key}`, bare: true, ...more });

  // ‹ 2/3 ›
  function pager(row, key) {
    if (row.of.length < 2) return null;
    const turn = (step) => act({ act: "page", id: row.of[row.at + step] });
    const back = tool(`${key}_before`, "left", () => turn(-1), { disabled: answering || row.at === 0 });
    const on = tool(`${key}_after`, "right", () => turn(1), { disabled: answering || row.at === row.of.length - 1 });
    const place = make("span", { class: "xc-turn-at", text: `${row.at + 1}/${row.of.length}` });
    return make("span", { class: "xc-turn-pager", role: "group", "aria-label": labels()[key] }, back, place, on);
  }

  async function copy(row) {
    try {
      await navigator.clipboard.writeText(row.text);
      done(labels().copied);
    } catch {
      done(labels().copy_failed);
    }
  }

  function ofQuestion(row, node) {
    return [
      pager(row, "wordings"),
      tool("edit", "edit", () => edit(row, node), { disabled: answering }),
      ...(row.text ? [tool("copy", "copy", () => copy(row))] : []),
      ...(row.pictures ? [tool("place", "picture", () => enlarge(node.querySelector(".message img")))] : []),
    ];
  }

  function ofAnswer(row) {
    const thumb = (key, value) => tool(key, "like", () => act({ act: "like", id: row.id, liked: row.liked === value ? null : value }), { "aria-pressed": String(row.liked === value) });
    const further = (key, name) => button(labels()[key], name, () => give(key, row), { class: `xc-turn-button xc-turn-${key}`, title: labels()[`${key}_title`] });
    const goOn = ({ id }) => button(labels().continue, "right", () => again({ act: "continue", id }), { class: "xc-turn-button xc-turn-continue", title: labels().continue_title, disabled: answering });
    const text = row.text
      ? [tool("copy", "copy", () => copy(row)), thumb("like", true), thumb("dislike", false)]
      : [];
    return [
      pager(row, "answers"),
      ...text,
      tool("again", "again", () => again({ act: "again", id: row.id }), { disabled: answering }),
      ...(row.text && !row.finished && !row.grows ? [goOn(row)] : []),
      ...(row.text ? [further("append", "page"), further("illustrate", "picture")] : []),
    ];
  }

  // A picture of a question as large as the window, and where in the article it could stand.
  function enlarge({ src, alt }) {
    const places = window.xcPlaces?.() ?? [];
    const plain = ({ text }) => text.replace(/[*`]+/g, "");
    const label = (place, number) => `${number + 1}. ${plain(place).slice(0, 60)}${plain(place).length > 60 ? " …" : ""}`;
    const choice = make("select", { "aria-label": labels().place_after }, ...places.map((place, number) => make("option", { value: place.id, text: label(place, number) })));
    const put = async (event) => {
      event.preventDefault();
      dialog.close();
      const answer = await fetch(src).catch(() => null);
      if (!answer?.ok) return done(labels().failed); // it is gone, or the program is
      const picture = await answer.blob();
      window.dispatchEvent(new CustomEvent("xc-picture-do", { detail: { id: choice.value, file: new File([picture], "picture.jpg", { type: picture.type }) } }));
    };
    const form = places.length
      ? make("form", { onsubmit: put }, make("label", {}, make("span", { text: labels().place_after }), choice), make("button", { type: "submit", class: "xc-turn-send", text: labels().place_there }))
      : make("p", { text: labels().no_places });
    const shut = button(labels().cancel, "close", () => dialog.close(), { class: "xc-turn-shut", bare: true });
    const dialog = make("dialog", { class: "xc-turn-picture", "aria-label": alt, onclose: () => dialog.remove() }, make("img", { src, alt, onclick: () => dialog.close() }), form, shut);
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    document.body.append(dialog);
    dialog.showModal();
  }

  // The question as it was typed, to be asked in other words after the same beginning.
  function edit(row, node) {
    const field = make("textarea", { class: "xc-turn-field", rows: Math.min(8, row.text.split("\n").length + 1), dir: "auto", "aria-label": labels().edit });
    field.value = row.text;
    const shut = () => {
      form.remove();
      node.classList.remove("xc-turn-edited");
      place();
    };
    const send = () => {
      const text = field.value.trim();
      if (!text) return field.focus();
      shut();
      again({ act: "edit", id: row.id, text });
    };
    const form = make("form", { class: "xc-turn-form", onsubmit: (event) => (event.preventDefault(), send()) }, field,
      make("div", { class: "xc-row" },
        make("button", { type: "submit", class: "xc-turn-send", text: labels().ask }),
        make("button", { type: "button", class: "xc-turn-cancel", text: labels().cancel, onclick: shut })));
    form.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") shut();
      else if (event.key === "Enter" && !event.shiftKey && event.target === field) send();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    node.classList.add("xc-turn-edited");
    node.prepend(form);
    field.focus();
  }

  // Puts the lines under the rows that Gradio has drawn; as long as those are not the ones of the facts, none.
  function place() {
    planned = 0;
    if (!turns) return;
    const nodes = turns.querySelectorAll(".message-row");
    const frame = turns.querySelector(".bubble-wrap");
    const atEnd = frame && frame.scrollHeight - frame.scrollTop - frame.clientHeight < 100;
    const fit = nodes.length === rows.length;
    nodes.forEach((node, number) => {
      const row = fit ? rows[number] : {};
      const kind = { question: ofQuestion, answer: ofAnswer }[row.kind];
      const old = node.querySelector(":scope > .xc-turn");
      const facts = kind ? JSON.stringify([row, answering, labels().edit]) : "";
      if (node.classList.contains("xc-turn-edited") && (answering || !kind || old?.facts !== facts)) {
        node.querySelector(".xc-turn-form")?.remove(); // another conversation stands here now
        node.classList.remove("xc-turn-edited");
      }
      if ((old?.facts ?? "") === facts) return;
      const had = old?.contains(document.activeElement) ? document.activeElement.className : "";
      old?.remove();
      if (!kind) return;
      const line = make("div", { class: "xc-turn" }, ...kind(row, node));
      line.facts = facts;
      node.append(line);
      if (had) line.getElementsByClassName(had)[0]?.focus({ preventScroll: true });
    });
    if (atEnd) frame.scrollTop = frame.scrollHeight; // Gradio has scrolled to where the message ends
  }

  const plan = () => (planned = planned || requestAnimationFrame(place));
  const ours = ({ target }) => target.closest?.(".xc-turn, .xc-turn-form");
  whenThere("#xc-turns", (node) => {
    turns = node;
    turns.addEventListener("click", ({ target }) => target.matches(".user img") && enlarge(target));
    new MutationObserver((changes) => changes.every(ours) || plan()).observe(turns, { childList: true, subtree: true });
    place();
  });

  return {
    take(talk) {
      rows = talk.rows;
      answering = talk.answering;
      place();
    },
    draw: place,
  };
}
