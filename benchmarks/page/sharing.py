"""One local model and two people: how long a question of the chat waits while another person's article is made.

    python -m benchmarks.page.sharing [--length medium]

The real program over the embedded model and gallery, called through its endpoints. A question is asked some seconds
after the article was asked for, at another moment each time: while it is written, and while its pictures are chosen.
Measured: seconds to the first words of the answer, to its end (64 tokens), and to the end of the article; the same
question with nobody else, and the same article alone.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

TITLE = "How to take good care of a pet cat"
QUESTION = "What is a good name for a grey cat, and why?"
MOMENTS = (2.0, 6.0, 14.0, 24.0)  # seconds after the article was asked for


def main() -> None:
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known.add_argument("--length", default="medium")
    asked = known.parse_args()
    from gradio_client import Client

    from composer import Composer, load_model
    from composer.drafts import DraftStore
    from retrieval import open_gallery
    from tests.serving import serve_on_free_port
    from ui.launch.quick_import import import_gradio
    from ui.studio import Studio

    import_gradio()

    def load(progress: Any) -> Any:
        model = load_model(None, progress=progress)
        Composer(model, None).warm_up()
        return model

    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(load, lambda: open_gallery(None), drafts=DraftStore(Path(folder)))
        blocks, address = serve_on_free_port(studio)
        studio.start()
        studio.model_settled.wait()
        studio.gallery_settled.wait()
        writer, reader = (Client(address, verbose=False, analytics_enabled=False) for _ in range(2))

        def article() -> float:
            begun = time.monotonic()
            writer.submit(TITLE, pictures=2, length=asked.length, seed=7, api_name="/compose").result()
            return round(time.monotonic() - begun, 1)

        def question() -> tuple[float, float]:
            begun = time.monotonic()
            job = reader.submit(QUESTION, max_tokens=64, seed=7, api_name="/chat")
            while not any(job.outputs()):  # "" while it waits
                time.sleep(0.02)
            first = time.monotonic() - begun
            job.result()
            return round(first, 1), round(time.monotonic() - begun, 1)

        figures: dict[str, Any] = {"question alone": question(), "article alone": article()}
        for moment in MOMENTS:
            took: list[float] = []
            other = threading.Thread(target=lambda: took.append(article()))  # noqa: B023 - joined below
            other.start()
            time.sleep(moment)
            begins, ends = question()
            other.join()
            figures[f"asked after {moment:.0f} s"] = {"begins": begins, "ends": ends, "article": took[0]}
        figures["load_average"] = round(os.getloadavg()[0], 1)
        print(json.dumps(figures, indent=1))
        studio.close()
        blocks.close(verbose=False)


if __name__ == "__main__":
    main()
