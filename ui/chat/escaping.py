"""Words as Markdown that shows them as they are: what a person typed wholly, an answer but for the tags in it."""

import functools
import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

# brackets behind a backslash would begin a formula, so they are written as what HTML calls them
_ENTITIES = {mark: f"&#{ord(mark)};" for mark in "()[]"}
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])|&#(40|41|91|93);")


def escape_markdown(words: str) -> str:
    """Markdown that shows exactly these words: no mark is one, and lines keep their indentation."""
    escaped = re.sub(r"[!-/:-@\[-`{-~]", lambda mark: _ENTITIES.get(mark[0], f"\\{mark[0]}"), words)
    return re.sub(r"^[ \t]+", lambda blanks: "\u00a0" * len(blanks[0].expandtabs(4)), escaped, flags=re.MULTILINE)


def plain_words(shown: str) -> str:
    """What a person typed, from the Markdown that shows it."""
    return _ESCAPED.sub(lambda found: found[1] or chr(int(found[2])), shown).replace("\u00a0", " ")


_MARKDOWN = MarkdownIt("commonmark").disable(["html_block", "html_inline", "autolink"])
_STAND_INS = 0xF0000  # private characters, which stand for the "<" of an answer while it is parsed
_MOST_STAND_INS = 0xFFFE


@functools.lru_cache(maxsize=256)  # all answers of the conversation are shown again with each piece of the last
def escape_tags(markdown: str) -> str:
    """An answer in which tags outside of code are text: as HTML they would be swallowed. What is code, a Markdown
    parser says, also of a block that is still streaming."""
    parts = markdown.split("<", _MOST_STAND_INS)
    in_code: set[str] = set()
    if re.search(r"[`~]| {4}|\t", markdown):  # otherwise there is no code in it
        private = re.compile("[\U000f0000-\U000fffff]")
        marked = "".join(private.sub("\ufffd", part) + chr(_STAND_INS + at) for at, part in enumerate(parts))
        in_code.update(_code_of(_MARKDOWN.parse(marked)))
    escaped = []
    for at, part in enumerate(parts[:-1]):
        backslashes = len(part) - len(part.rstrip("\\"))
        text = chr(_STAND_INS + at) not in in_code and backslashes % 2 == 0  # otherwise it is escaped already
        escaped.append(f"{part}\\<" if text else f"{part}<")
    return "".join(escaped) + parts[-1]


def plain_answer(shown: str) -> str:
    """What a model answered, from the Markdown in which tags are text."""
    return shown.replace("\\<", "<")


def _code_of(tokens: Sequence[Token]) -> Iterator[str]:
    """The characters of code, in blocks and in lines."""
    for token in tokens:
        if token.type in ("fence", "code_block", "code_inline"):
            yield from token.content
        yield from _code_of(token.children or ())
