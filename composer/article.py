"""The one value that everyone passes on: an illustrated article.

All classes are frozen: an edit returns a new Article whose revision is one higher. Nothing here knows models, galleries
or pages. JSON in and out is lossless.
"""

import dataclasses
import functools
import json
import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from common.messages import Text, _
from composer.errors import ArticleUnreadable, json_problem, validation_problem

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

# of articles as JSON; grows when an older program could not read a newer file. 2: `fit` and `evidence`; 3: blocks of
# Markdown and their sources; 4: `text_changed` and `width`
SCHEMA = 4

Language = Literal["en", "zh"]
Width = Literal["half", "column", "full"]  # of a picture: half of the text's width, as wide as it suits, the whole page
WIDTHS: tuple[Width, ...] = ("half", "column", "full")
# the blocks of CommonMark and GitHub's Markdown; "other" is what is kept as it is and not read: HTML, definitions of
# links and footnotes, pictures of an imported text
SectionKind = Literal["heading", "paragraph", "list", "quote", "code", "table", "rule", "other"]
ONE_LINE_KINDS: tuple[SectionKind, ...] = ("heading", "paragraph")  # the text of others is Markdown of several lines
_ILLUSTRATED: tuple[SectionKind, ...] = ("paragraph", "list", "quote")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a picture beside a paragraph: facts, not a judgement."""

    query: str  # the phrase that found it
    named: bool = False  # the model named the query as a thing in the paragraph
    rank: int = 0  # among what the query found, from 0
    words: tuple[str, ...] = ()  # words of the picture that stand in the paragraph
    share: float = 0.0  # of the picture's words, 0..1
    similarity: float | None = None  # cosine of query and the picture's words, -1..1
    of_title: bool = False  # all of the picture's words stand in the article's title, in either language
    yes: float | None = None  # the model's probability that the picture fits, 0..1
    of_place: bool = False  # the paragraph only says with them where something is: the chair that somebody sits on
    language: Language = "en"  # of the paragraph


@dataclass(frozen=True, slots=True)
class Candidate:
    """One picture that could stand in an illustration's place."""

    id: str  # the gallery's id of the picture; "upload-<sha256 prefix>" for a person's own file
    path: str  # absolute path of a picture file on this machine that can be shown as it is
    caption: str = ""  # what the gallery knows about it, in the gallery's words
    score: float = 0.0  # the gallery's relevance, higher is better; comparable within one search only
    share: float | None = None  # the model's probability for this one among its candidates, 0..1
    fit: float | None = None  # probability that a careful reader finds it fitting there, 0..1
    evidence: Evidence | None = None  # what `fit` was computed from
    credit: str = ""  # who made it, as it must be shown
    licence: str = ""  # short name, e.g. "CC BY-SA 4.0"
    source: str = ""  # web page of the picture, if any
    approximate: bool = False  # the caption was guessed by an image classifier
    drawing: bool = False  # a drawn icon: shown on a tinted card, not across the column
    likely: bool = True  # False: the gallery itself says that it is hardly what was searched for


@dataclass(frozen=True, slots=True)
class Illustration:
    """A place for a picture under a section: what it should show, what was offered, what was chosen."""

    caption: str  # one line under the picture, in the article's language
    query: str = ""  # the phrase the gallery is searched with; English where the gallery reads only English
    alt: str = ""  # what a reader who cannot see the picture is told; the caption where empty
    candidates: tuple[Candidate, ...] = ()
    chosen: Candidate | None = None
    by_hand: bool = False  # a person chose picture or caption: planning again keeps it
    text_changed: bool = False  # other words stand in its section than when the picture was chosen
    width: Width = "column"


@dataclass(frozen=True, slots=True)
class Section:
    """One block of an article, with at most one illustration, which stands after it."""

    id: str  # "s1", "s2" …: unique within the article and stable across edits
    # headings and paragraphs: plain text with limited inline Markdown (bold, italic, links), no line breaks; other
    # kinds: the block's Markdown, lines ending with "\n", none at the end
    text: str
    kind: SectionKind = "paragraph"
    level: int = 0  # of headings: 2 or 3 where a model wrote them, 1 to 6 where a person did; 0 for other kinds
    illustration: Illustration | None = None
    looked_for: tuple[str, ...] = ()  # what a picture was searched with here, and none stands
    source: str = ""  # an imported block exactly as it was written, without its last line end; empty once edited
    gap: str | None = None  # line end and empty lines after an imported block, exactly; None: as an export likes it

    @property
    def one_line(self) -> bool:
        """Whether `text` is one line for a reader; otherwise it is Markdown of several."""
        return self.kind in ONE_LINE_KINDS

    @property
    def illustratable(self) -> bool:
        """Whether a picture may be looked for after this section."""
        return self.kind in _ILLUSTRATED

    def with_text(self, text: str) -> "Section":
        """The section with another text; a picture that was chosen for other words is marked."""
        return replace(self, text=text, source="", illustration=self.illustration_beside(text))

    def illustration_beside(self, text: str) -> Illustration | None:
        """The illustration when `text` takes the place of the section's: marked where the words are others."""
        shown = self.illustration
        if shown is None or shown.chosen is None or _letters(text) == _letters(self.text):
            return shown
        return replace(shown, text_changed=True)


