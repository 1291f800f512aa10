"""What a person does in the view, without a browser: actions on a session, with fakes behind the studio."""

import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from composer.article import Article, Candidate, Illustration, Section
from composer.errors import PictureError
from composer.events import Event
from composer.models.base import LoadProgress
from retrieval.errors import GalleryNotFound
from tests.fakes import FakeGallery, FakeModel
from ui.files import PictureServer
from ui.session import Session
from ui.studio import Studio, loading_status
from ui.texts import error_sentence
from ui.write import actions
from ui.write.running import run_messages


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    made.start()
    assert made.model_settled.wait(5)
    assert made.gallery_settled.wait(5)
    yield made
    made.close()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = Session()
    candidates = tuple(Candidate(f"p{n}", str(tmp_path / f"{n:02d}.png"), caption=f"c{n}") for n in range(3))
    picture = Illustration("A bowl", candidates=candidates, chosen=candidates[0])
    made.article = Article("Cats", (Section("s1", "A cat eats.", illustration=picture), Section("s2", "It sleeps.")))
    return made


def ask(studio: Studio, session: Session, name: str, **more: Any) -> list[dict[str, Any]]:
    return list(actions.quick_action(studio, session, {"act": name, **more})["ops"])


def test_editing_makes_a_new_article_each_time(studio: Studio, session: Session) -> None:
    before = session.article
    ask(studio, session, "text", id="s2", text="It  **sleeps**\n long.")
    assert session.article.section("s2").text == "It **sleeps** long."
    assert before.section("s2").text == "It sleeps."
    assert session.article.revision > before.revision


def test_joined_and_new_emoji_stay_what_they_are(studio: Studio, session: Session) -> None:
    ask(studio, session, "title", text="A \U0001f469\u200d\U0001f467 \U0001fae9\x00\ncat")
    assert session.article.title == "A \U0001f469\u200d\U0001f467 \U0001fae9 cat"


def test_choosing_keeps_the_candidates_and_marks_the_hand(studio: Studio, session: Session) -> None:
    ask(studio, session, "choose", id="s1", picture="p2")
    illustration = session.article.section("s1").illustration
    assert illustration is not None
    assert illustration.chosen is not None
    assert illustration.chosen.id == "p2"
    assert illustration.by_hand
    assert len(illustration.candidates) == 3


@pytest.mark.parametrize(
    "value",
    [
        {"act": "choose", "id": "s1", "picture": "nope"},
        {"act": "text", "id": "s99", "text": "x"},
        {"act": "caption", "id": "s2", "caption": "there is no picture"},
        {"act": "no such action"},
        {},
    ],
)
def test_actions_on_what_is_gone_are_answered_with_a_sentence(
    studio: Studio, session: Session, value: dict[str, Any]
) -> None:
    before = session.article
    operations = actions.quick_action(studio, session, value)["ops"]
    assert operations[-1]["op"] == "notice"
    assert operations[-1]["text"] == "This paragraph no longer exists."
    assert session.article == before


def test_nothing_can_be_edited_while_the_model_writes(studio: Studio, session: Session) -> None:
    session.begin("article")
    operations = ask(studio, session, "remove", id="s1")
    assert "Wait until" in operations[0]["text"]
    assert session.article.section("s1").illustration is not None
    assert ask(studio, session, "resync")[0]["op"] == "article"  # looking is always possible


