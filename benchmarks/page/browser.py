"""What a streamed piece of text and the first load of the page cost the browser: how long its main thread works.

    python -m benchmarks.page.browser [--pieces 100] [--pause 0.05]

A model that answers at the pace of `--pause` writes into the page in a headless Chromium; the time is Chromium's own
count of tasks (DevTools, Performance.getMetrics). On two cores a model computes with what the browser leaves.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main() -> None:
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known.add_argument("--pieces", type=int, default=100)
    known.add_argument("--pause", type=float, default=0.05, metavar="SECONDS", help="between two pieces")
    asked = known.parse_args()
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import SWITCHES, chromium_path, finished, write
    from tests.fakes import FakeGallery, FakeModel
    from tests.serving import serve_on_free_port
    from ui.launch.quick_import import import_gradio
    from ui.studio import Studio

    class Paced(FakeModel):
        def stream(self, *arguments: Any, **options: Any) -> Iterator[str]:
            for piece in super().stream(*arguments, **options):
                time.sleep(asked.pause)
                yield piece

    import_gradio()
    article = "A cat sat on the mat. " * (asked.pieces * 4 // 22 + 1)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        studio = Studio(lambda progress: Paced(article=article, piece=4), lambda: FakeGallery(Path(folder)))
        blocks, address = serve_on_free_port(studio)
        studio.start()
        studio.model_settled.wait()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(SWITCHES))
        page = browser.new_page()
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable")

        def worked() -> float:
            """Seconds that the page's main thread has worked."""
            metrics = devtools.send("Performance.getMetrics")["metrics"]
            return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

        page.goto(address)
        page.wait_for_selector(".xc-ready")
        page.wait_for_timeout(2000)
        loaded = worked()
        write(page, wait=False)
        page.wait_for_selector(".xc-text")
        before = worked()
        finished(page, timeout=600_000)
        each = 1000 * (worked() - before) / len(article) * 4
        print(json.dumps({"load_s": round(loaded, 2), "ms_a_piece": round(each, 1)}))
        browser.close()
        studio.close()
        blocks.close(verbose=False)


if __name__ == "__main__":
    main()
