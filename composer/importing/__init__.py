"""A person's own text as an article, without a word changed: Markdown, plain text, Word documents, web pages.

Knows no models and no page; nothing that a text names is fetched or run.
"""

from composer.importing.files import FORMATS, LARGEST_FILE, OwnText, read_file, read_path, read_text
from composer.importing.markdown import LONGEST_TEXT, MOST_SECTIONS, from_markdown, with_appended, with_source

__all__ = [
    "FORMATS",
    "LARGEST_FILE",
    "LONGEST_TEXT",
    "MOST_SECTIONS",
    "OwnText",
    "from_markdown",
    "read_file",
    "read_path",
    "read_text",
    "with_appended",
    "with_source",
]
