// What a person types into the article is kept in the browser until the program has it: neither a reload nor an end of
// the program, nor a connection that is lost meanwhile, takes any of it away.

/* global xcKeep, xcKept */

const SHORTLY = 300; // milliseconds after which what is being typed is kept

// now() -> {draft, session, editing: the section that is edited}; shown(id) -> its text as it can be edited, or
// undefined. The section "" is the title.
// eslint-disable-next-line no-unused-vars
function makeUnsaved({ ask, now, shown }) {
  const words = new Map(xcKept("words") || []); // section -> {draft, before, text, markdown, given: the session that has it}
  let due = 0;

  function keep() {
    clearTimeout(due);
    due = 0;
    xcKeep("words", words.size ? [...words] : null);
  }

  function give(id, one, more = {}) {
    one.given = now().session;
    if (id === "") ask("title", { text: one.text });
    else ask("text", { id, text: one.text, ...(one.markdown ? { markdown: true } : {}), ...more });
  }

  return {
    // It is being typed. before: the text as the editing began.
    typed(id, before, text, markdown) {
      words.set(id, { draft: now().draft, before, text, markdown, given: null });
      due ||= setTimeout(keep, SHORTLY);
    },
    // It is finished: the program is given it. more: what it is asked for beside that.
    done(id, before, text, markdown, more) {
      this.typed(id, before, text, markdown);
      give(id, words.get(id), more);
      keep();
    },
    // Another action takes it with it: one that gets lost does not take it away.
    hold(id) {
      const one = words.get(id);
      if (!one) return;
      one.given = now().session;
      keep();
    },
    // Nobody wants it.
    drop(id) {
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
          ask("late", { of: one.draft, id, before: one.before, text: one.text, markdown: one.markdown });
          continue;
        }
        if ((one.draft !== draft && one.given !== session) || id === editing) continue;
        if (one.draft === draft && one.given !== session && one.text.trim() && shown(id)?.trim() === one.before.trim()) give(id, one, { over: one.before });
        else words.delete(id);
      }
      keep();
    },
  };
}