def test_actions_take_effect_in_the_order_in_which_they_came(
    studio: Studio, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    written = actions._QUICK_ACTIONS["text"]

    def slowly(*arguments: Any) -> list[Any]:
        begun.set()
        assert go_on.wait(5)
        return written(*arguments)

    monkeypatch.setitem(actions._QUICK_ACTIONS, "text", slowly)
    answers: list[tuple[str, list[Any]]] = []

    def run(name: str, **more: Any) -> None:
        answers.append((name, ask(studio, session, name, **more)))

    threads = [threading.Thread(target=run, args=("text",), kwargs={"id": "s2", "text": "It purrs."})]
    threads[0].start()
    assert begun.wait(5)
    for name in ("resync", "copy"):
        threads.append(threading.Thread(target=run, args=(name,)))
        threads[-1].start()
        threads[-1].join(0.1)
    assert answers == []  # they wait for the edit
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert [name for name, _ in answers] == ["text", "resync", "copy"]
    assert "It purrs." in str(answers[1])


def exported(studio: Studio, session: Session, **value: Any) -> list[dict[str, Any]]:
    """The operations of an export, all its messages together."""
    messages = actions.export_action(studio, session, {"act": "export", **value})
    return [operation for message in messages for operation in message["ops"]]


def test_a_view_that_missed_a_download_gets_it_with_its_number(studio: Studio, session: Session) -> None:
    *_, saved = actions.export_action(studio, session, {"act": "export", "format": "html"})
    effects = {op["op"]: op for op in ask(studio, session, "resync") if "message" in op}
    assert set(effects) == {"download", "notice"}
    assert effects["download"] == {**saved["ops"][1], "message": saved["n"]}


def test_a_saved_file_is_named_after_its_title(studio: Studio, session: Session) -> None:
    ask(studio, session, "title", text="../How to: 养猫?")
    named = [op["name"] for kind in ("zip", "html") for op in exported(studio, session, format=kind) if "name" in op]
    assert named == ["How-to-养猫.zip", "How-to-养猫.html"]


def test_an_export_says_how_far_it_is_and_ends(studio: Studio, session: Session) -> None:
    operations = exported(studio, session, format="pdf", made_by=True)
    shares = [op["share"] for op in operations if op["op"] == "exporting"]
    assert shares[-1] is None
    assert shares[:-1] == sorted(shares[:-1])
    assert len(shares) > 4
    assert [op["op"] for op in operations[-3:]] == ["exporting", "download", "notice"]
    assert {"op": "exporting", "label": "", "share": None} in ask(studio, session, "resync")


def test_a_stopped_export_and_an_unknown_format_are_said(studio: Studio, session: Session) -> None:
    said = []
    for message in actions.export_action(studio, session, {"act": "export", "format": "pdf"}):
        ask(studio, session, "stop_export")
        said += message["ops"]
    assert [op["op"] for op in said[-2:]] == ["exporting", "notice"]
    assert said[-2]["share"] is None
    assert "stopped" in said[-1]["text"]
    assert "download" not in {op["op"] for op in said}
    assert "There is no format 'odt'" in exported(studio, session, format="odt")[-1]["text"]
    assert "no article" in exported(studio, Session(), format="pdf")[-1]["text"]


def test_a_copy_is_fetched_as_html_and_as_text(studio: Studio, session: Session) -> None:
    [operation] = ask(studio, session, "copy", kind="wechat")
    kept = studio.pictures._downloads
    html, plain = (kept[operation[part].removeprefix("studio/files/")] for part in ("html", "text"))
    assert (html[1], plain[1]) == ("text/html", "text/plain")
    assert html[2].startswith(b"<section")
    assert session.article.title.encode() in plain[2]


def test_finished_files_take_no_more_memory_than_allowed(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.files.MAX_DOWNLOAD_BYTES", 250)
    for number in range(4):
        studio.pictures.offer_download(bytes(100), f"{number}.zip", "application/zip")
    kept = studio.pictures._downloads
    assert [name for name, _, _ in kept.values()] == ["2.zip", "3.zip"]
    studio.pictures.offer_download(bytes(1000), "large.zip", "application/zip")
    assert [name for name, _, _ in kept.values()] == ["large.zip"]


def test_the_folder_of_uploads_goes_with_a_page_that_never_came_up() -> None:
    pictures = PictureServer()
    folder = pictures._folder
    assert folder.is_dir()
    with pytest.warns(ResourceWarning, match="Implicitly cleaning up"):
        del pictures
    assert not folder.exists()


def test_an_upload_must_come_from_the_upload_folder(studio: Studio, session: Session, tmp_path: Path) -> None:
    secret = tmp_path / "private.png"
    Image.new("RGB", (8, 8)).save(secret)
    operations = ask(studio, session, "upload", id="s2", path=str(secret))
    assert operations[0]["op"] == "notice"
    assert session.article.section("s2").illustration is None


def test_an_upload_is_written_anew_without_its_metadata(
    studio: Studio, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (40, 20), "red").save(tmp_path / "../evil name.jpg".replace("../", ""), exif=exif)
    ask(studio, session, "upload", id="s2", path=str(tmp_path / "evil name.jpg"), caption="Mine")
    illustration = session.article.section("s2").illustration
    assert illustration is not None
    assert illustration.chosen is not None
    kept = Path(illustration.chosen.path)
    assert "evil" not in kept.name
    with Image.open(kept) as image:
        assert image.size == (20, 40)
        assert not image.getexif()
    assert illustration.by_hand


def test_a_search_offers_pictures_and_keeps_the_chosen_one(studio: Studio, session: Session) -> None:
    [message] = actions.model_action(studio, session, {"act": "search", "id": "s1", "query": "a boat"})
    illustration = session.article.section("s1").illustration
    assert illustration is not None
    assert illustration.query == "a boat"
    assert illustration.caption == "A bowl", "the line under the picture is another matter"
    assert illustration.chosen is not None
    assert illustration.chosen.id == "p0"
    assert message["ops"][-1] == {"op": "open", "id": "s1"}


@pytest.mark.parametrize("meanwhile", [{"act": "choose", "picture": "p2"}, {"act": "remove"}])
def test_what_a_person_does_while_a_search_runs_stays(
    studio: Studio, session: Session, meanwhile: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = studio.require_gallery()
    search = gallery.search

    def slowly(*arguments: Any, **options: Any) -> Any:
        actions.quick_action(studio, session, {"id": "s1", **meanwhile})
        return search(*arguments, **options)

    monkeypatch.setattr(gallery, "search", slowly)
    list(actions.model_action(studio, session, {"act": "search", "id": "s1", "query": "a boat"}))
    illustration = session.article.section("s1").illustration
    if meanwhile["act"] == "remove":
        assert illustration is None
    else:
        assert illustration is not None
        assert illustration.chosen is not None
        assert illustration.chosen.id == "p2"


def test_a_proposal_illustrates_a_bare_paragraph(studio: Studio, session: Session) -> None:
    list(actions.model_action(studio, session, {"act": "propose", "id": "s2"}))
    illustration = session.article.section("s2").illustration
    assert illustration is not None
    assert illustration.chosen is not None
    assert illustration.chosen.id != "p0"  # stands already elsewhere in the article


def test_closing_the_messages_stops_the_model(studio: Studio, session: Session) -> None:
    seen: list[threading.Event] = []

    def events(run: Any) -> Iterator[Event]:
        seen.append(run.stop)
        yield from studio.composer(run.job).compose("A cat", stop=run.stop)

    messages = run_messages(studio, session, events)
    next(messages)
    messages.close()
    assert seen[0].is_set()
    assert not session.busy


def test_every_message_has_a_number_of_its_own(session: Session) -> None:
    first, second = session.message(), session.message()
    assert (first["n"], second["n"]) == (1, 2)
    assert first["session"] == second["session"] == session.id


def test_a_copied_session_is_a_new_one(session: Session) -> None:
    import copy

    other = copy.deepcopy(session)
    assert other.id != session.id
    assert other.article == Article("")


def test_a_closed_tab_stops_its_own_work_only(studio: Studio) -> None:
    mine, other = Session(), Session()
    studio.visitor_arrived("a", mine)
    studio.visitor_arrived("b", other)
    run, else_run = mine.begin("article"), other.begin("article")
    studio.visitor_left("a")
    assert run.stop.is_set()
    assert not else_run.stop.is_set()


def test_a_failed_model_is_a_status_and_not_a_crash(tmp_path: Path) -> None:
    def fail(progress: Any) -> Any:
        progress(LoadProgress("load", 1, 4))
        raise MemoryError("no room")

    studio = Studio(fail, lambda: FakeGallery(tmp_path))
    studio.start()
    assert studio.model_settled.wait(5)
    assert studio.status("en").tone == "bad"
    assert "no room" in studio.status("zh").text
    session = Session()
    messages = list(run_messages(studio, session, lambda run: studio.composer(run.job).compose("A cat")))
    assert any(op["op"] == "notice" and "no room" in op["text"] for op in messages[-1]["ops"])
    studio.close()


def test_loading_is_told_in_words_with_a_share() -> None:
    status = loading_status(LoadProgress("verify", 500, 1000), "en")
    assert status.text == "Checking the model file 50%"
    assert status.fraction == 0.5
    assert loading_status(None, "zh").text == "正在启动"


def test_readable_errors_speak_the_language() -> None:
    assert "没有图库" in error_sentence(GalleryNotFound(place="x"), "zh")
    assert error_sentence(ValueError("odd"), "en") == "ValueError: odd"


def test_a_disk_that_is_full_leaves_no_half_picture(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.png"
    Image.new("RGB", (80, 60), "red").save(mine)

    def half(image: Image.Image, place: Path, *options: Any, **more: Any) -> None:
        Path(place).write_bytes(b"\xff\xd8\xff")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Image.Image, "save", half)
        with pytest.raises(PictureError, match=r"mine\.png.*No space left") as caught:
            studio.pictures.store_upload(str(mine))
    assert "腾出空间" in caught.value.text("zh")
    with Image.open(studio.pictures.store_upload(str(mine)).path) as kept:
        assert kept.size == (80, 60)
