"""An article as the bytes of one step, and back.

The whole article each time, as JSON under zlib's fastest level: 10 KB and 2 ms for 60 sections with 30 pictures
(benchmarks/saving/drafts.py). Differences between steps would be smaller, and one damaged page would take many steps
along.
"""

import functools
import zlib

from pydantic import TypeAdapter

from common.messages import _
from composer.article import SCHEMA, Article
from composer.errors import ArticleUnreadable


def pack(article: Article) -> bytes:
    """`article.to_json()`, compressed. Half an emoji, which no file can hold, becomes "?"."""
    try:
        text = _writer().dump_json(article)
    except (UnicodeEncodeError, ValueError):  # pydantic writes ten times as fast, and no half of a character
        return zlib.compress(article.to_json().encode("utf-8", "replace"), 1)
    return zlib.compress(b'{"schema":%d,' % SCHEMA + text[1:], 1)


def unpack(packed: bytes) -> Article:
    """The article of `pack`. Raises ArticleUnreadable, also for one of a newer version of this program."""
    try:
        text = zlib.decompress(packed).decode("utf-8")
    except (zlib.error, UnicodeDecodeError) as error:
        raise ArticleUnreadable(
            reason=_("this step of it is damaged ({error}). Restore an earlier one.", error=error)
        ) from error
    return Article.from_json(text)


@functools.cache
def _writer() -> TypeAdapter[Article]:
    return TypeAdapter(Article)
