"""The walls between rooms: others use what a room exports, and importing a room loads nothing heavy."""

import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("common", "composer", "evaluation", "retrieval", "ui")
HEAVY = {
    *("torch", "torchvision", "transformers", "faiss", "open_clip", "timm", "onnxruntime", "xllamacpp", "pymilvus"),
    *("gradio", "gradio_client", "fastapi", "starlette", "huggingface_hub", "pandas"),
}
# the network itself, and the parts of the page; only their own package imports them
HEAVY_ROOMS = {
    "composer.models.xcomposer.decoding",
    "composer.models.xcomposer.network",
    "ui.api",
    "ui.chat",
    "ui.drafts",
    "ui.gallery",
    "ui.lasting",
    "ui.mcp",
    "ui.models",
    "ui.write",
}
COMMANDS = ["ui.launch.command", "composer.pipeline"]  # the first is all commands
MOST_FILES, MOST_LINES = 12, 400


def files() -> list[Path]:
    return sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def rooms() -> list[str]:
    """Every folder of Python files, as Python names it."""
    return [".".join(path.parent.parts) for path in files() if path.name == "__init__.py"]


def wall(importer: str, imported: str, rooms: set[str]) -> str | None:
    """The outermost room that holds `imported` and not `importer`; a package's own files stand before every wall."""
    parts = imported.split(".")
    for depth in range(2, len(parts) + 1):
        room = ".".join(parts[:depth])
        if room in rooms and not f"{importer}.".startswith(f"{room}."):
            return room
    return None


def test_the_wall_is_the_outermost_one() -> None:
    known = {"a", "a.b", "a.b.c"}
    assert wall("x.y", "a.b.c.file", known) == "a.b"
    assert wall("a.file", "a.b.c.file", known) == "a.b"
    assert wall("a.b.file", "a.b.c.file", known) == "a.b.c"
    assert wall("a.bc", "a.b.file", known) == "a.b"
    assert wall("a.b.c.other", "a.b.c.file", known) is None
    assert wall("x.y", "a.file", known) is None


def test_a_room_is_entered_through_what_it_exports() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None, exclude_type_checking_imports=False)
    known = set(rooms())
    past = [
        f"{importer} imports {imported}, past {room}"
        for importer in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
        if (room := wall(importer, imported, known)) is not None
        and imported not in known  # a room within the room
        and imported.rpartition(".")[2] not in importlib.import_module(room).__all__  # a file that it offers whole
    ]
    assert past == []


def test_importing_a_room_loads_nothing_heavy() -> None:
    """So that a command answers at once and the page is up before a model is."""
    light = [*(room for room in rooms() if room not in HEAVY_ROOMS), *COMMANDS]
    looked_at = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL.format(rooms=light, heavy=HEAVY)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked_at.returncode == 0, looked_at.stderr


IMPORT_ALL = """
import importlib, sys
for room in {rooms}:
    importlib.import_module(room)
    loaded = sorted({heavy} & set(sys.modules))
    assert not loaded, f"importing {{room}} loads {{loaded}}"
"""


@pytest.mark.parametrize("name", rooms())
def test_a_room_says_what_it_knows_and_has_what_it_exports(name: str) -> None:
    room = importlib.import_module(name)
    assert room.__doc__
    assert [export for export in getattr(room, "__all__", ()) if not hasattr(room, export)] == []


def test_a_folder_holds_few_files_and_a_file_few_lines() -> None:
    checked = [*files(), *(path.relative_to(ROOT) for path in (ROOT / "benchmarks").rglob("*.py"))]
    full = {folder: count for folder, count in Counter(path.parent for path in checked).items() if count > MOST_FILES}
    long = {path: lines for path in checked if (lines := (ROOT / path).read_bytes().count(b"\n")) > MOST_LINES}
    assert (full, long) == ({}, {})
