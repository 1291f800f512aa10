"""Composes and edits drafts as the page does, in a process of its own that a test may kill. Tells each text that is
saved, after it is."""

from multiprocessing.connection import Connection
from pathlib import Path

from composer.article import Article, Candidate, Illustration, Section
from composer.drafts import DraftStore


def save(data: Path, mine: Path, saved: Connection) -> None:
    """Sends "ready", and then a draft's id, its step and the last word of its text."""
    store = DraftStore(data)
    picture = Candidate("upload-1", str(mine), "mine")
    drafts = store.of("ann")
    saved.send("ready")
    for turn in range(1000):
        article = Article(f"Article {turn}", (Section("s1", ""), Section("s2", "Another.")))
        draft = drafts.create(article)
        for number in range(30):
            text = " ".join(f"word{turn}-{one}" for one in range(number + 1))
            article = article.with_text("s1", text)
            if number == 15:
                article = article.with_illustration("s1", Illustration("Mine", candidates=(picture,), chosen=picture))
            draft = drafts.save(draft.id, article, after=draft.step, amend=number % 3 > 0)
            saved.send((draft.id, draft.step, text.rpartition(" ")[2]))
        drafts.undo(draft.id, after=draft.step)
