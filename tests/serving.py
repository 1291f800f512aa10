"""A page served from the test's own process."""

import asyncio
import socket
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server can listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def serve_on_free_port(studio: Any, port: int = 0, **options: Any) -> tuple[Any, str]:
    """(blocks, address) of a served studio, which is not started yet; 0 means any port.

    Gradio makes event loops that it never closes; they are closed here, because warnings are errors.
    """
    from ui.launch.server import serve

    loops: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def remembered() -> asyncio.AbstractEventLoop:
        loops.append(make())
        return loops[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", remembered)
        blocks, address, _ = serve(studio, port=port or free_port(), **options)
    asyncio.set_event_loop(None)
    for loop in loops:
        if not loop.is_running():
            loop.close()
    return blocks, address


def cut_off(blocks: Any) -> None:
    """Ends a served page as a kill does: answers that are being given break off, not waited for."""
    for connection in list(blocks.server.server_state.connections):
        connection.loop.call_soon_threadsafe(connection.transport.abort)
    blocks.close(verbose=False)