@dataclass(frozen=True, slots=True)
class Imported:
    """What stood above the sections of an imported Markdown file, exactly."""

    before: str = ""  # all above the title: byte order mark, front matter, comments, empty lines
    title: str | None = ""  # the block that is the title, without its last line end; "": none is; None: was edited
    gap: str = ""  # line end and empty lines after the title


@dataclass(frozen=True, slots=True)
class Article:
    """A title and its sections in order."""

    title: str
    sections: tuple[Section, ...] = ()
    language: Language = "en"
    model: str = ""  # name of the model that wrote it
    revision: int = 0  # grows by one with each edit
    parameters: dict[str, Any] = field(default_factory=dict)  # how it was made: sampling, number of pictures, seed
    imported: Imported | None = None  # of a text that a person brought

    def __iter__(self) -> Iterator[Section]:
        return iter(self.sections)

    def section(self, section_id: str) -> Section:
        """The section of that id. Raises KeyError."""
        for section in self.sections:
            if section.id == section_id:
                return section
        raise KeyError(section_id)

    @property
    def illustrated(self) -> tuple[Section, ...]:
        """The sections that carry an illustration, in order."""
        return tuple(section for section in self.sections if section.illustration is not None)

    @property
    def credits(self) -> tuple[str, ...]:
        """The credit lines of the chosen pictures, each once, in order of appearance."""
        lines = (s.illustration.chosen.credit for s in self.illustrated if s.illustration and s.illustration.chosen)
        return tuple(dict.fromkeys(line for line in lines if line))

    @property
    def used_pictures(self) -> frozenset[str]:
        """Ids of the chosen pictures: none of them is used twice."""
        return frozenset(s.illustration.chosen.id for s in self.illustrated if s.illustration and s.illustration.chosen)

    # -- edits: each returns a new article --------------------------------------------------------

    def _edited(self, sections: Sequence[Section]) -> "Article":
        return replace(self, sections=tuple(sections), revision=self.revision + 1)

    def with_sections(self, sections: Sequence[Section]) -> "Article":
        """The article with these sections in place of its own."""
        return self._edited(sections)

    def with_title(self, title: str) -> "Article":
        imported = self.imported
        if imported is not None and title != self.title:
            imported = replace(imported, title=None)
        return replace(self, title=title, imported=imported, revision=self.revision + 1)

    def with_text(self, section_id: str, text: str) -> "Article":
        """The article with another text in one section: of a heading or paragraph one line, of other kinds Markdown.

        Raises KeyError for an unknown section.
        """
        section = self.section(section_id)
        text = " ".join(text.split()) if section.one_line else _lines(text)
        return self._with_section(section if text == section.text else section.with_text(text))

    def with_illustration(self, section_id: str, illustration: Illustration | None) -> "Article":
        """The article with this illustration (None: without one) after that section. Raises KeyError."""
        return self._with_section(replace(self.section(section_id), illustration=illustration))

    def without_section(self, section_id: str) -> "Article":
        self.section(section_id)
        return self._edited([section for section in self.sections if section.id != section_id])

    def next_section_id(self) -> str:
        """An id that no section has."""
        numbers = [int(s.id[1:]) for s in self.sections if s.id[:1] == "s" and s.id[1:].isdigit()]
        return f"s{max(numbers, default=0) + 1}"

    def _with_section(self, changed: Section) -> "Article":
        return self._edited([changed if section.id == changed.id else section for section in self.sections])

    # -- JSON --------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The article as plain data. "schema" is the version of the form, `SCHEMA`."""
        return {"schema": SCHEMA, **dataclasses.asdict(self)}

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    @classmethod
    def from_dict(cls, value: Any) -> "Article":
        """The article that `to_dict` described, or that an older version did; the first had no "schema".

        Raises ArticleUnreadable, which names the field and its value, for anything else.
        """
        from pydantic import ValidationError

        if isinstance(value, dict):
            schema = value.get("schema", 1)
            if schema not in range(1, SCHEMA + 1):
                reason = _("its format is version {found}; this program reads {known}.", found=schema, known=SCHEMA)
                raise ArticleUnreadable(reason=reason)
            value = {name: one for name, one in value.items() if name != "schema"}
        try:
            return _reader().validate_python(value, extra="forbid")
        except ValidationError as error:
            raise ArticleUnreadable(reason=_problem(error)) from error

    @classmethod
    def from_json(cls, text: str) -> "Article":
        """The article of a JSON text. Raises ArticleUnreadable."""
        try:
            value = json.loads(text)
            if "\\ud" in text.lower():  # half an emoji, which no file can hold, becomes "?"
                value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:  # the latter for brackets nested a thousand deep
            raise ArticleUnreadable(reason=json_problem(error)) from error
        return cls.from_dict(value)


def _letters(text: str) -> list[str]:
    """What is left without blanks, punctuation and marks, in small letters."""
    return [character for character in text.casefold() if character.isalnum()]


def _lines(text: str) -> str:
    """Markdown of several lines without empty ones around it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines)


def _problem(error: "ValidationError") -> Text:
    """The first field that is wrong: where it stands, what is there, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "article"
    problem = validation_problem(first)
    if first["type"] == "missing":  # what pydantic calls its value is the object around it
        return _("{field}: {problem}", field=field, problem=problem)
    return _("{field} is {value}: {problem}", field=field, value=reprlib.repr(first["input"]), problem=problem)


@functools.cache
def _reader() -> "TypeAdapter[Article]":
    from pydantic import TypeAdapter

    return TypeAdapter(Article)
