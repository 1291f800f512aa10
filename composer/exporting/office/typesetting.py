"""Sets pages with typst, in a process of its own: a page that never ends, or a stop, ends that process only."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.messages import Text, _
from common.resources import resource_folder
from composer.article import Language
from composer.errors import ExportFailed
from composer.exporting.job import Job
from composer.exporting.office.fonts import FontChoice, chosen_fonts

# root: typst reads no file outside of the folder; no packages are asked for, so it fetches nothing
_COMPILE = """
import sys, typst
source, form, ppi = sys.argv[1:]
try:
    made = typst.compile(source, root=".", format=form, ppi=float(ppi))
except typst.TypstError as error:
    sys.exit(str(error))
sys.stdout.buffer.write(made)
"""


def typeset(
    template: str, body: str, data: Mapping[str, Any], folder: Path, job: Job, form: Text, *, output: str = "pdf"
) -> bytes:
    """What typst makes of a template of configs/exporting followed by `body`, in typst's own markup.

    data: read by the template from data.json; no text in it is read as markup. folder: where pictures lie that the
    markup names. output: "pdf" or "png". Raises ExportFailed, ExportStopped.
    """
    source = (resource_folder("configs") / "exporting" / template).read_text("utf-8")
    (folder / "main.typ").write_text(f"{source}\n{body}\n", encoding="utf-8")
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    return job.run([sys.executable, "-P", "-c", _COMPILE, "main.typ", output, "144"], folder, form=form)


def fonts_for(texts: list[str], language: Language, form: Text) -> FontChoice:
    """Fonts for these texts. Raises ExportFailed where typst or a font is missing."""
    try:
        return chosen_fonts(texts, language, form)
    except ImportError as error:
        reason = _("the package 'typst' is missing. Install it with: pip install typst")
        raise ExportFailed(form=form, reason=reason) from error


def string(text: str) -> str:
    """The text as a string of typst's code."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
