"""What answers of HTTP, and the errors instead of them, say."""

from email.utils import parsedate_to_datetime

import requests


def media_type(response: requests.Response) -> str:
    """The type that an answer says it has, e.g. "image/png"; empty where it says nothing."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def time_ns(text: str) -> int:
    """A date of HTTP in ns; 0 where it is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1e9)
    except (ValueError, TypeError, OverflowError):
        return 0


def innermost(error: BaseException) -> BaseException:
    """The error that was raised first: requests wraps it twice, and its own sentences repeat addresses of objects."""
    while True:
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            return error
        error = inner


def cause_of(error: BaseException) -> str:
    """What was wrong first, in a few words."""
    first = innermost(error)
    return str(getattr(first, "strerror", None) or type(first).__name__)
