"""Changes files inside a zip, in place and in order: documents of Word and EPUBs are zips."""

import io
import zipfile
from collections.abc import Callable, Mapping


def edited(content: bytes, edits: Mapping[str, Callable[[str], str]], *, without: str | None = None) -> bytes:
    """The zip with each named text file changed by its function; files it does not have are not made.

    without: beginning of the names of files that are left out.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            if without is not None and entry.filename.startswith(without):
                continue
            held = old.read(entry)
            edit = edits.get(entry.filename)
            new.writestr(entry, edit(held.decode()).encode() if edit else held)  # compressed as it was
    return made.getvalue()
