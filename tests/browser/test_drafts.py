"""What is written stays: every change can be undone, a reload and a killed program come back to the same draft."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, Slow, article_text, finished, write
from tests.fakes import FakeGallery, FakeModel

pytestmark = pytest.mark.browser
EDIT = ".xc-edit"
LANGUAGES: dict[str, dict[str, str]] = {
    "en-US": {
        "versions": "Versions",
        "rename": "Rename",
        "duplicate": "Duplicate",
        "copy": "My dogs (copy)",
        "archive": "Archive",
        "archived": "Archived “Cats”.",
        "show archived": "Show the archived ones",
        "show drafts": "Show the drafts",
        "delete": "Delete",
        "undo": "Undo",
        "redo": "Redo",
        "edit": "Feed it once a day, and keep the bowl clean.",
        "none": "No version has a name yet.",
        "now": "now",
        "restore": "Restore this version",
        "all": "Show every change",
        "back": "Back to the drafts",
    },
    "zh-CN": {
        "versions": "版本",
        "rename": "重命名",
        "duplicate": "复制一份",
        "copy": "My dogs（副本）",
        "archive": "归档",
        "archived": "已归档“Cats”。",
        "show archived": "显示已归档的草稿",
        "show drafts": "显示草稿",
        "delete": "删除",
        "undo": "撤销",
        "redo": "重做",
        "edit": "每天喂一次，碗要保持干净。",
        "none": "还没有命名的版本。",
        "now": "当前",
        "restore": "恢复此版本",
        "all": "显示每次修改",
        "back": "返回草稿列表",
    },
}


def edit(page: Any, number: int, words: str) -> None:
    page.click(f".xc-section >> nth={number} >> .xc-text")
    page.fill(EDIT, words)
    page.press(EDIT, "Enter")
    page.wait_for_selector(f".xc-section >> nth={number} >> text={words}")


def at_draft(page: Any) -> str:
    """The id of the draft in the address, which is there as soon as something is saved."""
    page.wait_for_function("new URLSearchParams(location.search).has('draft')")
    return re.search(r"draft=(\w+)", page.url).group(1)  # type: ignore[union-attr]


def saved(page: Any) -> None:
    """Waits until nothing on the page is unsaved."""
    page.wait_for_function("!window.xcUnsaved()")


@pytest.mark.parametrize("width", [1280, 375])
def test_every_change_can_be_undone_also_after_a_reload(server: Server, visit: Callable[..., Any], width: int) -> None:
    page = visit(server, width=width)
    write(page)
    written = article_text(page)
    assert page.is_disabled(".xc-undo")
    page.click(".xc-export")  # a menu that is wider than the room at either side of its button
    box = page.locator(".xc-export-list").bounding_box()
    assert box["x"] >= 8
    assert box["x"] + box["width"] <= width - 8
    page.keyboard.press("Escape")
    edit(page, 1, "My own sentence.")
    edit(page, 2, "And one more.")
    draft = at_draft(page)
    saved(page)
    page.reload()
    page.wait_for_selector("text=And one more.")
    page.wait_for_selector(".xc-undo:enabled")
    page.keyboard.press("Control+z")  # without a click anywhere
    page.wait_for_function("!document.querySelector('.xc-article').innerText.includes('And one more.')")
    assert "My own sentence." in article_text(page)
    page.keyboard.press("Control+z")
    page.wait_for_function("!document.querySelector('.xc-article').innerText.includes('My own sentence.')")
    assert article_text(page) == written
    page.wait_for_selector(".xc-undo:disabled")
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector("text=My own sentence.")
    page.wait_for_selector(".xc-redo:enabled")
    page.keyboard.press("Control+y")
    page.wait_for_selector("text=And one more.")
    assert at_draft(page) == draft
    assert len(server.studio.drafts.of(None).list()) == 1


def test_a_removed_picture_comes_back(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    pictures = page.locator(".xc-picture img").count()
    page.click(".xc-picture >> nth=0")
    page.click(".xc-panel .xc-danger")
    page.wait_for_function(f"document.querySelectorAll('.xc-picture img').length === {pictures - 1}")
    page.wait_for_selector(".xc-undo:enabled")
    page.keyboard.press("Control+z")
    page.wait_for_function(f"document.querySelectorAll('.xc-picture img').length === {pictures}")


def test_in_a_text_field_the_browsers_own_undo_holds(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    edit(page, 1, "My own sentence.")
    page.click(".xc-section >> nth=1 >> .xc-text")
    page.press(EDIT, "End")
    page.keyboard.type(" More")
    page.keyboard.press("Control+z")
    assert "More" not in page.input_value(EDIT)
    page.press(EDIT, "Escape")
    page.focus("#xc-title textarea")
    page.keyboard.press("Control+z")
    page.wait_for_timeout(300)
    assert "My own sentence." in article_text(page)


def test_an_address_can_be_bookmarked_and_is_nobody_elses(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    edit(page, 1, "My own sentence.")
    at_draft(page)
    saved(page)
    tab = page.context.new_page()
    tab.goto(page.url)
    tab.wait_for_selector("text=My own sentence.")
    stranger = visit(server)
    stranger.goto(page.url)
    stranger.wait_for_selector(".xc-notice >> text=There is no draft")
    assert "My own sentence." not in stranger.inner_text("body")


def test_two_tabs_follow_each_other_and_overwrite_nothing(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    draft = at_draft(page)
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".xc-section >> nth=1")
    other.wait_for_selector(".xc-ready")
    edit(page, 1, "Of the first tab.")
    other.wait_for_selector("text=Of the first tab.")  # it follows
    other.wait_for_selector(".xc-notice >> text=changed in another tab")
    # while a text is being edited it does not follow, but afterwards; what is typed is seen in the first one
    other.click(".xc-section >> nth=3 >> .xc-text")
    other.fill(EDIT, "Typed in the second tab.")
    page.wait_for_selector("text=Typed in the second tab.")
    edit(page, 1, "Again of the first tab.")
    saved(page)
    assert "Again of" not in article_text(other)
    other.press(EDIT, "Enter")
    other.wait_for_selector("text=Again of the first tab.")
    # what is typed over an article that has changed meanwhile is a draft of its own
    other.click(".xc-section >> nth=2 >> .xc-text")
    edit(page, 1, "Once more of the first tab.")
    saved(page)
    other.fill(EDIT, "Of the second tab.")
    other.press(EDIT, "Enter")
    other.wait_for_selector(".xc-notice >> text=a draft of its own")
    other.wait_for_function(f"!location.search.includes('{draft}')")
    drafts = server.studio.drafts.of(None)
    texts = {one.id: [section.text for section in drafts.load(one.id).article] for one in drafts.list()}
    assert len(texts) == 2
    assert {"Once more of the first tab.", "Typed in the second tab."} <= set(texts[draft])
    assert "Of the second tab." not in texts[draft]
    [own] = [sections for key, sections in texts.items() if key != draft]
    assert {"Again of the first tab.", "Of the second tab.", "Typed in the second tab."} <= set(own)


def test_what_is_being_written_is_saved_every_second(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    fake_model.gate = gate
    counted = iter(range(1000))
    monkeypatch.setattr(gate, "wait", lambda _seconds: None if next(counted) < 15 else threading.Event().wait(20))
    page = visit(server)
    write(page, wait=False)
    page.wait_for_selector(".xc-section >> nth=1 >> text=every day.")
    page.wait_for_timeout(1100)  # and no more comes
    drafts = server.studio.drafts.of(None)
    [draft] = drafts.list()
    assert drafts.load(draft.id).article.sections[-1].text.endswith("every day.")
    assert len(drafts.versions(draft.id, steps=True)) == 1  # one step of the history
    assert at_draft(page) == draft.id


def test_a_draft_that_cannot_be_saved_is_said_and_kept_in_the_tab(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    saved(page)
    store = server.studio.drafts
    with store.reading() as db:
        db.execute("PRAGMA query_only = ON")
    edit(page, 1, "Only in the tab.")
    page.wait_for_selector(".xc-notice.xc-bad >> text=The draft could not be saved.")
    assert page.evaluate("window.xcUnsaved()")
    with store.reading() as db:
        db.execute("PRAGMA query_only = OFF")
    edit(page, 2, "One more.")
    saved(page)
    [draft] = store.of(None).list()
    assert [s.text for s in store.of(None).load(draft.id).article.sections[1:3]] == ["Only in the tab.", "One more."]


def titles(page: Any) -> list[str]:
    return list(page.locator(".xc-drafts-name").all_inner_texts())


def choose(page: Any, title: str, entry: str) -> None:
    """An entry of a draft's menu, by the keyboard: the first is focused."""
    row = page.locator("#xc-drafts li", has=page.locator(f".xc-drafts-name >> text={title}"))
    row.locator(".xc-drafts-more").press("Enter")
    page.wait_for_selector(".xc-drafts-menu button >> nth=0")
    page.click(f".xc-drafts-menu >> text={entry}")


