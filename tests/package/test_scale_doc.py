"""The commands of docs/scale.md have the options that they are given, as far as the programs are here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """(line, options named in it) of each line of the document's code that begins with the program."""
    for block in re.findall(r"^```[a-z]*\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith(program):
                yield line, re.findall(r"(?<= )--[a-z][a-z_-]*", line.partition(" #")[0])


def known(command: Any) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def check(program: str, command: Any) -> None:
    found = list(commands(program))
    assert found
    for line, options in found:
        assert set(options) <= known(command), line


def test_indexing() -> None:
    from retrieval.cli import app

    group: Any = typer.main.get_command(app)
    check("python -m retrieval index", group.commands["index"])


def test_the_page() -> None:
    from ui.launch.command import app

    group: Any = typer.main.get_command(app)
    check("python app.py", group.commands["serve"])


def test_ray() -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="the package ray is not installed")
    check("ray start", scripts.start)
