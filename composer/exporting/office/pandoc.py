"""Runs pandoc: in its sandbox, where it reads no file but those it is given, and with a time limit."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.messages import Text, _
from composer.errors import ExportFailed
from composer.exporting.job import Job

# what to_markdown writes: CommonMark, and the tables, struck words and tasks of GitHub's
MARKDOWN = "commonmark+pipe_tables+strikeout+task_lists"

# The sandbox reads few of the files that options name, and no option names pictures; as data: addresses they would take
# 0.6 s each. Fonts of an EPUB it reads, so pictures are named as such; an EPUB is then freed of them (book.py), and
# other formats have no fonts.
_READABLE = "--epub-embed-font"


def read_markdown(markdown: str, job: Job, folder: Path, form: Text) -> dict[str, Any]:
    """The Markdown as pandoc's document tree. Raises ExportFailed, ExportStopped."""
    made = job.run(_command("--from", MARKDOWN, "--to", "json", form=form), folder, form=form, given=markdown.encode())
    tree: dict[str, Any] = json.loads(made)
    return tree


def write_tree(
    tree: dict[str, Any],
    to: str,
    job: Job,
    folder: Path,
    form: Text,
    *,
    options: Sequence[str] = (),
    files: Sequence[str] = (),
) -> bytes:
    """The document tree in pandoc's format `to`; `files` of the folder are those that the tree and the options name.

    Raises ExportFailed, ExportStopped.
    """
    named = [word for file in files for word in (_READABLE, file)]
    command = _command("--from", "json", "--to", to, "--output", "-", *options, *named, form=form)
    return job.run(command, folder, form=form, given=json.dumps(tree).encode())


def _command(*options: str, form: Text) -> list[str]:
    return [_program(form), "--sandbox", "--quiet", *options]


def _program(form: Text) -> str:
    try:
        return _found()
    except (OSError, ImportError) as error:
        reason = _("pandoc is missing. Install it with: pip install pypandoc_binary")
        raise ExportFailed(form=form, reason=reason) from error


@functools.cache
def _found() -> str:
    """Where pandoc lies; the one of pypandoc_binary before others. Raises OSError, ImportError."""
    import pypandoc

    return str(pypandoc.get_pandoc_path())