@pytest.fixture
def three(server: Server, visit: Callable[..., Any]) -> Callable[..., Any]:
    """three(width) visits, as somebody who has the drafts Cats, Dogs and Birds."""

    def go(**options: Any) -> Any:
        page = visit(server, **options)
        for title in ("Cats", "Dogs", "Birds"):
            write(page, title)
            saved(page)
        return page

    return go


def test_drafts_are_listed_searched_and_opened(three: Callable[..., Any]) -> None:
    page = three()
    page.click(".xc-drafts-toggle")
    page.wait_for_selector(".xc-drafts-name >> text=Cats")
    assert titles(page) == ["Birds", "Dogs", "Cats"]
    page.wait_for_selector("#xc-drafts li >> nth=0 >> .xc-drafts-open[aria-current=true]")
    page.wait_for_function("document.querySelector('.xc-drafts-picture img')?.naturalWidth > 0")
    page.fill("#xc-drafts input[type=search]", "dog fresh water")
    page.wait_for_function("document.querySelectorAll('.xc-drafts-name').length === 1")
    page.fill("#xc-drafts input[type=search]", "elephant")
    page.wait_for_selector(".xc-drafts-words >> text=No draft has these words.")
    page.fill("#xc-drafts input[type=search]", "")
    page.click(".xc-drafts-name >> text=Cats")
    page.wait_for_selector(".xc-title >> text=Cats")
    page.wait_for_selector("li.xc-drafts-current >> text=Cats")
    page.reload()
    page.wait_for_selector(".xc-title >> text=Cats")
    page.wait_for_selector("li.xc-drafts-current >> text=Cats")  # the sidebar stays open
    page.click(".xc-drafts-new")
    page.wait_for_function("document.body.dataset.article === 'empty'")
    assert "draft=" not in page.url
    assert page.evaluate("document.activeElement.closest('#xc-title') !== null")
    assert len(titles(page)) == 3


