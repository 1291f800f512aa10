"""What can be wrong with the folder of drafts: each is a sentence, and nothing that can be read is lost."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from composer.article import Article, Section
from composer.drafts import DraftStore
from composer.drafts.tables import LAYOUT
from composer.errors import DraftNotFound, DraftsUnavailable

FILE = LAYOUT.file

CATS = Article("Cats", tuple(Section(f"s{number}", f"A cat sleeps, {number}. " * 20) for number in range(30)))


def filled(folder: Path, count: int = 40) -> list[str]:
    """Ids of that many drafts with three steps each, in a folder that is closed again."""
    store = DraftStore(folder)
    made = []
    for number in range(count):
        draft = store.of("ann").create(CATS.with_title(f"Draft {number}"))
        for step in range(2):
            draft = store.of("ann").save(draft.id, CATS.with_title(f"Draft {number}, {step}"), after=draft.step)
        made.append(draft.id)
    store.close()
    return made


def test_a_damaged_file_is_kept_and_what_can_be_read_is_recovered(tmp_path: Path) -> None:
    made = filled(tmp_path)
    file = tmp_path / FILE
    content = bytearray(file.read_bytes())
    size = len(content)
    content[size // 2 : size // 2 + 20_000] = b"\xab" * 20_000  # five pages in the middle
    file.write_bytes(content)
    store = DraftStore(tmp_path)
    assert store.recovered is not None
    assert store.recovered.copy.read_bytes() == bytes(content)
    assert store.recovered.drafts == len(store.of(None).list()) >= 30
    readable = [draft for draft in store.of(None).list() if store.of(None).load(draft.id).article.sections]
    assert len(readable) == store.recovered.drafts
    alive = set(made) & {draft.id for draft in readable}
    assert len(alive) >= 30
    draft = store.of("ann").load(next(iter(alive)))
    store.of("ann").save(draft.id, CATS, after=draft.step)  # and goes on
    store.close()
    again = DraftStore(tmp_path)
    assert again.recovered is None
    again.close()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\0" * 5000, b"\xff" * 100_000])
def test_a_file_of_something_else_is_put_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    store = DraftStore(tmp_path)
    assert store.of("ann").load(store.of("ann").create(CATS).id).article == CATS
    store.close()
    if content:
        assert (tmp_path / f"{FILE}.damaged-1").read_bytes() == content


def test_a_file_that_is_damaged_under_the_running_program_is_recovered(tmp_path: Path) -> None:
    made = filled(tmp_path)
    store = DraftStore(tmp_path)
    with store.reading() as db:
        db.execute("PRAGMA cache_size = 5")  # pages: what is in memory is not read again
    file = tmp_path / FILE
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(b"\xab" * 20_000)
    for draft_id in made:
        try:
            assert store.of("ann").load(draft_id).article.sections
        except DraftNotFound:
            assert store.recovered is not None
    assert store.recovered is not None
    assert len(store.of("ann").list()) >= 30
    store.close()


def test_a_folder_that_is_removed_under_the_running_program_is_made_anew(tmp_path: Path) -> None:
    store = DraftStore(tmp_path / "data")
    store.of("ann").create(CATS)
    (tmp_path / "data").rename(tmp_path / "away")
    draft = store.of("ann").create(CATS)
    store.close()
    again = DraftStore(tmp_path / "data")
    assert [one.id for one in again.of("ann").list()] == [draft.id]
    again.close()


def test_drafts_of_a_newer_program_are_left_untouched(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE facts SET value = '7' WHERE name = 'format'")
    db.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(DraftsUnavailable, match="their format is version 7; this program reads 1") as raised:
        DraftStore(tmp_path)
    assert "它们保持原样" in raised.value.text("zh")
    assert (tmp_path / FILE).read_bytes() == before


def test_a_locked_file_is_said_and_the_next_save_has_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer.keeping.database.PATIENCE", 0.1)
    store = DraftStore(tmp_path)
    draft = store.of("ann").create(CATS)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DraftsUnavailable, match="another program is writing them"):
        store.of("ann").save(draft.id, CATS.with_title("One"), after=draft.step)
    assert store.of("ann").load(draft.id).article == CATS  # readers go on
    other.execute("ROLLBACK")
    other.close()
    assert store.of("ann").save(draft.id, CATS.with_title("Two"), after=draft.step).article.title == "Two"
    store.close()


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    store = DraftStore(tmp_path)
    draft = store.of("ann").create(CATS)
    with store.reading() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 1}")
    signs = ["".join(chr(0x4E00 + (row * 700 + at * 13) % 20000) for at in range(600)) for row in range(60)]
    grown = CATS.with_sections([Section(f"s{row}", text) for row, text in enumerate(signs)])
    with pytest.raises(DraftsUnavailable, match="the disk is full"):
        store.of("ann").save(draft.id, grown, after=draft.step)
    assert store.of("ann").load(draft.id).article == CATS
    with store.reading() as db:
        db.execute("PRAGMA max_page_count = 1073741823")
    assert store.of("ann").save(draft.id, grown, after=draft.step).article == grown
    store.close()


def test_a_change_that_fails_at_its_end_hinders_no_other(tmp_path: Path) -> None:
    store = DraftStore(tmp_path)
    with store.reading() as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("CREATE TABLE one (id INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE other (id INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(DraftsUnavailable, match="the file does not work"), store.transaction() as db:
        db.execute("INSERT INTO other VALUES (7)")  # checked when it is committed
    assert store.of("ann").create(CATS).article == CATS
    store.close()


def test_a_full_disk_under_the_pictures_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.composer.drafts.test_drafts import illustrated

    (tmp_path / "a.png").write_bytes(b"picture")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    store = DraftStore(tmp_path / "data")
    with pytest.raises(DraftsUnavailable, match="the disk is full"):
        store.of("ann").create(illustrated(tmp_path / "a.png"))
    assert list((tmp_path / "data" / "pictures").rglob("*.part")) == []
    store.close()


READ_ONLY = """
import os, sys
from pathlib import Path
from composer.drafts import DraftStore
from composer.article import Article
from composer.errors import DraftsUnavailable
Article.from_json('{"title": ""}')  # imports what it needs
os.setgid(65534); os.setuid(65534)  # the tests may run as root, for whom nothing is read-only
store = DraftStore(Path(sys.argv[1]))
drafts = store.of("ann")
print([draft.title for draft in drafts.list()])
first = drafts.list()[0].id
print(drafts.load(first).article.title)
for write in (lambda: drafts.create(Article("x")), lambda: drafts.delete(first)):
    try:
        write()
        print("written")
    except DraftsUnavailable as error:
        print(error)
