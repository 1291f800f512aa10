"""Drafts: every change a step, and back again; lists, names, versions; one owner never sees another's."""

import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from composer.article import Article, Candidate, Illustration, Section
from composer.drafts import DraftStore
from composer.errors import ArticleUnreadable, DraftChanged, DraftNotFound, VersionNotFound

CATS = Article("Cats", (Section("s1", "A cat sleeps."), Section("s2", "猫喝水。")), parameters={"seed": 1})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DraftStore]:
    made = DraftStore(tmp_path / "data")
    yield made
    made.close()


def text(article: Article) -> str:
    return article.section("s1").text


def illustrated(picture: Path, picture_id: str = "p1") -> Article:
    chosen = Candidate(picture_id, str(picture), "a cat")
    return CATS.with_illustration("s1", Illustration("A cat", candidates=(chosen,), chosen=chosen))


def test_a_draft_outlives_the_program(store: DraftStore, tmp_path: Path) -> None:
    made = store.of("ann").create(CATS)
    store.of("ann").save(made.id, CATS.with_text("s1", "It purrs."), after=made.step)
    store.close()
    again = DraftStore(tmp_path / "data")
    draft = again.of("ann").load(made.id)
    assert draft.article == CATS.with_text("s1", "It purrs.")
    assert again.of("ann").undo(made.id, after=draft.step).article == CATS
    again.close()


