"""From a request to the text of an article, and from one text of a section to the next: what was asked, what the
model's Markdown means, line by line, and what differs between two versions.

Knows language rules and the wording of headings; no pictures, no galleries, no engine.
"""

from common.decoding import without_controls
from composer.writing.answers import alike, clean_caption, clean_query, from_text
from composer.writing.changes import Change, accepted, compare
from composer.writing.drafting import Writer
from composer.writing.editing import LEVELS, as_markdown, as_one_line, block_markdown, inserted, joined, moved, split
from composer.writing.headings import with_headings
from composer.writing.language import is_other_language
from composer.writing.reader import ArticleReader
from composer.writing.request import (
    LONGEST_TITLE,
    MOST_CHARACTERS_A_TOKEN,
    Request,
    detect_language,
    fitting,
    is_blank,
    provisional_title,
    read_request,
)
from composer.writing.rewriting import (
    LONGEST_INSTRUCTION,
    TASKS,
    Proposal,
    RewriteDelta,
    check_rewriting,
    rewrite,
    rewrite_several,
    sampling_for,
)

__all__ = [
    "LEVELS",
    "LONGEST_INSTRUCTION",
    "LONGEST_TITLE",
    "MOST_CHARACTERS_A_TOKEN",
    "TASKS",
    "ArticleReader",
    "Change",
    "Proposal",
    "Request",
    "RewriteDelta",
    "Writer",
    "accepted",
    "alike",
    "as_markdown",
    "as_one_line",
    "block_markdown",
    "check_rewriting",
    "clean_caption",
    "clean_query",
    "compare",
    "detect_language",
    "fitting",
    "from_text",
    "inserted",
    "is_blank",
    "is_other_language",
    "joined",
    "moved",
    "provisional_title",
    "read_request",
    "rewrite",
    "rewrite_several",
    "sampling_for",
    "split",
    "with_headings",
    "without_controls",
]
