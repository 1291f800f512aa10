"""The errors that a person may read.

ReadableError
├── TypedTextUnreadable                 an argument of the command line
├── retrieval.errors.RetrievalError     pictures, galleries and their encoders
└── composer.errors.ComposerError       articles, conversations, models and settings
"""

import traceback
from collections.abc import Callable
from typing import ClassVar

from common.messages import Text, _, _plain


class ReadableError(Exception):
    """An error whose text is meant for the person at the screen: it names the thing, the bad value and the way out.

    A subclass has one `sentence` with named fields; an instance gives their values, or a sentence of its own:

        raise PictureUnreadable(name="a.png", reason=_("it is empty."))
        raise InputError(_("The title has {length} characters; at most {limit} can be used."), length=90, limit=80)
    """

    sentence: ClassVar[Text] = Text("{reason}")

    def __init__(self, sentence: Text | None = None, /, **values: object) -> None:
        self.message = (sentence or self.sentence).filled(**_plain(values))
        self.values = dict(self.message.values)
        super().__init__(self.message.text())

    def __reduce__(self) -> tuple[Callable[..., "ReadableError"], tuple[type["ReadableError"], Text]]:
        return _rebuilt, (type(self), self.message)  # it comes out of worker processes

    def text(self, language: str = "en") -> str:
        """The sentence in `language`."""
        return self.message.text(language)


class TypedTextUnreadable(ReadableError):
    sentence = _(
        "The text '{text}' cannot be read: it is not in {encoding}, the encoding of this terminal. Type it again, or "
        "give it on standard input."
    )


def release_locals(error: BaseException) -> None:
    """Lets go of what the functions that an error came through still hold, those of its causes included.

    Who keeps an error in order to show it would otherwise keep what had been made until then: a model half loaded.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            waiting += [one.__cause__, one.__context__]


def _rebuilt(kind: type[ReadableError], message: Text) -> ReadableError:
    return kind(message)
