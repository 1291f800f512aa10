"""What a streamed piece of text costs the page: components updated, bytes sent, and time, without a browser.

    python -m benchmarks.page.stream [--pieces 400]

Follows the page's own path: the listener of the Write button behind Gradio's queue, with a model that answers at once.
The messages are counted where the queue hands them to the connection.
"""

import argparse
import asyncio
import itertools
import json
import socket
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known.add_argument("--pieces", type=int, default=400)
    pieces = known.parse_args().pieces
    from tests.fakes import FakeGallery, FakeModel
    from ui.launch.quick_import import import_gradio

    import_gradio()
    from ui.launch.server import serve
    from ui.studio import Studio

    article = "A cat sat on the mat. " * (pieces * 4 // 22 + 1)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        studio = Studio(lambda progress: FakeModel(article=article, piece=4), lambda: FakeGallery(Path(folder)))
        blocks, address, _ = serve(studio, port=port)
        studio.start()
        studio.model_settled.wait()
        studio.gallery_settled.wait()
        sent: list[tuple[float, Any]] = []
        queue, send = blocks._queue, blocks._queue.send_message

        def noted(event: Any, message: Any) -> Any:
            if "generating" in str(message.msg):
                sent.append((time.perf_counter(), message.output["data"]))
            return send(event, message)

        queue.send_message = noted
        asyncio.run(press_write(blocks, address))
        texts = [(when, data) for when, data in sent if '"text"' in str(data)]
        spans = [later - sooner for (sooner, _), (later, _) in itertools.pairwise(texts)]
        figures = {
            "pieces": len(texts),
            "components_a_piece": sorted({len(data) for _, data in texts}),
            "bytes_a_piece": round(sum(len(json.dumps(data)) for _, data in texts) / len(texts)),
            "ms_a_piece": round(1000 * sum(spans) / len(spans), 2),
        }
        print(json.dumps(figures))
        studio.close()
        blocks.close(verbose=False)


async def press_write(blocks: Any, address: str) -> None:
    """Joins the queue as the browser does for Enter in the title box, and reads the messages to the end."""
    import httpx

    listeners = {fn.api_name: index for index, fn in blocks.fns.items()}
    queued = next(index for name, index in listeners.items() if name and name.startswith("queue_title"))
    compose = next(index for name, index in listeners.items() if name and name.startswith("compose_"))
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        title = "How to take good care of a pet cat"
        body = {"fn_index": queued, "session_hash": "bench", "data": [None, title]}
        (await client.post("gradio_api/run/predict", json=body)).raise_for_status()
        fields = blocks.fns[compose].inputs[1:]  # as they stand in the form; without pictures
        settings = ["0" if field.elem_id == "xc-pictures" else field.value for field in fields]
        body = {"fn_index": compose, "session_hash": "bench", "data": [None, *settings]}
        (await client.post("gradio_api/queue/join", json=body)).raise_for_status()
        async with client.stream("GET", "gradio_api/queue/data", params={"session_hash": "bench"}) as messages:
            async for line in messages.aiter_lines():
                if "process_completed" in line:
                    return


if __name__ == "__main__":
    main()