@pytest.mark.parametrize("locale", list(LANGUAGES))
def test_a_draft_is_renamed_duplicated_archived_and_deleted(three: Callable[..., Any], locale: str) -> None:
    words = LANGUAGES[locale]
    page = three(locale=locale)
    page.click(".xc-drafts-toggle")
    # a list that comes while its menu is open leaves the menu as it is
    page.wait_for_function("document.querySelectorAll('.xc-drafts-name').length === 3")
    page.evaluate("""() => {
      for (const row of document.querySelectorAll("#xc-drafts li")) row.dataset.before = "yes";
      document.querySelector("#xc-drafts input[type=search]").dispatchEvent(new Event("input"));
      document.querySelector("#xc-drafts li:nth-child(2) .xc-drafts-more").click();
      document.activeElement.nextSibling.focus();
    }""")
    page.wait_for_function("!document.querySelector('#xc-drafts li[data-before]')")
    assert page.evaluate("document.activeElement.innerText") == words["versions"]
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('li').innerText").startswith("Dogs")
    choose(page, "Dogs", words["rename"])
    page.fill(".xc-drafts-rename", "My dogs")
    page.press(".xc-drafts-rename", "Enter")
    page.wait_for_selector(".xc-drafts-name >> text=My dogs")
    choose(page, "My dogs", words["duplicate"])
    page.wait_for_selector(f"li.xc-drafts-current >> text={words['copy']}")
    assert page.inner_text(".xc-title") == "Dogs"
    choose(page, "Cats", words["archive"])
    page.wait_for_selector(f".xc-drafts-done >> text={words['archived']}")
    page.wait_for_function("document.querySelectorAll('.xc-drafts-name').length === 3")
    page.click(f"text={words['show archived']}")
    page.wait_for_function("document.querySelectorAll('.xc-drafts-name').length === 1")
    assert titles(page) == ["Cats"]
    page.click(f"text={words['show drafts']}")
    choose(page, words["copy"], words["delete"])  # the one that is shown
    page.wait_for_function("document.body.dataset.article === 'empty'")
    page.wait_for_function("document.querySelectorAll('.xc-drafts-name').length === 2")
    page.click(f".xc-drafts-done >> text={words['undo']}")
    page.wait_for_selector(".xc-title >> text=Dogs")
    page.wait_for_selector(f"li.xc-drafts-current >> text={words['copy']}")