def test_undo_and_redo_without_limit(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = drafts.create(CATS)
    assert not draft.can_undo
    for number in range(200):
        draft = drafts.save(draft.id, draft.article.with_text("s1", f"Text {number}."), after=draft.step)
    for number in reversed(range(199)):
        draft = drafts.undo(draft.id, after=draft.step)
        assert text(draft.article) == f"Text {number}."
    draft = drafts.undo(draft.id, after=draft.step)
    assert draft.article == CATS
    assert (draft.can_undo, draft.can_redo) == (False, True)
    assert drafts.undo(draft.id, after=draft.step) == draft  # nothing before it
    for number in range(200):
        draft = drafts.redo(draft.id, after=draft.step)
        assert text(draft.article) == f"Text {number}."
    assert not draft.can_redo


def test_what_was_undone_and_written_over_can_still_be_restored(store: DraftStore) -> None:
    drafts = store.of("ann")
    first = drafts.create(CATS)
    lost = drafts.save(first.id, CATS.with_text("s1", "Lost."), after=first.step)
    back = drafts.undo(first.id, after=lost.step)
    other = drafts.save(first.id, CATS.with_text("s1", "Other."), after=back.step)
    assert not other.can_redo
    assert text(drafts.undo(first.id, after=other.step).article) == "A cat sleeps."
    assert text(drafts.redo(first.id, after=first.step).article) == "Other."
    assert text(drafts.restore(first.id, lost.step).article) == "Lost."


def test_a_growing_text_is_one_step(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = first = drafts.create(CATS)
    draft = drafts.save(draft.id, CATS.with_text("s1", "I"), after=draft.step)
    steps = {draft.step}
    for words in ("It", "It p", "It purrs."):
        draft = drafts.save(draft.id, CATS.with_text("s1", words), after=draft.step, amend=True)
        steps.add(draft.step)
    assert len(steps) == 4  # a number names one content: another tab notices each
    assert drafts.undo(draft.id, after=draft.step).article == CATS
    assert text(drafts.redo(draft.id, after=first.step).article) == "It purrs."


def test_a_named_step_and_one_that_was_gone_back_to_are_not_amended(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = drafts.create(CATS)
    drafts.name_version(draft.id, "first")
    second = drafts.save(draft.id, CATS.with_title("Dogs"), after=draft.step, amend=True)
    assert drafts.article_at(draft.id, draft.step) == CATS
    back = drafts.undo(draft.id, after=second.step)
    drafts.save(draft.id, CATS.with_title("Birds"), after=back.step, amend=True)
    assert drafts.article_at(draft.id, second.step).title == "Dogs"


def test_two_tabs_do_not_overwrite_each_other(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = drafts.create(CATS)
    one = drafts.save(draft.id, CATS.with_title("One"), after=draft.step)
    writes: list[Callable[[], object]] = [
        lambda: drafts.save(draft.id, CATS.with_title("Two"), after=draft.step),
        lambda: drafts.undo(draft.id, after=draft.step),
        lambda: drafts.redo(draft.id, after=draft.step),
    ]
    for write in writes:
        with pytest.raises(DraftChanged, match="'One' was changed elsewhere") as raised:
            write()
        assert raised.value.values["step"] == one.step
    assert drafts.load(draft.id).article.title == "One"


def test_nobody_sees_anothers(store: DraftStore) -> None:
    draft = store.of("ann").create(CATS)
    bob = store.of("bob")
    assert bob.list() == []
    assert bob.list(search="cat") == []
    attempts: list[Callable[[], object]] = [
        lambda: bob.load(draft.id),
        lambda: bob.save(draft.id, CATS, after=draft.step),
        lambda: bob.undo(draft.id, after=draft.step),
        lambda: bob.rename(draft.id, "Mine"),
        lambda: bob.delete(draft.id),
        lambda: bob.duplicate(draft.id),
        lambda: bob.versions(draft.id),
        lambda: bob.article_at(draft.id, 1),
        lambda: bob.load("nonsense"),
    ]
    for attempt in attempts:
        with pytest.raises(DraftNotFound):
            attempt()
    assert store.of("ann").load(draft.id) == draft
    assert [one.owner for one in store.of(None).list()] == ["ann"]  # the machine's owner, on the command line


def test_the_list_is_in_the_order_of_changes_whatever_the_clock_says(
    store: DraftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = store.of("ann")
    now = time.time()
    made = []
    for hours, title in ((0, "A"), (-5, "B"), (-9, "C")):  # the clock is set back twice
        monkeypatch.setattr(time, "time", partial(float, now + 3600 * hours))
        made.append(drafts.create(CATS.with_title(title)))
    assert [one.title for one in drafts.list()] == ["C", "B", "A"]
    drafts.save(made[0].id, CATS.with_title("A2"), after=made[0].step)
    assert [one.title for one in drafts.list()] == ["A2", "C", "B"]
    assert text(drafts.undo(made[0].id, after=2).article) == text(CATS)


def test_search_finds_parts_of_words_in_both_languages(store: DraftStore) -> None:
    drafts = store.of("ann")
    drafts.create(CATS)
    drafts.create(Article("Straße nach Süden", (Section("s1", "100% of it, _really_."),)))
    assert [one.title for one in drafts.list(search="SLEEP cat")] == ["Cats"]
    assert [one.title for one in drafts.list(search="喝水")] == ["Cats"]
    assert [one.title for one in drafts.list(search="STRASSE 100%")] == ["Straße nach Süden"]
    assert drafts.list(search="sleep Süden") == []
    assert drafts.list(search="%") != drafts.list(search="_x_") == []


def test_names_archive_delete_and_back(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = drafts.create(CATS)
    assert drafts.rename(draft.id, "  My\ncats ").title == "My cats"
    assert [one.id for one in drafts.list(search="my cat")] == [draft.id]
    assert drafts.load(draft.id).article.title == "Cats"
    copy = drafts.duplicate(draft.id, "Copy")
    assert copy.id != draft.id
    assert copy.article == CATS
    drafts.archive(draft.id)
    assert [one.id for one in drafts.list()] == [copy.id]
    assert [one.id for one in drafts.list(archived=True)] == [draft.id]
    drafts.archive(draft.id, False)
    drafts.delete(draft.id)
    assert [one.id for one in drafts.list(archived=None)] == [copy.id]
    with pytest.raises(DraftNotFound):
        drafts.load(draft.id)
    assert [one.id for one in drafts.list(deleted=True)] == [draft.id]
    assert drafts.undelete(draft.id).title == "My cats"
    assert drafts.rename(draft.id, "").title == "Cats"


def test_what_was_deleted_long_ago_goes_with_its_pictures(store: DraftStore, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "b.png")
    drafts = store.of("ann")
    gone, stays = drafts.create(illustrated(tmp_path / "a.png")), drafts.create(illustrated(tmp_path / "b.png"))
    drafts.delete(gone.id)
    long_ago = time.time() - 31 * 86_400
    with store.transaction() as db:
        db.execute("UPDATE drafts SET deleted = ? WHERE deleted IS NOT NULL", (long_ago,))
    files = [Path(path) for path in tmp_path.glob("data/pictures/*/*")]
    assert len(files) == 2
    for file in files:
        os.utime(file, (long_ago, long_ago))
    store.close()
    again = DraftStore(tmp_path / "data")
    assert again.of("ann").list(deleted=True) == []
    assert [file for file in files if file.exists()] == [again.of("ann").load(stays.id).summary.picture]
    again.close()


def test_versions_are_named_restored_and_listed(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = drafts.create(CATS)
    assert drafts.name_version(draft.id, "First").step == draft.step
    later = drafts.save(draft.id, CATS.with_title("Dogs"), after=draft.step)
    drafts.name_version(draft.id, "Second")
    assert [(one.name, one.step) for one in drafts.versions(draft.id)] == [("Second", 2), ("First", 1)]
    restored = drafts.restore(draft.id, draft.step, after=later.step)
    assert restored.article == CATS
    assert drafts.undo(draft.id, after=restored.step).article.title == "Dogs"
    assert [one.step for one in drafts.versions(draft.id, steps=True)] == [3, 2, 1]
    drafts.name_version(draft.id, "First")  # the name goes along
    assert [(one.name, one.step) for one in drafts.versions(draft.id)] == [("Second", 2), ("First", 2)]
    with pytest.raises(VersionNotFound, match=r"'77'\. There are: 1 – 3"):
        drafts.restore(draft.id, 77)


def test_pictures_stay_when_the_gallery_changes(store: DraftStore, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    content = picture.read_bytes()
    drafts = store.of("ann")
    draft = drafts.create(illustrated(picture))
    Image.new("RGB", (8, 8), "green").save(picture)  # another picture under the same name
    later = drafts.save(draft.id, draft.article.with_title("Later"), after=draft.step)
    picture.unlink()
    for article in (later.article, drafts.load(draft.id).article, drafts.article_at(draft.id, draft.step)):
        shown = article.section("s1").illustration
        assert shown is not None
        assert shown.chosen is not None
        assert Path(shown.chosen.path).read_bytes() == content
        assert shown.candidates[0].path == shown.chosen.path
        assert drafts.list()[0].picture == Path(shown.chosen.path)
    assert len(list(tmp_path.glob("data/pictures/*/*"))) == 1


def test_the_data_folder_can_be_moved(store: DraftStore, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    draft = store.of("ann").create(illustrated(tmp_path / "a.png", "upload-1"))
    store.close()
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    moved = DraftStore(tmp_path / "elsewhere")
    shown = moved.of("ann").load(draft.id).article.section("s1").illustration
    assert shown is not None
    assert shown.chosen is not None
    assert Path(shown.chosen.path).is_relative_to(tmp_path / "elsewhere")
    assert Path(shown.chosen.path).is_file()
    moved.close()


def test_a_picture_that_is_gone_already_stays_as_it_is(store: DraftStore, tmp_path: Path) -> None:
    article = illustrated(tmp_path / "never.png")
    draft = store.of("ann").create(article)
    assert store.of("ann").load(draft.id).article == article
    assert draft.summary.picture is None


def test_a_thumbnail_of_a_drawing_lets_the_card_be_seen(store: DraftStore, tmp_path: Path) -> None:
    Image.new("RGBA", (300, 200), (0, 0, 0, 0)).save(tmp_path / "drawing.png")
    kept = store.pictures.path(store.pictures.copied(tmp_path / "drawing.png"))
    black = store.pictures.folder.parent / "thumbnails" / f"{kept.stem}.jpg"  # as one was made before
    black.parent.mkdir(parents=True)
    Image.new("RGB", (144, 96)).save(black)
    with Image.open(store.pictures.thumbnail(kept)) as small:
        assert small.convert("RGBA").getpixel((70, 40))[3] == 0  # type: ignore[index]


def test_a_thumbnail_is_made_once(store: DraftStore, tmp_path: Path) -> None:
    Image.new("RGB", (900, 600), "red").save(tmp_path / "a.png")
    kept = store.of("ann").create(illustrated(tmp_path / "a.png")).summary.picture
    assert kept is not None
    small = store.pictures.thumbnail(kept)
    with Image.open(small) as image:
        assert image.size == (144, 96)
    made = small.stat().st_mtime_ns
    assert store.pictures.thumbnail(kept).stat().st_mtime_ns == made


def test_half_an_emoji_does_not_end_the_saving(store: DraftStore) -> None:
    draft = store.of("ann").create(CATS.with_text("s1", "cat \ud83d").with_title("Half \ud83d"), name="\ud83d")
    assert draft.summary.title == "\ufffd"
    assert text(store.of("ann").load(draft.id).article) == "cat ?"


def test_a_draft_of_the_program_before_an_update_is_opened_and_goes_on(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = drafts.create(CATS)
    older = json.loads(CATS.to_json()) | {"schema": 2}
    del older["imported"]
    for section in older["sections"]:
        del section["source"]
    with store.transaction() as db:
        db.execute("UPDATE steps SET article = ?", (zlib.compress(json.dumps(older).encode()),))
    opened = drafts.load(draft.id)
    assert opened.article.to_dict()["sections"] == CATS.to_dict()["sections"]
    drafts.save(draft.id, opened.article.with_title("Later cats"), after=opened.step)
    assert drafts.undo(draft.id, after=2).article.title == CATS.title


def test_a_draft_of_a_newer_version_is_left_as_it_is(store: DraftStore) -> None:
    drafts = store.of("ann")
    draft = drafts.create(CATS)
    newer = zlib.compress(CATS.to_json().replace('"schema": ', '"schema": 9').encode())
    with store.transaction() as db:
        db.execute("UPDATE steps SET article = ?", (newer,))
    reads: list[Callable[[], object]] = [lambda: drafts.load(draft.id), lambda: drafts.duplicate(draft.id)]
    for read in reads:
        with pytest.raises(ArticleUnreadable, match="its format is version 9"):
            read()
    assert drafts.rename(draft.id, "Of tomorrow").title == "Of tomorrow"  # what is not the article can be done
    assert [one.title for one in drafts.list()] == ["Of tomorrow"]
    with store.reading() as db:
        assert db.execute("SELECT article FROM steps").fetchone()[0] == newer


def test_ten_writers_at_once_lose_nothing(store: DraftStore) -> None:
    problems: list[Exception] = []

    def write(name: str) -> None:
        try:
            drafts = store.of(name)
            draft = drafts.create(replace(CATS, title=name))
            for number in range(20):
                draft = drafts.save(draft.id, CATS.with_text("s1", f"{name} {number}"), after=draft.step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            problems.append(error)

    threads = [threading.Thread(target=write, args=(f"n{number}",)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    for number in range(10):
        drafts = store.of(f"n{number}")
        [summary] = drafts.list()
        assert text(drafts.load(summary.id).article) == f"n{number} 19"
        assert len(drafts.versions(summary.id, steps=True)) == 21
