"""Starts the page: arguments, logins, address.

Knows the whole page and how it is served; nothing of what it shows.
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports

if TYPE_CHECKING:
    from ui.launch.logins import read_logins
    from ui.launch.quick_import import import_gradio
    from ui.launch.server import serve

__all__ = [
    "import_gradio",
    "read_logins",
    "serve",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "logins": ("read_logins",),
        "quick_import": ("import_gradio",),
        "server": ("serve",),
    },
)