def test_on_a_telephone_the_list_is_a_drawer(three: Callable[..., Any]) -> None:
    page = three(width=375)
    page.click(".xc-drafts-toggle")
    page.wait_for_selector(".xc-drafts-name >> text=Cats")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.keyboard.press("Escape")
    page.wait_for_selector(".xc-drafts-panel", state="hidden")
    assert page.evaluate("document.activeElement.classList.contains('xc-drafts-toggle')")
    page.click(".xc-drafts-toggle")
    page.click(".xc-drafts-name >> text=Dogs")
    page.wait_for_selector(".xc-title >> text=Dogs")
    assert page.is_hidden(".xc-drafts-panel")


@pytest.mark.parametrize("locale", list(LANGUAGES))
def test_versions_are_named_compared_and_restored(server: Server, visit: Callable[..., Any], locale: str) -> None:
    words = LANGUAGES[locale]
    page = visit(server, locale=locale)
    write(page, "Cats")
    saved(page)
    page.click(".xc-drafts-toggle")
    choose(page, "Cats", words["versions"])
    page.wait_for_selector(f"text={words['none']}")
    page.fill(".xc-versions-name", "First")
    page.press(".xc-versions-name", "Enter")
    page.wait_for_selector(".xc-versions .xc-drafts-name >> text=First")
    edit(page, 2, words["edit"])
    saved(page)
    page.wait_for_function(f"!document.querySelector('.xc-versions small').innerText.includes('{words['now']}')")
    page.click(".xc-versions .xc-drafts-name >> text=First")
    page.wait_for_selector(".xc-versions-dialog[open]")
    if locale == "en-US":  # one word of the sentence
        assert page.inner_text(".xc-versions-dialog del") == "twice"
        assert page.inner_text(".xc-versions-dialog ins") == "once"
    assert "Feed it" in page.inner_text(".xc-versions-dialog")
    page.click(f"text={words['restore']}")
    page.wait_for_selector(".xc-section >> nth=2 >> text=Feed it twice a day")
    page.wait_for_selector(".xc-undo:enabled")
    assert [page.get_attribute(f".xc-{one}", "aria-label") for one in ("undo", "redo")] == [
        words["undo"],
        words["redo"],
    ]
    page.click(".xc-undo")
    page.wait_for_selector(f".xc-section >> nth=2 >> text={words['edit']}")
    page.click(f"text={words['all']}")
    page.wait_for_function("document.querySelectorAll('.xc-versions li').length === 3")
    page.click(".xc-versions .xc-drafts-name >> text=First")  # compared with another one than is there now
    page.wait_for_selector(".xc-versions-dialog[open] ins")
    page.select_option(".xc-versions-other", index=1)  # what was restored before
    page.wait_for_selector(".xc-versions-dialog ins", state="detached")
    page.keyboard.press("Escape")
    page.click(f".xc-versions [aria-label='{words['back']}']")
    page.wait_for_selector("#xc-drafts li.xc-drafts-current >> text=Cats")


def test_a_reload_in_the_middle_goes_on_with_the_stream(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path
) -> None:
    words = [
        "bread", "river", "engine", "cloud", "violin", "carpet", "lantern", "orchard",
        "harbour", "pepper", "saddle", "meadow", "candle", "glacier",
    ]  # fmt: skip
    verbs = ["sleep below", "stand on", "belong to", "remind us of", "hide behind"]
    parts = zip(words * 2, words[3:] * 3, verbs * 6, words[7:] * 4, strict=False)
    sentences = [f"{one.title()} and {other} {verb} {third}." for one, other, verb, third in parts]
    gate = threading.Event()
    gate.set()
    page = visit(serve_studio(Slow(article="\n\n".join(sentences), gate=gate), FakeGallery(tmp_path)))
    write(page, wait=False)
    page.wait_for_function("location.search.includes('draft=')")
    gate.clear()  # until the page has come back
    page.reload()
    page.wait_for_selector("body[data-article=running]")
    gate.set()
    finished(page)
    assert page.locator(".xc-section > p.xc-text").all_inner_texts() == sentences
    assert "Stopped" not in page.inner_text(".xc-notices")
    page.reload()
    page.wait_for_selector(".xc-undo")
    assert page.is_enabled(".xc-undo") is False, "the text is one step"
