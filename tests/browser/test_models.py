"""The Models tab in a browser: what is loaded, another one in its place, in both languages and by keys alone."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.messages import _
from composer.errors import InputError
from composer.models import Capabilities, LoadProgress, LocalServer
from tests.browser.conftest import Server, article_text, write
from tests.fakes import FakeGallery, FakeModel

pytestmark = pytest.mark.browser


def named(name: str, **can: Any) -> FakeModel:
    model = FakeModel(article=f"This is what {name} writes about it.", capabilities=Capabilities(**can))
    model.name = name
    return model


def load_named(name: str, *, quantization: str | None, progress: Callable[[LoadProgress], None]) -> FakeModel:
    for step in range(10 if name != "endless" else 10_000):
        progress(LoadProgress("load", min(step, 9), 10, name))
        time.sleep(0.02)
    if name == "broken":
        raise InputError(_("The file is broken."))
    return named(name, sees_pictures=True, max_pictures=8, engine="transformers", quantization=quantization or "")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from ui.studio import Studio

    folder: Path = tmp_path_factory.mktemp("models")
    made = Server(
        Studio(
            lambda progress: named("first", engine="llama.cpp", limits=(_("The file is broken."),)),
            lambda: FakeGallery(folder),
            load_named=load_named,
        )
    )
    yield made
    made.close()


def said(page: Any, words: str) -> None:
    page.wait_for_function("words => document.querySelector('#xc-model-line').textContent === words", arg=words)


def test_another_model_is_loaded_by_keys_and_writes(
    server: Server, visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = LocalServer("vLLM", "http://127.0.0.1:8000/v1", ("a-served-model",))
    monkeypatch.setattr("ui.models.actions.find_servers", lambda: [served])
    page = visit(server)
    page.get_by_role("tab", name="Models").click()
    page.wait_for_selector(".xc-model")
    assert page.inner_text(".xc-model-name") == "first"
    assert page.inner_text(".xc-model-limits") == "The file is broken."
    page.click("#xc-model-look")
    page.wait_for_selector(".xc-model >> text=a-served-model")
    page.focus("#xc-model-wanted")
    page.keyboard.type("broken")
    page.keyboard.press("Enter")
    said(page, "The file is broken.")
    assert page.inner_text(".xc-model-name") == "first"
    page.fill("#xc-model-wanted", "endless")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.xc-model-job progress').value > 0.5")
    page.focus("#xc-model-cancel")
    page.keyboard.press("Enter")
    said(page, "Cancelled. What was downloaded stays for the next time.")
    assert page.evaluate("document.activeElement.id") == "xc-model-wanted", (
        "the button that had the focus is of no use any more"
    )
    page.fill("#xc-model-wanted", "second")
    page.keyboard.press("Tab")
    page.keyboard.press("4")  # "4 bits"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said(page, "second answers from now on.")
    page.wait_for_function("document.querySelector('.xc-model-name').textContent === 'second'")
    assert "nf4" in page.inner_text(".xc-model-facts")
    page.wait_for_function("document.querySelector('#xc-header').textContent.includes('second')")
    page.get_by_role("tab", name="Write").click()
    write(page, "Anything")
    assert "This is what second writes" in article_text(page)


def test_the_tab_in_chinese_on_a_telephone_and_who_may_not_choose(
    server: Server, visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.studio, "model_choice", "nobody")
    page = visit(server, locale="zh-CN", width=375)
    page.get_by_role("tab", name="模型").click()
    page.wait_for_function(
        "document.querySelector('.xc-model-card').innerText.includes('本页使用的模型由运行者选定。')"
    )
    assert "上下文" in page.inner_text(".xc-model-facts")
    assert not page.is_visible("#xc-model-wanted")
    assert page.locator(".xc-model").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 375
