"""What is told about kept conversations: plain values."""

from dataclasses import dataclass
from pathlib import Path

from common.messages import Text, _
from composer.conversations.tree import Tree


@dataclass(frozen=True, slots=True)
class Parameters:
    """How the model is to answer in one conversation."""

    system: str = ""  # instructions that come before everything; empty: the program's own
    max_tokens: int = 512
    temperature: float = 0.7
    repetition_penalty: float = 1.1


@dataclass(frozen=True, slots=True)
class Material:
    """A text that the conversation is about."""

    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation as a list shows it. Times are seconds since 1970; the order of changes is the list's, not
    theirs."""

    id: str
    owner: str
    title: str  # its own name where it was renamed, else its first question
    created: float
    changed: float
    deleted: bool
    exchanges: int


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """A conversation with all that belongs to it. Its pictures are files of the data folder."""

    summary: Summary
    tree: Tree
    parameters: Parameters
    material: Material

    @property
    def id(self) -> str:
        return self.summary.id


@dataclass(frozen=True, slots=True)
class Recovered:
    """A damaged file of conversations was replaced by what could be read of it."""

    conversations: int
    exchanges: int
    copy: Path  # the damaged file, as it was

    @property
    def sentence(self) -> Text:
        """What a person should know."""
        return _(
            "The file of conversations was damaged. What could be read was recovered: {conversations} conversations "
            "with {exchanges} answers. The damaged file is kept as '{copy}'.",
            conversations=self.conversations,
            exchanges=self.exchanges,
            copy=self.copy,
        )
