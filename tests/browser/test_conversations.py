"""The Chat tab's conversations in a browser: versions, the list, and what goes between chat and article."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, Slow, article_text, write
from tests.fakes import FakeGallery, FakeModel

pytestmark = pytest.mark.browser
BOX = "#xc-chat-box textarea"
LANGUAGES: dict[str, dict[str, str]] = {
    "en-US": {
        "rename": "Rename",
        "json": "Save as JSON",
        "delete": "Delete",
        "import": "Open a saved conversation",
        "nothing": "No conversation has these words.",
        "again": "Answer again",
        "about": "About “",
        "appended": "The answer stands at the end of the article.",
        "placed": "The picture stands in the article.",
        "undo": "Undo",
    },
    "zh-CN": {
        "rename": "重命名",
        "json": "存为 JSON",
        "delete": "删除",
        "import": "打开已存的对话",
        "nothing": "没有对话包含这些词。",
        "again": "重新回答",
        "about": "关于“",
        "appended": "回答已放到文章末尾。",
        "placed": "图片已放入文章。",
        "undo": "撤销",
    },
}
MATHS = "Lines:\n\n```python\nx < 2\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nand \\(a^2\\), for $5 or $6."


def numbered(model: FakeModel) -> Callable[[Any], str | None]:
    """Each answer says which it is; a writing prompt is answered with the article."""

    def answer(messages: Any) -> str | None:
        asked = messages[-1].text
        if asked == "Maths?":
            return MATHS
        return f"Answer {len(model.samplings)}." if asked.endswith("?") else None

    return answer


def ask(page: Any, question: str, answer: str) -> None:
    page.fill(BOX, question)
    page.press(BOX, "Enter")
    answered(page, answer)


def answered(page: Any, answer: str) -> None:
    page.wait_for_selector(f"#xc-turns .bot >> text={answer}")
    page.wait_for_selector("#xc-regenerate:enabled")


def said(page: Any) -> list[str]:
    return [str(text).strip() for text in page.locator("#xc-turns .message").all_inner_texts()]


@pytest.mark.parametrize("tab", [0, 1])
def test_a_reload_in_the_middle_goes_on_with_the_answer(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path, tab: int
) -> None:
    told = " ".join(f"Sentence number {number}." for number in range(45))
    gate = threading.Event()
    gate.set()
    page = visit(serve_studio(Slow(article=told, gate=gate), FakeGallery(tmp_path)), locale=["en-US", "zh-CN"][tab])
    page.click("[role=tab] >> nth=1")
    page.fill(BOX, "Food?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=Sentence number 3")
    gate.clear()  # until the page has come back
    page.click(f"[role=tab] >> nth={tab}")  # the one that comes back may be another one
    page.reload()
    page.wait_for_selector(".xc-ready")
    page.click("[role=tab] >> nth=1")
    page.wait_for_selector("#xc-chat-box .stop-button")
    gate.set()
    answered(page, "Sentence number 44")
    page.wait_for_selector("#xc-chat-box .submit-button")
    [question, answer] = said(page)
    assert question == "Food?"
    assert answer.split() == told.split(), "nothing is missing and nothing twice"
    assert page.locator(".xc-turn-continue").count() == 0


@pytest.mark.parametrize("way", ["copy", "address"])
def test_a_second_tab_follows_an_answer_and_takes_nothing(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path, way: str
) -> None:
    told = " ".join(f"Sentence number {number}." for number in range(60))
    gate = threading.Event()
    gate.set()
    server = serve_studio(Slow(article=told, gate=gate), FakeGallery(tmp_path))
    page = visit(server)
    page.click("[role=tab] >> nth=1")
    page.fill(BOX, "Food?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=Sentence number 3")
    gate.clear()  # until the other tab shows as much
    page.wait_for_function("new URLSearchParams(location.search).has('chat')")
    if way == "copy":  # a tab made of this one has all that the browser keeps of it
        with page.context.expect_page() as made:
            page.evaluate("window.open(location.href)")
        other = made.value
    else:
        other = page.context.new_page()
        other.goto(page.url)
    other.wait_for_selector("#xc-turns >> text=Sentence number 3")
    other.wait_for_selector("#xc-turns .xc-turn-again")
    assert page.locator("#xc-chat-box .stop-button").count() == 1, "it is still being answered"
    assert other.locator(".xc-turn-continue").count() == 0
    gate.set()
    for tab in (page, other):
        answered(tab, "Sentence number 59")
        [question, answer] = said(tab)
        assert (question, answer.split()) == ("Food?", told.split())
        assert tab.locator(".xc-turn-continue").count() == 0
    mine = server.studio.conversations.of(None)
    [kept] = mine.list()
    assert [exchange.finished for exchange in mine.load(kept.id).tree.exchanges] == [True]


def menu(page: Any, entry: str) -> None:
    page.click("#xc-chats .xc-drafts-more >> nth=0")
    page.click(f"#xc-chats .xc-drafts-menu button >> text={entry}")


@pytest.mark.parametrize("locale", list(LANGUAGES))
def test_versions_list_export_and_reload(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path, locale: str
) -> None:
    words = LANGUAGES[locale]
    model = FakeModel()
    model.answer = numbered(model)
    page = visit(serve_studio(model, FakeGallery(tmp_path)), locale=locale)
    page.click("[role=tab] >> nth=1")
    ask(page, "Who (there)?", "Answer 1.")
    assert page.get_attribute(".xc-turn-again", "aria-label") == words["again"]
    page.click(".xc-turn-again")
    answered(page, "Answer 2.")
    ask(page, "Maths?", "Lines:")
    assert page.locator("#xc-turns :is(.token, table, .katex)").count() >= 3
    assert "for $5 or $6." in page.inner_text("#xc-turns")
    page.click(".xc-turn-answers_before")
    page.wait_for_selector("#xc-turns >> text=Answer 1.")
    assert said(page) == ["Who (there)?", "Answer 1."]
    page.click(".xc-turn-answers_after")
    page.wait_for_selector("#xc-turns table")

    page.click(".xc-turn-edit >> nth=0")
    assert page.input_value(".xc-turn-field") == "Who (there)?"
    page.fill(".xc-turn-field", "Who else?")
    page.press(".xc-turn-field", "Enter")
    answered(page, "Answer 4.")
    page.click(".xc-turn-like")
    page.wait_for_selector(".xc-turn-like[aria-pressed=true]")
    page.reload()
    page.wait_for_selector(".xc-turn-like[aria-pressed=true]")
    assert said(page) == ["Who else?", "Answer 4."]
    page.click(".xc-turn-wordings_before")
    page.wait_for_selector("#xc-turns table")

    page.click("#xc-chats .xc-drafts-toggle")
    menu(page, words["rename"])
    page.fill(".xc-drafts-rename", "Herons")
    page.press(".xc-drafts-rename", "Enter")
    page.wait_for_selector("#xc-chats .xc-drafts-name >> text=Herons")
    with page.expect_download() as download:
        menu(page, words["json"])
    assert download.value.suggested_filename == "Herons.json"
    menu(page, words["delete"])
    page.wait_for_function("!document.querySelector('#xc-turns .message')")
    with page.expect_file_chooser() as chooser:
        page.click(f"#xc-chats >> text={words['import']}")
    chooser.value.set_files(download.value.path())
    page.wait_for_selector("#xc-turns table")
    assert said(page)[:2] == ["Who (there)?", "Answer 2."]
    page.fill("#xc-chats [type=search]", "nothing of that kind")
    page.wait_for_selector(f"#xc-chats >> text={words['nothing']}")


@pytest.mark.parametrize(("locale", "width"), [("en-US", 1280), ("zh-CN", 375)])
def test_between_chat_and_article(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path, locale: str, width: int
) -> None:
    words = LANGUAGES[locale]
    model = FakeModel()
    model.answer = numbered(model)
    model.capabilities = replace(model.capabilities, sees_pictures=True, max_pictures=4)
    page = visit(serve_studio(model, FakeGallery(tmp_path)), locale=locale, width=width, height=760)
    write(page)
    page.click(".xc-ask-about")
    page.wait_for_selector(f"#xc-turns >> text={words['about']}")
    page.click("#xc-chat-settings .label-wrap")
    page.fill("#xc-chat-system textarea", "像海盗一样说话。")
    page.press("#xc-chat-system textarea", "Tab")
    page.set_input_files("#xc-chat-box input[type=file]", tmp_path / "00.png")
    page.wait_for_selector("#xc-chat-box img")
    ask(page, "谁?", "Answer")
    opening = model.prompts[-1][0].text
    assert opening.startswith("像海盗一样说话。")
    assert "soft bed beside the window" in opening
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    answer = said(page)[-1]
    page.click(".xc-turn-append")
    page.wait_for_selector(f".xc-chats-said >> text={words['appended']}")
    page.click("[role=tab] >> nth=0")
    assert article_text(page).count(answer) == 1
    page.click(f".xc-toolbar button[aria-label={words['undo']}]")
    page.wait_for_function(f"!document.querySelector('.xc-article').innerText.includes('{answer}')")
    page.click("[role=tab] >> nth=1")
    page.click(".xc-turn-place")
    page.select_option(".xc-turn-picture select", index=3)
    page.click(".xc-turn-picture .xc-turn-send")
    page.wait_for_selector(f".xc-chats-said >> text={words['placed']}")
    picture = page.locator(".xc-section >> nth=-1 >> .xc-picture img")
    loaded = "async image => { await image.decode(); return [image.naturalWidth, image.naturalHeight]; }"
    assert picture.evaluate(loaded) == [64, 48]
    page.click(".xc-turn-illustrate")
    page.wait_for_selector(f".xc-article >> text={answer}")
    page.wait_for_selector(".xc-root[data-state=done]")
