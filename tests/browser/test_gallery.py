"""The Gallery tab over a person's own pictures in Chromium: search, filters, words, likeness, duplicates, adding."""

import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from retrieval.gallery import Gallery
from tests.browser.conftest import Server, serving, visiting
from tests.fakes import FakeGallery, FakeModel
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint

pytestmark = pytest.mark.browser

FIELD = "#xc-gallery-search input"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of seven pictures, two of which look the same; one file is no picture."""
    root = tmp_path_factory.mktemp("own")
    folder = root / "pictures"
    for name in ("red boat", "blue bus", "green meadow", "yellow flower"):
        paint(folder / "summer" / f"{name}.jpg", name.split()[0], (320, 240))
    paint(folder / "winter" / "grey street.png", "grey", (240, 320))
    paint(folder / "winter" / "IMG_2041.jpg", "blue", (320, 240), mark="twin", quality=95)
    with Image.open(folder / "winter" / "IMG_2041.jpg") as image:
        image.resize((160, 120)).save(folder / "winter" / "small copy.jpg", quality=80)
    (folder / "summer" / "red boat.txt").write_text("A red boat\ntags: sea, holiday\ncredit: Ann\nlicence: CC BY 4.0\n")
    (folder / "winter" / "broken.jpg").write_bytes(b"no picture")
    with Gallery.open(root / "own.gallery", create=True, encoder=ColourEncoder()) as gallery:
        gallery.add(folder, options=ONE_WORKER)
        gallery.catalogue.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return root


@pytest.fixture
def own(indexed: Path, tmp_path: Path) -> Iterator[Gallery]:
    """A copy of that gallery for one test; the pictures are shared."""
    shutil.copytree(indexed / "own.gallery", tmp_path / "own.gallery")
    with Gallery.open(tmp_path / "own.gallery", encoder=ColourEncoder()) as gallery:
        yield gallery


@pytest.fixture(scope="module")
def looked_at(indexed: Path, profile: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Gallery]]:
    """A page and its gallery, for all tests that change nothing of it."""
    folder = tmp_path_factory.mktemp("looked at")
    shutil.copytree(indexed / "own.gallery", folder / "own.gallery")
    with (
        Gallery.open(folder / "own.gallery", encoder=ColourEncoder()) as gallery,
        serving(folder) as serve,
        visiting(profile) as visit,
    ):
        yield visit(serve(FakeModel(), gallery)), gallery


@pytest.fixture
def page(looked_at: tuple[Any, Gallery]) -> Iterator[Any]:
    """That page, with its tab of the gallery open and all pictures in it; the test leaves no filter."""
    shown, _ = looked_at
    shown.click("[role=tab] >> nth=2")
    shown.wait_for_function("document.querySelectorAll('.xc-tile').length === 7")
    yield shown
    shown.keyboard.press("Escape")
    shown.fill(FIELD, "")


@pytest.fixture
def open_tab(serve_studio: Callable[..., Server], visit: Callable[..., Any], own: Gallery) -> Callable[..., Any]:
    """open_tab() serves the gallery and opens its tab."""

    def go(**options: Any) -> Any:
        shared = options.pop("shared", False)
        page = visit(serve_studio(FakeModel(), own, shared=shared), **options)
        page.click("[role=tab] >> nth=2")
        page.wait_for_selector(".xc-tile")
        return page

    return go


def names(page: Any) -> list[str]:
    return [str(one.get_attribute("aria-label")) for one in page.query_selector_all(".xc-wall .xc-tile")]


def wait_for_names(page: Any, *wanted: str) -> None:
    """Waits until exactly these pictures are shown, in any order."""
    page.wait_for_function(
        "wanted => JSON.stringify([...document.querySelectorAll('.xc-wall .xc-tile')]"
        ".map(tile => tile.ariaLabel).sort()) === wanted",
        arg=json.dumps(sorted(wanted), separators=(",", ":"), ensure_ascii=False),
    )


def test_all_pictures_are_shown_and_searched_while_typing(page: Any) -> None:
    assert len(names(page)) == 7
    assert "7 pictures · colours" in page.inner_text(".xc-gallery-root .xc-facts >> nth=0")
    page.locator(FIELD).press_sequentially("meadow green", delay=15)
    page.wait_for_function("document.querySelector('.xc-tile')?.ariaLabel === 'green meadow'")
    page.fill(FIELD, "")
    page.wait_for_function("document.querySelectorAll('.xc-tile').length === 7")


def test_only_the_last_of_two_searches_is_shown(
    page: Any, looked_at: tuple[Any, Gallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = looked_at
    first = threading.Event()
    search = own.search

    def slow(query: Any, **options: Any) -> Any:
        if query == "red":
            first.wait(10)
        return search(query, **options)[:1]

    monkeypatch.setattr(own, "search", slow)
    page.fill(FIELD, "red")
    page.press(FIELD, "Enter")
    page.fill(FIELD, "green")
    page.press(FIELD, "Enter")
    wait_for_names(page, "green meadow")
    page.wait_for_timeout(450)  # the first would have said by now that it is being waited for
    assert page.inner_text(".xc-seeking") == ""
    page.fill(FIELD, "red")
    page.wait_for_selector(".xc-seeking >> text=Searching")
    page.fill(FIELD, "blue")
    wait_for_names(page, "blue bus")
    first.set()
    page.wait_for_timeout(300)
    assert names(page) == ["blue bus"]


def test_filters_narrow_what_is_shown_and_can_be_cleared(page: Any) -> None:
    page.click(".xc-tag >> text=sea")
    wait_for_names(page, "A red boat")
    assert page.inner_text(".xc-seek .xc-button >> nth=0") == "Filters · 1"
    page.click(".xc-seek .xc-button >> nth=0")
    page.click("text=Clear filters")
    page.wait_for_function("document.querySelectorAll('.xc-tile').length === 7")
    page.select_option(".xc-filters [name=orientation]", "portrait")
    wait_for_names(page, "grey street")
    page.select_option(".xc-filters [name=orientation]", "")
    page.select_option(".xc-filters [name=folder]", label="winter (3)")
    wait_for_names(page, "No caption", "grey street", "small copy")
    page.fill(".xc-filters [name=min_width]", "300")
    wait_for_names(page, "No caption")
    page.fill(".xc-filters [name=before]", "1990-01-01")
    page.wait_for_selector("text=Nothing fits these filters")
    page.click("text=Clear filters")
    page.select_option(".xc-filters [name=licence]", "CC BY 4.0")
    wait_for_names(page, "A red boat")
    page.click("text=Clear filters")
    page.click(".xc-seek .xc-button >> nth=0")


def test_words_and_tags_are_edited_and_kept(open_tab: Callable[..., Any], own: Gallery, indexed: Path) -> None:
    page = open_tab()
    page.click(".xc-tile[aria-label='No caption']")
    page.fill(".xc-details [name=caption]", "A blue <b>lake</b>")
    page.fill(".xc-details [name=tags]", "water, 湖")
    page.fill(".xc-details [name=credit]", "Ben")
    page.fill(".xc-details [name=source]", "https://example.org/lake")
    page.click(".xc-details >> text=Save")
    page.wait_for_selector(".xc-details >> text=Saved")
    assert page.inner_text(".xc-details h2") == "A blue <b>lake</b>"
    page.keyboard.press("Escape")
    assert "A blue <b>lake</b>" in names(page)
    page.click(".xc-tag >> text=湖")
    wait_for_names(page, "A blue <b>lake</b>")
    own.add(indexed / "pictures", options=ONE_WORKER)
    kept = own.picture(own.search("lake", k=1)[0].id)
    assert (kept.caption, kept.tags, kept.credit) == ("A blue <b>lake</b>", "water, 湖", "Ben")


def test_more_like_this_and_the_way_back(page: Any) -> None:
    page.click(".xc-tile[aria-label='No caption']")
    page.click(".xc-details >> text=More like this")
    page.wait_for_selector("h2 >> text=Pictures like")
    page.wait_for_function("document.querySelector('.xc-tile').ariaLabel === 'small copy'")
    assert "No caption" not in names(page)
    page.click("text=All pictures")
    page.wait_for_function("document.querySelectorAll('.xc-tile').length === 7")


def test_duplicates_are_shown_in_groups_and_removed(open_tab: Callable[..., Any], own: Gallery, indexed: Path) -> None:
    page = open_tab()
    page.click("text=Duplicates")
    page.wait_for_selector("h2 >> text=nearly the same: 1")
    assert sorted(names(page)) == ["No caption", "small copy"]
    page.click(".xc-tile[aria-label='small copy']")
    page.click(".xc-details >> text=Remove from the gallery")
    page.click(".xc-details >> text=The file stays. Remove it?")
    page.wait_for_selector("text=No two pictures look the same.")
    assert own.info().pictures == 6
    assert (indexed / "pictures" / "winter" / "small copy.jpg").is_file()


def test_files_that_were_left_out_are_named_with_the_reason(page: Any) -> None:
    page.click("text=Files left out: 1")
    page.wait_for_selector(".xc-left-out >> text=broken.jpg")
    assert "not a picture" in page.inner_text(".xc-left-out")


def test_pictures_are_dropped_in_and_found(open_tab: Callable[..., Any], own: Gallery, tmp_path: Path) -> None:
    page = open_tab()
    picture = paint(tmp_path / "a violet tent.jpg", "yellow", mark="tent").read_bytes()
    page.evaluate(
        """([name, data]) => {
          const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
          const dropped = new DataTransfer();
          dropped.items.add(new File([bytes], name, { type: "image/jpeg" }));
          dropped.items.add(new File(["words"], "letter.txt", { type: "text/plain" }));
          const root = document.querySelector(".xc-gallery-root");
          for (const kind of ["dragenter", "dragover", "drop"]) {
            root.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: dropped }));
          }
        }""",
        ["a violet tent.jpg", base64.b64encode(picture).decode()],
    )
    page.wait_for_selector("#xc-index-line >> text=Pictures added: 1,", timeout=30_000)
    page.wait_for_selector(".xc-tile[aria-label='a violet tent']")
    assert "letter.txt" in page.inner_text("#xc-index-line"), "nothing is passed over silently"
    assert ".cr2" in str(page.get_attribute("#xc-index input[type=file]", "accept"))
    assert Path(own.search("violet tent", k=1)[0].path).is_relative_to(own.place / "pictures")


def test_indexing_shows_how_far_it_is_also_after_a_reload_and_stops(
    open_tab: Callable[..., Any], own: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retrieval.ingest.report import IngestReport, Progress

    stopped = threading.Event()

    def add(folder: Path, *, progress: Any, stop: Callable[[], bool]) -> IngestReport:
        progress(Progress("read", 30, 120))
        for _ in range(400):
            if stop():
                stopped.set()
                break
            threading.Event().wait(0.05)
        return IngestReport(added=30, stopped=stop())

    monkeypatch.setattr(own, "add", add)
    page = open_tab()
    page.click("#xc-index summary")
    page.fill("#xc-index-row input", str(tmp_path))
    page.click("#xc-index-go")
    page.wait_for_selector("#xc-index-line >> text=Reading picture 30 of 120")
    assert page.evaluate("document.querySelector('#xc-index progress').position") == 0.25
    page.reload()
    page.wait_for_selector(".xc-ready")
    page.click("[role=tab] >> nth=2")
    page.wait_for_selector("#xc-index-line >> text=Reading picture 30 of 120")
    page.click("#xc-index >> text=Stop")
    page.wait_for_selector("#xc-index-line >> text=Stopped. Pictures added: 30.")
    assert stopped.is_set()


def test_strangers_can_only_look(open_tab: Callable[..., Any], own: Gallery, indexed: Path) -> None:
    page = open_tab(shared=True)
    assert page.is_hidden("#xc-index")
    page.click(".xc-tile[aria-label='A red boat']")
    page.wait_for_selector(".xc-details >> text=More like this")
    assert page.query_selector(".xc-details form") is None
    assert "Ann" in page.inner_text(".xc-details dl")
    assert str(indexed) not in page.content()
    number = page.evaluate("window.gradio_config.components.find((c) => c.props.elem_id === 'xc-gallery-view').id")
    for action, more in (
        ("edit", {"caption": "Mine", "tags": "", "credit": "", "licence": "", "source": ""}),
        ("remove", {}),
    ):
        answer = page.request.post(
            f"{page.url}gradio_api/component_server/",
            data={
                "data": {"act": action, "id": own.search("red")[0].id, **more},
                "component_id": number,
                "fn_name": "gallery_call",
                "session_hash": "stranger",
            },
        )
        assert "only by a person at the machine" in answer.json()["problem"]
    assert own.search("red", k=1)[0].caption == "A red boat"


def test_another_web_page_cannot_change_pictures(page: Any, looked_at: tuple[Any, Gallery]) -> None:
    _, own = looked_at
    number = page.evaluate("window.gradio_config.components.find((c) => c.props.elem_id === 'xc-gallery-view').id")
    asked = {
        "data": {"act": "remove", "id": own.search("red")[0].id},
        "component_id": number,
        "fn_name": "gallery_call",
        "session_hash": "other",
    }
    address = f"{page.url}gradio_api/component_server/"
    answer = page.request.post(address, data=asked, headers={"sec-fetch-site": "cross-site"})
    assert "only by a person at the machine" in answer.json()["problem"]
    answer = page.request.post(address, data=asked, headers={"host": "evil.example"})
    assert answer.status == 403
    assert "evil.example" in answer.text()
    assert own.info().pictures == 7


def test_the_drawings_are_only_looked_at(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit(serve_studio(FakeModel(), FakeGallery(tmp_path)))
    page.click("[role=tab] >> nth=2")
    page.wait_for_selector("text=Type to search")
    assert page.is_hidden(".xc-seek .xc-button >> nth=0")
    page.fill(FIELD, "anything")
    page.click(".xc-tile >> nth=0")
    assert page.query_selector(".xc-details form") is None
    page.wait_for_timeout(300)
    assert page.query_selector(".xc-details .xc-button") is None


class Elsewhere:
    """What a gallery of another machine can do: be searched, narrowed, asked for likeness."""

    def __init__(self, gallery: Gallery) -> None:
        self.name, self.query_languages = gallery.name, gallery.query_languages
        self.search, self.like, self.get, self.info = gallery.search, gallery.like, gallery.get, gallery.info


def test_a_gallery_of_another_machine_is_searched_with_filters_and_says_where_it_is_changed(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], own: Gallery
) -> None:
    page = visit(serve_studio(FakeModel(), Elsewhere(own)))
    page.click("[role=tab] >> nth=2")
    page.wait_for_selector("text=on another machine: searched here, looked after there")
    page.wait_for_selector("text=Type to search")
    assert page.is_hidden("text=Duplicates")
    assert page.is_hidden("text=Files left out")  # they lie there
    page.click(".xc-seek .xc-button >> nth=0")
    assert page.is_hidden(".xc-filters [name=tag]")
    page.select_option(".xc-filters [name=orientation]", "portrait")
    page.wait_for_selector("text=Type to search")  # not: nothing fits
    page.fill(FIELD, "street")
    wait_for_names(page, "grey street")
    page.click("text=Clear filters")
    page.wait_for_function("document.querySelectorAll('.xc-tile').length === 7")
    page.click(".xc-tile[aria-label='No caption']")
    page.click(".xc-details >> text=More like this")
    page.wait_for_function("document.querySelector('.xc-tile').ariaLabel === 'small copy'")
    page.click(".xc-tile >> nth=0")
    page.wait_for_selector(".xc-details >> text=More like this")
    assert page.query_selector(".xc-details form") is None
    assert page.is_hidden("text=Remove from the gallery")


def test_a_gallery_that_allows_few_searches_is_asked_on_enter_only(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path
) -> None:
    class Few(FakeGallery):
        few_searches = True

    gallery = Few(tmp_path)
    page = visit(serve_studio(FakeModel(), gallery))
    page.click("[role=tab] >> nth=2")
    page.wait_for_selector("text=Type and press Enter to search")
    page.locator(FIELD).press_sequentially("a cat", delay=150)
    page.press(FIELD, "Enter")
    page.wait_for_selector(".xc-tile")
    assert gallery.queries == ["a cat"]


def test_in_chinese_on_a_telephone_nothing_is_wider_than_the_screen(open_tab: Callable[..., Any]) -> None:
    page = open_tab(locale="zh-CN", width=375, height=740)
    assert "7 张图片" in page.inner_text(".xc-gallery-root .xc-facts >> nth=0")
    page.click("text=筛选")
    page.click("#xc-index summary")
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 375
    page.click(".xc-tile >> nth=0")
    page.wait_for_selector(".xc-details [name=caption]")
    assert page.evaluate("document.querySelector('.xc-details').scrollWidth") <= 375
    assert page.inner_text(".xc-details form button") == "保存"
    page.keyboard.press("Escape")
    page.click(".xc-language")
    page.wait_for_selector("#xc-index summary >> text=Add your own pictures")
    assert "7 pictures" in page.inner_text(".xc-gallery-root .xc-facts >> nth=0")


def test_arrows_lead_to_the_next_picture(page: Any) -> None:
    shown = names(page)
    page.click(".xc-tile >> nth=0")
    page.wait_for_selector(".xc-details form")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("name => document.querySelector('.xc-details h2').textContent === name", arg=shown[1])
