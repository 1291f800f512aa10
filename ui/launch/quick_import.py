"""Imports Gradio in about half the usual time.

At every import Gradio parses the source of each of its component classes and compares it with a type stub (.pyi) beside
it, for the benefit of editors. That is about half of its import time, and it writes into the installation. A running
page has no use for the stubs, so the function that makes them is replaced while the package is imported. A Gradio
release that drops the function imports as usual. Gradio's own server of tools, which nobody here asks for (ours is
`ui.mcp`), would import the package mcp where that is installed: a further eighth.
"""

import gc
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType

_MODULE, _FUNCTION = "gradio.component_meta", "create_or_modify_pyi"

# Nothing calls home. Statistics of calls, which Gradio recomputes with pandas after every single one, are not shown.
_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if hasattr(module, _FUNCTION):
            setattr(module, _FUNCTION, lambda *_: None)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "mcp":
            raise ModuleNotFoundError("Gradio goes without it", name=fullname)
        if fullname != _MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def import_gradio() -> None:
    """Imports gradio. Afterwards `import gradio` anywhere is the plain one."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    collecting = gc.isenabled()
    gc.disable()  # hundreds of modules of objects that all stay: collecting between them finds nothing
    try:
        import gradio  # noqa: F401 - imported for its effect on sys.modules
    finally:
        sys.meta_path.remove(finder)
        if collecting:
            gc.enable()
    gc.freeze()  # what was imported stays for good; later collections need not look at it
