"""How soon the page shows what a person does with a large article: 60 sections and 30 pictures, in Chromium.

    python -m benchmarks.page.editing [--rounds 10]

Opened from the list of drafts, a text edited, a section moved, another picture chosen, each undone: from the key or
click to the frame in which it stands there, its saving included where the page waits for it.
"""

import argparse
import json
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.saving.drafts import PICTURES, SECTIONS, article

# do something, then count milliseconds until what it leads to is there, and drawn
TIMED = """async ([act, there]) => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const begun = performance.now();
  new Function(act)();
  const shown = new Function(`return ${there}`);
  while (!shown()) await frame();
  await frame();
  return performance.now() - begun;
}"""
KEY = "new KeyboardEvent('keydown', {{key: '{key}', altKey: {alt}, bubbles: true, cancelable: true}})"
SECTION = "document.querySelectorAll('.xc-section')[{number}]"


def main() -> None:
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known.add_argument("--rounds", type=int, default=10)
    rounds = known.parse_args().rounds
    from playwright.sync_api import sync_playwright

    from composer.drafts import DraftStore
    from tests.browser.conftest import SWITCHES, chromium_path
    from tests.fakes import FakeGallery, FakeModel
    from tests.serving import serve_on_free_port
    from ui.drafts import owner_of
    from ui.launch.quick_import import import_gradio
    from ui.studio import Studio

    import_gradio()
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pictures = [Path(folder, f"picture {number}.png") for number in range(PICTURES)]
        for picture in pictures:
            Image.frombytes("RGB", (200, 150), chance.randbytes(90_000)).save(picture)
        store = DraftStore(Path(folder, "data"))
        studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(Path(folder)), drafts=store)
        blocks, address = serve_on_free_port(studio)
        studio.start()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(SWITCHES))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_selector(".xc-ready")
        drafts = store.of(owner_of(None, page.evaluate("window.xcKey()")))
        for title in ("Dogs", "Cats"):
            drafts.create(article(pictures, chance).with_title(title))
        page.click(".xc-drafts-toggle")
        page.wait_for_selector("#xc-drafts li >> nth=1")
        for name, spans in measured(page, rounds).items():
            figures = {"median_ms": round(statistics.median(spans)), "slowest_ms": round(max(spans))}
            print(json.dumps({"done": name, **figures}))
        browser.close()
        studio.close()
        blocks.close(verbose=False)


def measured(page: Any, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each thing that is done, by its name."""
    times: dict[str, list[float]] = {}

    def time(name: str, act: str, there: str) -> None:
        times.setdefault(name, []).append(page.evaluate(TIMED, [act, there]))
        page.wait_for_function("!window.xcUnsaved()")

    def undo(there: str) -> None:
        page.wait_for_selector(".xc-undo:enabled")
        time("undone", "document.querySelector('.xc-undo').click()", there)

    for _ in range(rounds):
        for number, title in enumerate(("Cats", "Dogs")):
            row = f"document.querySelectorAll('#xc-drafts .xc-drafts-open')[{number}]"
            whole = f"document.querySelectorAll('.xc-section').length === {SECTIONS}"
            time(
                "draft opened",
                f"{row}.click()",
                f"document.querySelector('.xc-title').innerText === {title!r} && {whole}",
            )
    for number in range(rounds):
        text = SECTION.format(number=20 + number)
        page.click(f".xc-section >> nth={20 + number} >> .xc-text")
        page.fill(".xc-edit", f"Changed {number}.")
        enter = KEY.format(key="Enter", alt="false")
        changed = f"{text}.querySelector('.xc-text')?.innerText === 'Changed {number}.'"
        time("text edited", f"document.querySelector('.xc-edit').dispatchEvent({enter})", changed)
        undo(f"!({changed})")
        name = page.evaluate(f"{text}.dataset.id")
        up = KEY.format(key="ArrowUp", alt="true")
        moved = f"{SECTION.format(number=19 + number)}.dataset.id === {name!r}"
        time("section moved", f"{text}.querySelector('.xc-more').dispatchEvent({up})", moved)
        undo(f"!({moved})")
        page.click(f".xc-picture >> nth={number}")
        other = page.wait_for_selector('.xc-panel .xc-candidate[aria-pressed="false"]')
        assert other is not None
        image = f"document.querySelectorAll('.xc-picture img')[{number}]"
        before = page.evaluate(f"{image}.src")
        chosen = f"{image}.src !== {before!r} && {image}.complete"
        time(
            "picture chosen",
            "document.querySelector('.xc-panel .xc-candidate[aria-pressed=\"false\"]').click()",
            chosen,
        )
        undo(f"{image}.complete && {image}.src !== '' && !({chosen})")
        page.keyboard.press("Escape")
    return times


if __name__ == "__main__":
    main()
