"""Words as Markdown that shows them as they are: what a person typed wholly, an answer but for the tags in it."""

import functools
import re
from collections.abc import Collection, Iterator, Sequence

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
_STAND_INS = 0xF0000  # private characters, which stand for those of an answer while it is parsed
_MOST_STAND_INS = 0xFFFE
_MARKS = re.compile(r"[<$]|\\(?=[(\[])")
# between single signs of dollar as pandoc reads it: nothing is formula in "$5 or $6"; one that is opened again before
# it is closed is none, so that thousands which are never closed take no time
_FORMULA = re.compile(
    r"(?<!\\)(?:\$\$.{1,2000}?\$\$|\\\[(?:(?!(?<!\\)\\\[).){1,2000}?\\\]|\\\((?:(?!(?<!\\)\\\().){1,2000}?\\\)"
    r"|(?<![$\w])\$(?=[^\s$])(?P<line>[^$\n]{0,999}[^\s$\\])\$(?![$\w]))",
    re.DOTALL,
)


@functools.lru_cache(maxsize=256)  # all answers of the conversation are shown again with each piece of the last
def escape_tags(markdown: str) -> str:
    """An answer in which tags outside of code are text: as HTML they would be swallowed. What is code, a Markdown
    parser says, also of a block that is still streaming. Formulas between single signs of dollar get the brackets that
    the page knows."""
    code = _marks_in_code(markdown)
    shown, at = [], 0
    while (found := _FORMULA.search(markdown, at)) is not None:
        if found.start() in code:
            shown.append(_escaped(markdown, at, found.start() + 1, code))
            at = found.start() + 1
            continue
        formula = f"\\({found['line']}\\)" if found["line"] else found[0]
        shown += [_escaped(markdown, at, found.start(), code), formula.replace("<", "\\lt ")]
        at = found.end()
    return "".join([*shown, _escaped(markdown, at, len(markdown), code)])


def _escaped(markdown: str, start: int, end: int, code: Collection[int]) -> str:
    """That part of it with a backslash before each tag that is text and has none."""
    parts, at = [], start
    for found in re.finditer("<", markdown[start:end]):
        place = first = start + found.start()
        while first and markdown[first - 1] == "\\":
            first -= 1
        backslashes = place - first
        parts += [markdown[at:place], "<" if place in code or backslashes % 2 else "\\<"]
        at = place + 1
    return "".join([*parts, markdown[at:end]])


def _marks_in_code(markdown: str) -> set[int]:
    """Where in it the characters that mean something here are code."""
    if not re.search(r"[`~]| {4}|\t", markdown):
        return set()
    places = [found.start() for found in _MARKS.finditer(markdown)][:_MOST_STAND_INS]
    characters = list(re.sub("[\U000f0000-\U000fffff]", "\ufffd", markdown))
    for number, place in enumerate(places):
        characters[place] = chr(_STAND_INS + number)
    in_code = set(_code_of(_MARKDOWN.parse("".join(characters))))
    return {place for number, place in enumerate(places) if chr(_STAND_INS + number) in in_code}


def plain_answer(shown: str) -> str:
    """What a model answered, from the Markdown in which tags are text."""
    return shown.replace("\\<", "<")


def _code_of(tokens: Sequence[Token]) -> Iterator[str]:
    """The characters of code, in blocks and in lines."""
    for token in tokens:
        if token.type in ("fence", "code_block", "code_inline"):
            yield from token.content
        yield from _code_of(token.children or ())
