"""From a request to the text of an article: what was asked, and what the model's Markdown means, line by line.

Knows language rules and the wording of headings; no pictures, no galleries, no engine.
"""

from common.decoding import without_controls
from composer.writing.answers import alike, clean_caption, clean_query, from_text
from composer.writing.headings import with_headings
from composer.writing.reader import ArticleReader
from composer.writing.request import (
    LONGEST_TITLE,
    MOST_CHARACTERS_A_TOKEN,
    Request,
    detect_language,
    fitting,
    is_blank,
    read_request,
)

__all__ = [
    "LONGEST_TITLE",
    "MOST_CHARACTERS_A_TOKEN",
    "ArticleReader",
    "Request",
    "alike",
    "clean_caption",
    "clean_query",
    "detect_language",
    "fitting",
    "from_text",
    "is_blank",
    "read_request",
    "with_headings",
    "without_controls",
]
