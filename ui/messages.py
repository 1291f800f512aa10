"""Messages on their way to a view that a script draws: as JSON text, which the script reads with JSON.parse.

Of an object that a running function gives, Gradio sends what differs from the one before, and takes the wrong elements
away from lists that lie in lists (gradio.utils.diff of Gradio 6.31 moves the places of their deletions twice). The
browser then held another message than was sent, or broke off the stream: articles came without their end.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any


def as_text(message: Any) -> Any:
    """The message as JSON text, without "<", since it is the value of an HTML component, though never taken for HTML.

    What only tells Gradio to change nothing (`gr.skip()`) stays.
    """
    return message if "__type__" in message else json.dumps(message, ensure_ascii=False).replace("<", "\\u003c")


def sends_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or generator function, with its messages as text."""
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def texts(*arguments: Any) -> Iterator[Any]:
            for message in function(*arguments):
                yield as_text(message)

        return texts

    @wraps(function)
    def text(*arguments: Any) -> Any:
        return as_text(function(*arguments))

    return text
