"""Makes torchvision importable beside a torch that its compiled library was not built for.

timm, open_clip and the vision parts of transformers import torchvision for its picture transforms, which are plain
Python. While it is imported, torchvision also attaches shape functions to its compiled operators (nms and others). That
fails where the compiled library cannot be loaded: with a torch from another build (for example a CPU torch beside the
default torchvision wheel) the import ends in "operator torchvision::nms does not exist". Declaring the operators'
schemas is enough for the import; calling one still fails with torchvision's own message.

Knows nothing of pictures, models or galleries.
"""

import ast
import importlib.util
import threading
from pathlib import Path
from typing import Any

_lock = threading.Lock()
_libraries: list[Any] = []  # torch.library.Library objects: the declarations live as long as these do
_prepared = False


def prepare_torchvision() -> bool:
    """Makes `import torchvision` possible. True where operators had to be declared, False where that was not needed.

    Call it before the first import of timm, open_clip or a vision part of transformers. Further calls are cheap, and
    several threads may call it. Without torchvision it does nothing.
    """
    global _prepared
    with _lock:
        if _prepared:
            return bool(_libraries)
        _prepared = True
        spec = importlib.util.find_spec("torchvision")
        if spec is None or not spec.submodule_search_locations:
            return False
        folder = Path(next(iter(spec.submodule_search_locations)))
        if _library_loads(folder):
            return False
        _declare(missing_operators(folder))
        return bool(_libraries)


def missing_operators(folder: Path) -> dict[str, str]:
    """Schemas of the operators that torchvision in `folder` expects to be declared, read from its own source.

    That source names them in `register_fake("torchvision::NAME")` decorators in `_meta_registrations.py`. Returns
    name -> schema, e.g. {"nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"}; empty where there is
    no such file.
    """
    source = folder / "_meta_registrations.py"
    if not source.is_file():
        return {}
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            for name in filter(None, map(_registered_name, node.decorator_list)):
                arguments = ", ".join(f"{_type_of(a.arg)} {a.arg}" for a in node.args.args)
                found[name] = f"{name}({arguments}) -> Tensor"
    return found


def _registered_name(decorator: ast.expr) -> str | None:
    if not isinstance(decorator, ast.Call) or not decorator.args or not isinstance(decorator.args[0], ast.Constant):
        return None
    called = decorator.func.attr if isinstance(decorator.func, ast.Attribute) else getattr(decorator.func, "id", "")
    value = str(decorator.args[0].value)
    return value.removeprefix("torchvision::") if called == "register_fake" and "::" in value else None


def _type_of(argument: str) -> str:
    # for the import only the operator's existence matters; argument names tell thresholds from tensors well enough
    return "float" if "threshold" in argument or "scale" in argument else "Tensor"


def _library_loads(folder: Path) -> bool:
    import torch

    libraries = [path for pattern in ("_C*.so", "_C*.pyd", "_C*.dylib") for path in folder.glob(pattern)]
    for path in libraries:
        try:
            torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]  # torch leaves it untyped
        except (OSError, ImportError, RuntimeError):
            continue
        return True
    return False


def _declare(schemas: dict[str, str]) -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    for name, schema in schemas.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    _libraries.append(library)