"""


def as_nobody(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def readable_by_all(tmp_path: Path) -> Path:
    import os

    if os.getuid() != 0:
        pytest.skip("only root can become another user, for whom the folder is read-only")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


def test_a_read_only_folder_can_be_read(readable_by_all: Path) -> None:
    filled(readable_by_all, 1)
    result = as_nobody(READ_ONLY, readable_by_all)
    assert result.returncode == 0, result.stderr
    titles, title, *refusals = result.stdout.splitlines()
    assert titles == "['Draft 0, 1']"
    assert title == "Draft 0, 1"
    assert len(refusals) == 2
    assert all("they can only be read there" in line for line in refusals)


def test_a_place_where_no_folder_can_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DraftsUnavailable, match=r"file/data' cannot be used: .*--data DIR"):
        DraftStore(tmp_path / "file" / "data")


def test_recovering_again_keeps_every_copy(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / FILE).write_bytes(b"broken %d" % number)
        DraftStore(tmp_path).close()
    assert [(tmp_path / f"{FILE}.damaged-{number}").read_bytes() for number in (1, 2)] == [b"broken 1", b"broken 2"]


def test_steps_of_a_lost_draft_come_back_as_a_draft(tmp_path: Path) -> None:
    [draft_id] = filled(tmp_path, 1)
    store = DraftStore(tmp_path)
    with store.transaction() as db:
        db.execute("DELETE FROM drafts")
    store.close()
    from composer.keeping.recovery import recover

    assert recover(tmp_path, LAYOUT).drafts == 1
    again = DraftStore(tmp_path)
    [found] = again.of(None).list()
    assert found.id != draft_id
    assert again.of(None).load(found.id).article.title == "Draft 0, 1"
    again.close()
