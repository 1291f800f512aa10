"""Composes and edits drafts as the page does, in a process of its own that a test may kill. Prints each text that is
saved, after it is."""

import sys
from pathlib import Path

from composer.article import Article, Candidate, Illustration, Section
from composer.drafts import DraftStore

if __name__ == "__main__":
    store = DraftStore(Path(sys.argv[1]))
    picture = Candidate("upload-1", sys.argv[2], "mine")
    drafts = store.of("ann")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for turn in range(1000):
        article = Article(f"Article {turn}", (Section("s1", ""), Section("s2", "Another.")))
        draft = drafts.create(article)
        for number in range(30):
            text = " ".join(f"word{turn}-{one}" for one in range(number + 1))
            article = article.with_text("s1", text)
            if number == 15:
                article = article.with_illustration("s1", Illustration("Mine", candidates=(picture,), chosen=picture))
            draft = drafts.save(draft.id, article, after=draft.step, amend=number % 3 > 0)
            sys.stdout.write(f"{draft.id} {draft.step} {text.rpartition(' ')[2]}\n")
            sys.stdout.flush()
        drafts.undo(draft.id, after=draft.step)
