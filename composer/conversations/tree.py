"""A conversation as a tree: a question can be answered again and can be asked in other words, and nothing is lost.

Each node is one exchange, a question with one answer. Exchanges after the same one are siblings: those that share
their question are versions of its answer, the others are other wordings of the question. One path is shown, and is what
a model is given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and one answer to it, as far as it has come."""

    question: str
    id: int = 0  # from 1 and never given twice in a conversation; 0: not in one yet
    parent: int = 0  # the exchange before it, whose id is smaller; 0: it begins the conversation
    first: int = 0  # the exchange that asked in these words first, itself unless this is another answer; 0: itself
    pictures: tuple[Path, ...] = ()
    descriptions: tuple[str, ...] = ()  # of the pictures, where the model did not see; one each
    answer: str = ""
    finished: bool = False  # False: still being answered, stopped or failed
    left_out: int = 0  # so many exchanges before it were more than the model could take beside it
    liked: bool | None = None  # what a person thinks of the answer
    model: str = ""  # name of the model that answered


@dataclass(frozen=True, slots=True)
class Tree:
    """All exchanges, and which of them are shown. An edit returns a new tree."""

    exchanges: tuple[Exchange, ...] = ()  # by their ids
    shown: Mapping[int, int] = field(default_factory=dict)  # exchange, 0 for the beginning -> what is shown after it

    def get(self, exchange_id: int) -> Exchange:
        """Raises KeyError."""
        for exchange in self.exchanges:
            if exchange.id == exchange_id:
                return exchange
        raise KeyError(exchange_id)

    @property
    def path(self) -> tuple[Exchange, ...]:
        """The exchanges that are shown, in order: after each the chosen one or, where none was chosen, the latest."""
        after = self.siblings
        path: list[Exchange] = []
        at = 0
        while siblings := after.get(at):
            chosen = self.shown.get(at)
            path.append(next((one for one in siblings if one.id == chosen), siblings[-1]))
            at = path[-1].id
        return tuple(path)

    @property
    def siblings(self) -> dict[int, list[Exchange]]:
        """Exchange, 0 for the beginning -> the exchanges that come after it, in the order in which they were asked."""
        after: dict[int, list[Exchange]] = {}
        for exchange in self.exchanges:
            after.setdefault(exchange.parent, []).append(exchange)
        return after

    def path_to(self, exchange_id: int) -> tuple[Exchange, ...]:
        """The exchanges that lead to one, and that one; none for 0. Raises KeyError."""
        path: list[Exchange] = []
        while exchange_id:
            path.insert(0, self.get(exchange_id))
            exchange_id = path[0].parent
        return tuple(path)

    @property
    def last(self) -> int:
        """Id of the last exchange that is shown; 0 for none."""
        path = self.path
        return path[-1].id if path else 0

    def with_exchange(self, exchange: Exchange) -> "Tree":
        """With this exchange in place of the one of its id, or behind all others and shown. One without an id gets
        the next."""
        if exchange.id and any(one.id == exchange.id for one in self.exchanges):
            changed = tuple(exchange if one.id == exchange.id else one for one in self.exchanges)
            return replace(self, exchanges=changed)
        number = exchange.id or 1 + max((one.id for one in self.exchanges), default=0)
        exchange = replace(exchange, id=number, first=exchange.first or number)
        return Tree((*self.exchanges, exchange), {**self.shown, exchange.parent: number})

    def showing(self, exchange_id: int) -> "Tree":
        """With that exchange shown among its siblings, and what was shown after it. Raises KeyError."""
        return replace(self, shown={**self.shown, self.get(exchange_id).parent: exchange_id})


def answers(siblings: Iterable[Exchange], exchange: Exchange) -> tuple[int, ...]:
    """Ids of the versions of an exchange's answer, its own among them. siblings: after the same one as it."""
    return tuple(one.id for one in siblings if one.first == exchange.first)


def wordings(siblings: Iterable[Exchange], exchange: Exchange) -> tuple[int, ...]:
    """Of each wording of an exchange's question the exchange that answered it last, of its own that exchange."""
    return tuple({**{one.first: one.id for one in siblings}, exchange.first: exchange.id}.values())
