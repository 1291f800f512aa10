"""A person's own text on the page: pasted, chosen or dropped; illustrated as it is, and edited as Markdown."""

import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypandoc
import pytest

from composer.article import Article, Candidate, Illustration, Section
from tests.browser.conftest import Server, choose, save_as, write
from tests.fakes import FakeModel
from tests.retrieval.helpers import paint

pytestmark = pytest.mark.browser

OWN = """# My cat <script>alert(1)</script>

A cat sleeps on the **sofa**; `purr` is what the cat says.

- cat food
- [a bowl](https://a.b)

> A quote about the cat.

| day | meal |
|-----|-----:|
| Mon | fish |

```python
cat = "<b>no tag</b>"
```

<img src="http://127.0.0.1:9/x.png" onerror="alert(1)">
"""
ZH = "我的猫\n\n小猫每天睡在沙发上，它喜欢吃鱼。\n\n1. 喂猫\n2. 玩耍\n"


def own_form(page: Any) -> None:
    page.click("#xc-way label >> nth=1")
    page.wait_for_selector("#xc-own-text textarea")


@pytest.fixture
def page(lasting_page: Any) -> Any:
    """With the form for a text of one's own; there may be an article of another test."""
    lasting_page.evaluate("document.body.dataset.article = 'not asked for yet'")
    return lasting_page


def test_a_saved_article_is_opened_as_it_is_and_tells_what_is_missing(page: Any, tmp_path: Path) -> None:
    article = Article(
        "Kept cats",
        (
            Section("s1", "A cat sleeps.", illustration=Illustration("A cat", chosen=Candidate("gone", "a.png"))),
            Section("s2", "Another one, too.", illustration=Illustration("Two", chosen=Candidate("p3", "b.png"))),
        ),
    )
    (tmp_path / "kept.json").write_text(article.to_json(), encoding="utf-8")
    own_form(page)
    page.set_input_files("#xc-own input[type=file], input#xc-own-file", tmp_path / "kept.json")
    page.wait_for_selector(".xc-article >> text=Kept cats")
    page.wait_for_selector(".xc-notice >> text=are not here: A cat.")
    page.wait_for_selector(".xc-placeholder >> text=This picture is not here: A cat")
    page.wait_for_function("document.querySelector('.xc-picture img')?.naturalWidth > 0")
    with page.expect_download() as download:
        save_as(page, "zip")
    page.wait_for_selector(".xc-notice >> text=without pictures that are no longer there: A cat.")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sum(name.startswith("images/") for name in archive.namelist()) == 1


def illustrated(page: Any) -> None:
    page.wait_for_selector("body[data-article=done]", timeout=60_000)


def saved_markdown(page: Any, tmp_path: Path) -> str:
    with page.expect_download() as download:
        save_as(page, "zip")
    download.value.save_as(tmp_path / "article.zip")
    with zipfile.ZipFile(tmp_path / "article.zip") as archive:
        return archive.read("article.md").decode()


@pytest.mark.parametrize(
    ("locale", "text", "title"), [("en", OWN, "My cat <script>alert(1)</script>"), ("zh-CN", ZH, "我的猫")]
)
def test_pasted_text_is_illustrated_and_no_word_is_changed(
    server: Server, visit: Callable[..., Any], tmp_path: Path, locale: str, text: str, title: str
) -> None:
    page = visit(server, locale=locale)
    own_form(page)
    assert not page.is_visible("#xc-title")
    page.fill("#xc-own-text textarea", text)
    page.click("#xc-illustrate")
    illustrated(page)
    assert page.inner_text(".xc-title") == title
    assert page.get_attribute(".xc-article", "lang") == ("zh" if locale == "zh-CN" else "en")
    assert page.locator(".xc-figure img").count() > 0
    saved = saved_markdown(page, tmp_path)
    lines = [line for line in text.splitlines() if line]
    written = iter(saved.splitlines())
    assert [line for line in lines if line not in written] == [], "every line, in the order in which they came"


