"""Article files that are opened on the page, and pictures that are missing: said by name, and all else goes on."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from composer.article import Article
from composer.pipeline import Options
from tests.fakes import FakeGallery, FakeModel
from ui.drafts import opened_article, saved_articles
from ui.session import Session
from ui.studio import Studio
from ui.write import actions, own
from ui.write.running import run_messages

CAT = "How to take good care of a pet cat"


@pytest.fixture
def session(studio: Studio) -> Session:
    """With an article of two pictures at least, one of which is the person's own."""
    made = Session()
    made.owner = "browser:a"
    list(
        run_messages(
            studio, made, lambda run: studio.composer(run.job).compose(CAT, Options(pictures=3), stop=run.stop)
        )
    )
    section = made.article.illustrated[0]
    stream = io.BytesIO()
    Image.new("RGB", (90, 60), "purple").save(stream, "PNG")
    upload = Path(studio.pictures.nowhere("x")).parent.parent / "mine.png"
    upload.write_bytes(stream.getvalue())
    assert section.illustration is not None
    own_one = studio.pictures.store_upload(str(upload))
    made.article = made.article.with_illustration(
        section.id, replace(section.illustration, chosen=own_one, caption="My own cat")
    )
    actions.quick_action(studio, made, {"act": "title", "text": CAT})  # saved, with a copy of the picture
    assert len(made.article.illustrated) > 1
    return made


def exported(studio: Studio, session: Session, format: str) -> tuple[bytes, list[str]]:
    """The file, and what is said."""
    messages = list(actions.export_action(studio, session, {"act": "export", "format": format}))
    operations = [op for message in messages for op in message["ops"]]
    [file] = [op for op in operations if op["op"] == "download"]
    content = studio.pictures._downloads[file["url"].rpartition("/")[2]][2]
    return content, [op["text"] for op in operations if op["op"] == "notice"]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """opened(studio, content) opens a file as a visitor does: the session and what it is told."""
    monkeypatch.setattr(own, "uploaded_file", Path)

    def go(studio: Studio, content: bytes, name: str = "article.json") -> tuple[Session, list[str]]:
        file = tmp_path / name
        file.write_bytes(content)
        session = Session()
        session.owner = "browser:a"
        message = own.queue_file(studio, session, str(file), own.Wanted(None, None, True))
        return session, [op["text"] for op in message["ops"] if op["op"] == "notice"]

    return go


def test_an_exported_article_opens_again_as_it_was(
    studio: Studio, session: Session, opened: Callable[..., Any]
) -> None:
    content, _said = exported(studio, session, "json")
    again, said = opened(studio, content)
    assert said == []
    assert again.draft is not None
    assert session.draft is not None
    assert again.draft.id != session.draft.id
    for one, other in zip(session.article, again.article, strict=True):
        assert (one.text, one.illustration is None) == (other.text, other.illustration is None)
        if one.illustration is not None and one.illustration.chosen is not None:
            assert other.illustration is not None
            assert other.illustration.chosen is not None
            assert other.illustration.caption == one.illustration.caption
            assert Path(other.illustration.chosen.path).read_bytes() == Path(one.illustration.chosen.path).read_bytes()
    assert studio.drafts is not None
    assert studio.drafts.of("browser:a").load(again.draft.id).article.title == CAT


def test_pictures_that_are_not_here_are_named_and_all_else_is_exported(
    studio: Studio, session: Session, opened: Callable[..., Any], tmp_path: Path
) -> None:
    content, _said = exported(studio, session, "json")
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path / "elsewhere", count=0))
    elsewhere.start()
    assert elsewhere.gallery_settled.wait(5)
    assert elsewhere.model_settled.wait(5)
    other, [said] = opened(elsewhere, content)
    assert "My own cat" in said
    assert [s.text for s in other.article] == [s.text for s in session.article]
    assert len(other.article.illustrated) == len(session.article.illustrated)
    for name in ("zip", "html", "md", "txt", "docx"):
        file, [said] = exported(elsewhere, other, name)
        assert "without pictures" in said
        assert "My own cat" in said
        assert len(file) > 200
    copied = actions.quick_action(elsewhere, other, {"act": "copy"})
    assert [op["op"] for op in copied["ops"]] == ["copy", "notice"]
    file, said_all = exported(elsewhere, other, "json")
    assert Article.from_json(file.decode()).section("s2").text
    assert said_all == ["Saved as How-to-take-good-care-of-a-pet-cat.json"]
    elsewhere.close()


def test_a_picture_that_went_is_left_out_of_the_export(studio: Studio, session: Session) -> None:
    chosen = session.article.illustrated[-1].illustration.chosen  # type: ignore[union-attr]
    assert chosen is not None
    Path(chosen.path).unlink()
    content, [said] = exported(studio, session, "zip")
    assert "without pictures that are no longer there" in said
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pictures = [name for name in archive.namelist() if name.startswith("images/")]
    assert len(pictures) == len(session.article.illustrated) - 1


def test_a_file_names_no_files_of_this_machine(studio: Studio, session: Session, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (9, 9)).save(secret)
    value = json.loads(exported(studio, session, "json")[0])
    for section in value["sections"]:
        if section["illustration"]:
            for picture in (section["illustration"]["chosen"], *section["illustration"]["candidates"]):
                picture |= {"path": str(secret), "id": "unknown"}
    article, missing = opened_article(studio, "a.json", json.dumps(value).encode())
    assert len(missing) == len(article.illustrated)
    shown = [section.illustration for section in article.illustrated if section.illustration is not None]
    named = [picture for one in shown for picture in (one.chosen, *one.candidates) if picture is not None]
    assert not [picture for picture in named if Path(picture.path).exists()]


def test_a_file_that_is_too_large_is_not_read(
    studio: Studio, session: Session, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, _said = exported(studio, session, "json")
    monkeypatch.setattr(saved_articles, "LARGEST_FILE", len(content) - 1)
    again, [told] = opened(studio, content)
    assert "'article.json' has" in told
    assert not again.has_article


@pytest.mark.parametrize(("content", "said"), [(b"{", "it is no JSON"), (b'{"schema": 99}', "version 99"), (b"[]", "")])
def test_what_is_no_article_is_said(studio: Studio, opened: Callable[..., Any], content: bytes, said: str) -> None:
    session, [told] = opened(studio, content)
    assert "'article.json'" in told
    assert said in told
    assert not session.has_article
