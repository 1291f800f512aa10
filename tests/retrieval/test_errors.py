"""Why files were left out: kept with the gallery, read in any language."""

from pathlib import Path

import pytest

from common.errors import ReadableError
from common.messages import Text, _, _n, _p
from retrieval.errors import PictureUnreadable, Reason
from retrieval.gallery import Gallery
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import paint


def test_left_out_files_say_why_in_the_language_of_who_asks(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "good.png")
    (pictures / "empty.png").write_bytes(b"")
    (pictures / "sketch.xcf").write_bytes(b"gimp xcf")
    (pictures / "linked.jpg").symlink_to(pictures / "away.jpg")
    gallery.add(pictures, options=ONE_WORKER)
    chinese = {Path(path).name: reason.text("zh") for path, reason in gallery.skipped()}
    assert chinese == {
        "empty.png": "图片“empty.png”无法读取：文件为空",
        "linked.jpg": "链接指向的文件不存在",
        "sketch.xcf": "图片“sketch.xcf”无法读取：不读取“.xcf”类型的图片，请导出为 JPEG 或 PNG",
    }
    assert dict(gallery.skipped())[str(pictures / "linked.jpg")] == "its link leads nowhere"


def test_what_the_system_says_of_a_file_is_translated(gallery: Gallery, pictures: Path) -> None:
    reason = Reason.of(PermissionError(13, "Permission denied"))
    assert (reason, reason.text("zh")) == ("Permission denied", "没有读取权限")
    strange = Reason.of(OSError(5, "The {drive} has a mood"))
    assert (strange, strange.text("zh")) == ("The {drive} has a mood",) * 2


def test_a_gallery_of_an_older_program_says_why_after_the_next_index(gallery: Gallery, pictures: Path) -> None:
    (pictures / "empty.png").write_bytes(b"")
    paint(pictures / "good.png")
    gallery.add(pictures, options=ONE_WORKER)
    with gallery.catalogue.transaction() as connection:
        connection.execute("UPDATE files SET error = 'It is {empty}.' WHERE error != ''")
    [(_path, reason)] = gallery.skipped()
    assert (reason, reason.text("zh")) == ("It is {empty}.",) * 2
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.unchanged, len(report.skipped)) == (1, 1)
    [(_path, reason)] = gallery.skipped()
    assert reason.text("zh").endswith("文件为空")


@pytest.mark.parametrize(
    "message",
    [
        Text("{reason}", {"reason": "a {curly} brace"}),
        _("it has {size:,.0f} MB; at most {most:,.0f} MB are read", size=123456.5, most=1),
        _n("{count} picture", "{count} pictures", count=2),
        _p("gallery", "Caption"),
        PictureUnreadable(name="a\udce9.png", reason=_("it is empty")).message,
        Text("{one} {list}", {"one": ReadableError(reason=_("it is empty")), "list": [Path("a"), _("it is empty")]}),
    ],
)
def test_a_reason_is_the_same_when_it_was_kept(message: Text) -> None:
    reason = Reason(message)
    again = Reason.from_stored(reason.stored())
    for language in ("en", "zh"):
        assert again.text(language) == reason.text(language).replace("\udce9", "\ufffd")


def test_folders_that_cannot_be_seen_keep_their_reason(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "good.png")
    (pictures / "locked").mkdir()
    (pictures / "locked" / ".galleryignore").write_text("!\n")
    gallery.add(pictures, options=ONE_WORKER)
    [(path, reason)] = gallery.skipped()
    assert path == str(pictures / "locked")
    assert reason.text("zh").startswith("“!”")