def test_blocks_are_shown_as_what_they_are_and_nothing_of_them_runs(page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    own_form(page)
    page.fill("#xc-own-text textarea", OWN)
    page.click("#xc-illustrate")
    illustrated(page)
    kinds = page.eval_on_selector_all(".xc-section", "all => all.map(one => one.dataset.kind)")
    assert kinds == ["paragraph", "list", "quote", "table", "code", "other"]
    assert page.eval_on_selector_all(".xc-text li", "all => all.map(one => one.textContent)") == ["cat food", "a bowl"]
    assert page.get_attribute(".xc-text li a", "href") == "https://a.b"
    assert page.inner_text(".xc-text blockquote") == "A quote about the cat."
    assert page.inner_text(".xc-text td.xc-right") == "fish"
    assert page.inner_text(".xc-text pre code") == 'cat = "<b>no tag</b>"'
    assert page.inner_text(".xc-text > code") == "purr"
    assert page.locator(".xc-text :is(script, img, b)").count() == 0
    assert "onerror" in page.inner_text(".xc-text pre.xc-source-text")
    assert not [address for address in asked if ":9/" in address]


def test_a_block_is_edited_as_markdown_and_the_rest_stays(page: Any, tmp_path: Path) -> None:
    own_form(page)
    page.fill("#xc-own-text textarea", OWN)
    choose(page, "#xc-pictures", "1")
    page.click("#xc-illustrate")
    illustrated(page)
    page.click(".xc-section[data-kind=list] .xc-text li >> nth=0")
    assert page.input_value(".xc-edit") == "- cat food\n- [a bowl](https://a.b)"
    page.press(".xc-edit", "Control+End")
    page.type(".xc-edit", "\n- a ball\n\nA new paragraph.")
    page.press(".xc-edit", "Control+Enter")
    page.wait_for_function("document.querySelectorAll('.xc-section').length === 7")
    assert page.inner_text(".xc-text li >> nth=2") == "a ball"
    saved = saved_markdown(page, tmp_path)
    assert "- cat food\n- [a bowl](https://a.b)\n- a ball\n\nA new paragraph.\n" in saved
    assert "| day | meal |\n|-----|-----:|\n| Mon | fish |\n" in saved


def test_files_are_chosen_and_dropped(page: Any, tmp_path: Path) -> None:
    own_form(page)
    word = [pypandoc.get_pandoc_path(), "-f", "markdown", "-t", "docx", "-o", str(tmp_path / "cat.docx")]
    subprocess.run(word, input=b"# From Word\n\nA cat sleeps on the sofa.\n", check=True)
    page.set_input_files("#xc-own input[type=file]", tmp_path / "cat.docx")
    page.wait_for_function("document.querySelector('.xc-title').textContent === 'From Word'", timeout=60_000)
    illustrated(page)
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["# Dropped\\n\\nA cat sleeps."], "cat.md", { type: "text/markdown" }));
          const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
          document.querySelector("#xc-own textarea").dispatchEvent(event);
        }"""
    )
    page.wait_for_function("document.querySelector('.xc-title').textContent === 'Dropped'", timeout=60_000)


@pytest.mark.parametrize(("locale", "said"), [("en", "is no Word document"), ("zh-CN", "不是 Word 文档")])
def test_what_cannot_be_read_is_said_and_the_article_stays(
    server: Server, visit: Callable[..., Any], tmp_path: Path, locale: str, said: str
) -> None:
    page = visit(server, locale=locale)
    own_form(page)
    page.click("#xc-illustrate")
    page.wait_for_selector(".xc-notice")
    (tmp_path / "cat.docx").write_bytes(b"no zip")
    page.set_input_files("#xc-own input[type=file]", tmp_path / "cat.docx")
    page.wait_for_selector(f".xc-notice:has-text('{said}')")
    page.fill("#xc-own-text textarea", "x" * 300_001)
    page.click("#xc-illustrate")
    page.wait_for_selector(".xc-notice:has-text('300,001')")


def test_what_was_pasted_stays_when_the_page_is_loaded_anew(page: Any) -> None:
    own_form(page)
    page.fill("#xc-own-text textarea", "My cat sleeps.")
    page.wait_for_function("Object.values(sessionStorage).some((value) => value.includes('My cat sleeps.'))")
    page.reload()
    page.wait_for_function("document.querySelector('#xc-own-text textarea')?.value === 'My cat sleeps.'")
    assert page.is_visible("#xc-own-text textarea")


@pytest.mark.parametrize("width", [375, 1280])
def test_the_form_fits_the_window(server: Server, visit: Callable[..., Any], width: int) -> None:
    page = visit(server, width=width)
    own_form(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#xc-illustrate").bounding_box()["y"] < 800


@pytest.mark.parametrize(
    ("locale", "tone", "typed"), [("en-US", "Travel magazine", "120 words"), ("zh-CN", "旅游杂志", "120字")]
)
def test_pictures_of_ones_own_length_tone_and_readers(
    server: Server, fake_model: FakeModel, visit: Callable[..., Any], tmp_path: Path, locale: str, tone: str, typed: str
) -> None:
    files = [str(paint(tmp_path / "own" / name)) for name in ("soft bed.png", "bowl of water.jpg")]
    page = visit(server, locale=locale)
    page.click("#xc-material button")
    page.set_input_files("#xc-material input[type=file]", files)
    page.wait_for_function("document.querySelectorAll('#xc-material .thumbnail-item img').length === 2")
    choose(page, "#xc-tone", tone)
    choose(page, "#xc-length", typed)
    page.click("#xc-advanced button")
    page.fill("#xc-readers input, #xc-readers textarea", "old sailors")
    write(page, "Cats")
    captions = page.locator(".xc-article figcaption").all_inner_texts()
    assert {"Bowl of water", "Soft bed"} <= {caption.split("\n")[0] for caption in captions}
    asked = next(prompt[-1].text for prompt in fake_model.prompts if "Title: Cats" in prompt[-1].text)
    assert "about 40 words each" in asked
    assert "a travel magazine" in asked
    assert "written for old sailors" in asked
    page.set_viewport_size({"width": 375, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 375
