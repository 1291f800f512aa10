"""Which files and folders are no person's pictures: by what is known of other programs, and by a person's own rules.

A person's rules are those of .gitignore, in files `.galleryignore` of any folder and given with --exclude. The nearer
file counts more than the farther, --exclude more than all files, and `!` takes back what a farther rule left out.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from common.decoding import decode_text
from common.messages import _
from retrieval.errors import RetrievalError

IGNORE_FILE = ".galleryignore"
GIVEN = "--exclude"
HIDDEN = ".*"
MAX_BYTES = 1024 * 1024
# thumbnails of NAS boxes and photo programs, recycle bins, leftovers of Mac zips; with a slash: FOLDER/NAME
OTHER_PROGRAMS = (
    *("@eaDir", "@__thumb", "#recycle", "#snapshot", "$RECYCLE.BIN", "RECYCLER", "System Volume Information"),
    *("__MACOSX", "lost+found", "Thumbs.db", "*.lrdata", "iPod Photo Cache"),
    *("*.???_original", "*.????_original"),  # what exiftool keeps of each file that it changes
    *("*.photoslibrary/resources", "*.photoslibrary/private", "*.photoslibrary/database"),
    *(".thumbnails", ".Trash*", "._*", HIDDEN),
)
_ONE_BY_ONE = [(rule, re.compile(fnmatch.translate(rule.lower()))) for rule in OTHER_PROGRAMS]
_ANY = re.compile("|".join(fnmatch.translate(rule.lower()) for rule in OTHER_PROGRAMS))


def other_programs_rule(folder: str, name: str) -> str:
    """The rule by which a file or folder called `name` in a folder of that name is left out; "" where none does."""
    forms = (name.lower(), f"{folder}/{name}".lower())
    if not any(map(_ANY.match, forms)):
        return ""
    return next(rule for rule, pattern in _ONE_BY_ONE if any(map(pattern.match, forms)))


@dataclass(frozen=True, slots=True)
class PersonsRules:
    """The rules that hold in one folder, the one that counts most first: (its name, its folder, its lines).

    Folders and files are named from the folder that is scanned on, with slashes, folders with one at their end.
    """

    layers: tuple[tuple[str, str, GitIgnoreSpec], ...] = ()

    @classmethod
    def given(cls, root: Path, globs: Sequence[str]) -> "PersonsRules":
        """Those of --exclude, for everything under `root`; a path of a folder or file in it is a rule, too.

        Raises RetrievalError for a rule that .gitignore does not know.
        """
        start = f"{root}/"
        lines = [f"/{glob.removeprefix(start)}" if glob.startswith(start) else glob for glob in globs]
        return cls(((GIVEN, "", _spec(lines)),) if lines else ())

    def within(self, folder: Path, relative: str, names: Iterable[str]) -> "PersonsRules":
        """Those that hold in a folder, also called `relative`, with files of these names.

        Raises OSError where its own file cannot be read, RetrievalError where it holds a rule that is none.
        """
        if IGNORE_FILE not in names:
            return self
        with (folder / IGNORE_FILE).open("rb") as file:
            own = (IGNORE_FILE, relative, _spec(decode_text(file.read(MAX_BYTES)).splitlines()))
        given = sum(name == GIVEN for name, _, _ in self.layers)
        return PersonsRules((*self.layers[:given], own, *self.layers[given:]))

    def rule_for(self, relative: str) -> str:
        """GIVEN or IGNORE_FILE where one of them leaves the file or folder out; "" where none does."""
        for name, start, spec in self.layers:
            found = spec.check_file(relative[len(start) :]).include
            if found is not None:
                return name if found else ""
        return ""


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError as error:
            raise RetrievalError(
                _(
                    "'{rule}' is no rule for leaving files out. Write one as in .gitignore, for example private/ or "
                    "*.png",
                    rule=line,
                )
            ) from error
    return GitIgnoreSpec.from_lines(lines)
