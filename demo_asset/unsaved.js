// What a person types into the article is given to the program every second, and kept in the browser until its editor
// is shut and the program has it: neither a reload nor an end of the program, nor a connection that is lost meanwhile,
// takes any of it away, and a tab that is closed no more than the last second.

/* global xcKeep, xcKept */

const SHORTLY = 300; // milliseconds after which what is being typed is kept
const SOON = 1000; // and given to the program

// now() -> {draft, session, editing: the section that is edited}; shown(id) -> its text as it can be edited, or
// undefined. The section "" is the title.
// eslint-disable-next-line no-unused-vars
function makeUnsaved({ ask, now, shown }) {
  // section -> {draft, before, text, markdown, given: the session that has it, sent: what it was given while it was typed}
  const words = new Map(xcKept("words") || []);
  let due = 0;
  let saving = 0;

  function keep() {
    clearTimeout(due);
    due = 0;
    xcKeep("words", words.size ? [...words] : null);
  }

  // Not a block that is edited as Markdown: several may come of it.
  function save(id) {
    saving = 0;
    const one = words.get(id);
    if (!one || one.given || one.markdown || !one.text.trim()) return;
    one.sent = [...(one.sent || []).slice(-1), one.text]; // the one before, too: this one may not arrive
    ask("typing", { id, text: one.text });
    keep();
  }

  function stopSaving() {
    clearTimeout(saving);
    saving = 0;
  }

  function give(id, one, more = {}) {
    stopSaving();
    one.given = now().session;
    if (id === "") ask("title", { id, text: one.text });
    else ask("text", { id, text: one.text, ...(one.markdown ? { markdown: true } : {}), ...more });
  }

  return {
    // It is being typed. before: the text as the editing began.
    typed(id, before, text, markdown) {
      words.set(id, { draft: now().draft, before, text, markdown, given: null, sent: words.get(id)?.sent });
      due ||= setTimeout(keep, SHORTLY);
      saving ||= setTimeout(() => save(id), SOON);
    },
    // It is finished: the program is given it. more: what it is asked for beside that.
    done(id, before, text, markdown, more) {
      this.typed(id, before, text, markdown);
      give(id, words.get(id), more);
      keep();
    },
    // Another action takes it with it: one that gets lost does not take it away.
    hold(id) {
      stopSaving();
      const one = words.get(id);
      if (!one) return;
      one.given = now().session;
      keep();
    },
    // Nobody wants it. before: the text as the editing began, where it stays.
    drop(id, before = null) {
      stopSaving();
      if (before !== null && words.get(id)?.sent) ask("untype", { id, text: before });
      if (words.delete(id)) keep();
    },
    // The program has told the whole article. A session that was given these words has them by now; another one is given
    // them where the text is still as it was before: else somebody, or the program itself, has changed it since.
    compare() {
      const { draft, session, editing } = now();
      if (!session || !words.size) return;
      for (const [id, one] of [...words]) {
        if (one.draft !== draft && draft && one.draft && one.given !== session) {
          one.given = session; // for another draft, which may never be opened again
          ask("late", { of: one.draft, id, before: one.sent?.at(-1) ?? one.before, text: one.text, markdown: one.markdown });
          continue;
        }
        if ((one.draft !== draft && one.given !== session) || id === editing) continue;
        const stands = shown(id);
        const known = stands !== undefined && [one.before, ...(one.sent || [])].some((text) => text.trim() === stands.trim());
        if (one.draft === draft && one.given !== session && one.text.trim() && known) give(id, one, { over: stands });
        else words.delete(id);
      }
      keep();
    },
  };
}
