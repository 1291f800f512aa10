"""Ten people at once on the embedded model: each writes a short article in a page of their own, all begin together.

    python -m benchmarks.page.crowd [--people 10] [--words 60]

The real program over the embedded model and gallery, pages in one Chromium with a storage of their own each. Counted:
pages whose place in line was shown while they waited, articles that are about their own title and hold no word of
another's (each title has a word that no other has), drafts that were kept, and how long each of them waited.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

# title -> a word of it that no article about another title has
TITLES = {
    "A zeppelin over the harbour": "zeppelin",
    "My walrus has a cold": "walrus",
    "How to tune a harpsichord": "harpsichord",
    "Gooseberry jam": "gooseberr",
    "The accordion in the attic": "accordion",
    "A unicycle in the rain": "unicycl",
    "Why otters hold hands": "otter",
    "The last lighthouse keeper": "lighthouse",
    "Learning to juggle": "juggl",
    "A trip to the glacier": "glacier",
}
SECONDS = 900  # for all of them


def main() -> None:
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known.add_argument("--people", type=int, default=len(TITLES), choices=range(2, len(TITLES) + 1))
    known.add_argument("--words", type=int, default=60)
    asked = known.parse_args()
    from playwright.sync_api import sync_playwright

    from composer import load_model
    from composer.drafts import DraftStore
    from retrieval import open_gallery
    from tests.browser.conftest import SWITCHES, choose, chromium_path
    from tests.serving import serve_on_free_port
    from ui.launch.quick_import import import_gradio
    from ui.studio import Studio

    import_gradio()
    titles = list(TITLES)[: asked.people]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        drafts = DraftStore(Path(folder))
        studio = Studio(lambda progress: load_model(None, progress=progress), lambda: open_gallery(None), drafts=drafts)
        blocks, address = serve_on_free_port(studio)
        studio.start()
        studio.model_settled.wait()
        studio.gallery_settled.wait()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(SWITCHES))
        pages: list[Any] = []
        for _title in titles:
            page = browser.new_context(locale="en-US").new_page()
            page.set_default_timeout(SECONDS * 1000)
            page.goto(address)
            page.wait_for_selector(".xc-ready")
            choose(page, "#xc-length", f"{asked.words} words")
            pages.append(page)
        begun = time.monotonic()
        for page, title in zip(pages, titles, strict=True):
            page.fill("#xc-title textarea", title)
            page.press("#xc-title textarea", "Enter")
        in_line: set[str] = set()
        ended: dict[str, float] = {}
        while len(ended) < len(titles) and time.monotonic() - begun < SECONDS:
            for page, title in zip(pages, titles, strict=True):
                line = page.inner_text(".xc-stepper") if page.is_visible(".xc-stepper") else ""
                if "Waiting for the model" in line:
                    in_line.add(title)
                if title not in ended and page.get_attribute(".xc-root", "data-state") == "done":
                    ended[title] = round(time.monotonic() - begun, 1)
            time.sleep(0.3)
        texts = {title: page.inner_text(".xc-article").lower() for page, title in zip(pages, titles, strict=True)}
        own = [title for title in titles if TITLES[title] in texts[title]]
        strange = {t: w for t in titles for other, w in TITLES.items() if other != t and w in texts[t]}
        kept = [page.evaluate("new URLSearchParams(location.search).get('draft')") for page in pages]
        print(
            json.dumps(
                {
                    "people": len(titles),
                    "ended": len(ended),
                    "seconds": sorted(ended.values()),
                    "place in line shown": len(in_line),
                    "about their own title": len(own),
                    "words of another's": strange,
                    "drafts": len(set(filter(None, kept))),
                    "load_average": round(os.getloadavg()[0], 1),
                },
                indent=1,
            )
        )
        browser.close()
        studio.close()
        blocks.close(verbose=False)


if __name__ == "__main__":
    main()
