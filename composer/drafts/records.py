"""What is told about drafts: plain values."""

from dataclasses import dataclass
from pathlib import Path

from common.messages import Text, _
from composer.article import Article


@dataclass(frozen=True, slots=True)
class Summary:
    """A draft as a list shows it. Times are seconds since 1970; the order of changes is the list's, not theirs."""

    id: str
    owner: str
    title: str  # its own name where it was renamed, else the article's title
    created: float
    changed: float
    archived: bool
    deleted: bool
    step: int  # names its present content: no two contents of a draft have the same number
    words: int
    pictures: int
    picture: Path | None  # the first picture that stands in it


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft with its article. The pictures that stand in it are files of the data folder."""

    summary: Summary
    article: Article
    can_undo: bool
    can_redo: bool
    left: str = ""  # what was still being done when it was saved, "write" or "illustrate"; empty where nothing was

    @property
    def id(self) -> str:
        return self.summary.id

    @property
    def step(self) -> int:
        return self.summary.step


@dataclass(frozen=True, slots=True)
class Version:
    """A step that a person gave a name, or any step of the history (`name` is empty then)."""

    step: int
    name: str
    what: str  # the kind of change that led to it: "write", "text", "undo" …
    at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Recovered:
    """A damaged file of drafts was replaced by what could be read of it."""

    drafts: int
    steps: int
    copy: Path  # the damaged file, as it was

    @property
    def sentence(self) -> Text:
        """What a person should know."""
        return _(
            "The file of drafts was damaged. What could be read was recovered: {drafts} drafts with {steps} steps. The "
            "damaged file is kept as '{copy}'.",
            drafts=self.drafts,
            steps=self.steps,
            copy=self.copy,
        )
