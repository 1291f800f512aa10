"""Takes the pictures of the guide and the READMEs anew: real articles of the embedded model, in Chromium.

    python -m benchmarks.page.screenshots [--out demo_asset] [--only write_en panel_en] [--address http://127.0.0.1:7860]

Starts the page of this checkout, or uses one that runs at `--address`. Look at each picture before you keep it: an
article is another text after every change of prompts, and a picture that does not fit is no picture for a README.
"""

import argparse
import io
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import SWITCHES, chromium_path

ROOT = Path(__file__).resolve().parents[2]
TITLES = {"en": "How to take good care of a pet cat", "zh": "第一次露营"}
PET = "如何养好一只宠物"
QUESTIONS = {"en": "Three names for a black cat, each with a reason.", "zh": "给一只黑猫起三个名字，并说明理由。"}
SEARCHES = {"en": "cat", "zh": "睡觉的猫"}
SECONDS = 300  # for one article beside other programs
SEED = "5"


def write(page: Page, title: str) -> None:
    """Writes an article with a fixed seed and waits until its pictures stand."""
    page.click("#xc-advanced button")
    page.fill("#xc-seed textarea, #xc-seed input", SEED)
    page.click("#xc-advanced button")  # folded again: the settings are not what the picture shows
    page.fill("#xc-title textarea", title)
    page.press("#xc-title textarea", "Enter")
    page.wait_for_selector(".xc-root[data-state=done] .xc-toolbar:not([hidden])", timeout=SECONDS * 1000)
    page.wait_for_timeout(500)
    for close in page.locator(".xc-notice button").all():
        close.click()
    page.wait_for_function("[...document.querySelectorAll('.xc-article img')].every((image) => image.complete)")


def article(page: Page, language: str) -> None:
    write(page, TITLES[language])


def phone(page: Page, language: str) -> None:
    write(page, PET)
    page.evaluate("document.querySelector('.xc-title').scrollIntoView(); window.scrollBy(0, -70)")


def panel(page: Page, language: str) -> None:
    write(page, TITLES[language])
    page.click(".xc-picture")
    page.wait_for_selector(".xc-panel:not([hidden])")
    page.click(".xc-why summary")


def proposal(page: Page, language: str) -> None:
    write(page, TITLES[language])
    paragraph = page.locator(".xc-section[data-kind=paragraph]").nth(1)
    paragraph.hover()
    paragraph.locator(".xc-more").click()
    page.click(".xc-menu .xc-item >> nth=2")
    page.wait_for_selector(".xc-proposal.xc-ready", timeout=SECONDS * 1000)
    page.evaluate("document.querySelector('.xc-proposal').scrollIntoView({ block: 'center' })")


def chat(page: Page, language: str) -> None:
    page.click("button[role=tab] >> nth=1")
    page.fill("#xc-chat-box textarea", QUESTIONS[language])
    page.press("#xc-chat-box textarea", "Enter")
    page.wait_for_selector(".xc-turn-again:enabled", timeout=SECONDS * 1000)
    page.click(".xc-turn-again")
    page.wait_for_selector(".xc-turn-at", timeout=SECONDS * 1000)
    page.click("#xc-chats .xc-drafts-toggle")
    page.wait_for_selector("#xc-chats li")
    page.wait_for_timeout(1000)


def gallery(page: Page, language: str) -> None:
    page.click("button[role=tab] >> nth=2")
    page.fill("#xc-gallery-search input", SEARCHES[language])
    page.wait_for_timeout(6000)  # the first search loads the encoder


LOCALES = {"en": "en-US", "zh": "zh-CN"}
# name -> how to get there, width and height in pixels; each in both languages
SCENES: dict[str, tuple[Callable[[Page, str], None], int, int]] = {
    "write": (article, 1000, 1031),
    "panel": (panel, 1000, 703),
    "proposal": (proposal, 1000, 600),
    "chat": (chat, 1280, 800),
    "gallery": (gallery, 1280, 800),
}
# name of the file -> scene and language
SHOTS = {
    **{f"{name}_{language}": (*scene, language) for name, scene in SCENES.items() for language in LOCALES},
    "phone_zh": (phone, 375, 1100, "zh"),
}


@contextmanager
def served(address: str) -> Iterator[str]:
    """The address of a page that answers; one of this checkout where none is given."""
    if address:
        yield address
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    process = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "--port", str(port)], cwd=ROOT)
    try:
        for _attempt in range(600):
            try:
                urllib.request.urlopen(address, timeout=5)
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def taken(browser: Any, address: str, name: str) -> Image.Image:
    go, width, height, language = SHOTS[name]
    context = browser.new_context(locale=LOCALES[language], viewport={"width": width, "height": height})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.wait_for_selector(".xc-ready", timeout=SECONDS * 1000)
    go(page, language)
    content = page.screenshot()
    context.close()
    return Image.open(io.BytesIO(content)).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=ROOT / "demo_asset")
    parser.add_argument("--only", nargs="*", choices=sorted(SHOTS), default=list(SHOTS))
    parser.add_argument("--address", default="")
    asked = parser.parse_args()
    with served(asked.address) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(SWITCHES))
        for name in asked.only:
            path = asked.out / f"{name}.webp"
            taken(browser, address, name).save(path, quality=80, method=6)
            print(path, f"{path.stat().st_size / 1000:.0f} kB", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
