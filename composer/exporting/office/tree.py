"""An article as pandoc's document tree: what our Markdown says, with figures, and nothing that could do harm.

Raw HTML, pictures of other places and addresses that are no web or mail address are left out of it, whatever the text
of a section says.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from common.messages import Text
from composer import inline
from composer.article import Article, Candidate, Illustration
from composer.exporting.job import Job
from composer.exporting.making import MAKING, made_lines
from composer.exporting.markdown import body_markdown
from composer.exporting.office.images import PreparedPicture
from composer.exporting.office.pandoc import read_markdown
from composer.exporting.pictures import CREDITS, chosen_pictures, credit_lines, image_names, linked
from composer.exporting.sections import text_without_tags

Node = dict[str, Any]
Figure = Callable[[Illustration, Candidate, str], Node]  # from illustration, picture and the name of its file

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0, which DOCX and EPUB are
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def article_tree(
    article: Article, job: Job, folder: Path, form: Text, figure: Figure, *, notes: Mapping[str, str]
) -> Node:
    """The article without its title, which is in the tree's metadata; its headings begin with level 1.

    figure: makes the block of a picture. notes: attributes of the blocks that hold credits and how it was made.
    Raises ExportFailed, ExportStopped.
    """
    tree = read_markdown(re.sub(r"\r\n?", "\n", body_markdown(article)), job, folder, form)
    names = image_names(article)
    figures: dict[str, Node] = {}
    for section, chosen in chosen_pictures(article):
        if section.illustration is not None:
            name = names[section.id]
            figures[f"images/{name}"] = figure(section.illustration, chosen, name)
    blocks = [block for found in tree["blocks"] for block in _blocks(found, figures)]
    blocks += _notes(CREDITS.text(article.language), list(credit_lines(article)), notes)
    if job.made_by:
        blocks += _notes(MAKING.text(article.language), list(made_lines(article)), notes)
    meta = {
        "title": {"t": "MetaInlines", "c": words(title_of(article))},
        "lang": {"t": "MetaString", "c": language_tag(article)},
    }
    return {"pandoc-api-version": tree["pandoc-api-version"], "meta": meta, "blocks": blocks}


def title_of(article: Article) -> str:
    """The title in one line, without characters that no document can hold."""
    return " ".join(legal(article.title).split())


def language_tag(article: Article) -> str:
    return "zh-CN" if article.language == "zh" else "en"


def legal(text: str) -> str:
    """The text without the characters that XML cannot hold: controls and halves of characters."""
    return _ILLEGAL.sub("", text)


def words(text: str) -> list[Node]:
    """Plain text as inline nodes."""
    nodes: list[Node] = []
    for word in legal(text).split():
        nodes += [{"t": "Space"}, {"t": "Str", "c": word}]
    return nodes[1:]


def alternative_text(illustration: Illustration, chosen: Candidate) -> str:
    """What a reader who cannot see the picture is told."""
    return " ".join(legal(illustration.alt or illustration.caption or chosen.caption).split())


def figure_node(illustration: Illustration, chosen: Candidate, picture: PreparedPicture) -> Node:
    """A figure with its caption."""
    attributes = ["", [], [["width", f"{round(100 * picture.share)}%"]]]
    image = {"t": "Image", "c": [attributes, words(alternative_text(illustration, chosen)), [picture.file, ""]]}
    caption = [{"t": "Plain", "c": words(illustration.caption)}] if illustration.caption.strip() else []
    return {"t": "Figure", "c": [["", [], []], [None, caption], [{"t": "Plain", "c": [image]}]]}


def _notes(heading: str, lines: list[str], attributes: Mapping[str, str]) -> list[Node]:
    """A heading and small paragraphs, in which web addresses are links."""
    if not lines:
        return []
    paragraphs = [{"t": "Para", "c": _linked_words(line)} for line in lines]
    kept = [[name, value] for name, value in attributes.items()]
    return [
        {"t": "Header", "c": [1, ["", ["unnumbered"], []], words(heading)]},
        {"t": "Div", "c": [["", ["notes"], kept], paragraphs]},
    ]


def _linked_words(line: str) -> list[Node]:
    mark = "\x00"  # text has none: it is no legal character
    pieces = linked(legal(line), str, lambda address: f"{mark}{address}{mark}").split(mark)
    nodes: list[Node] = []
    for number, piece in enumerate(pieces):
        if number % 2:
            nodes.append({"t": "Link", "c": [["", [], []], [{"t": "Str", "c": piece}], [piece, ""]]})
        elif piece:
            before = [{"t": "Space"}] if piece[0].isspace() and nodes else []
            nodes += [*before, *words(piece), *([{"t": "Space"}] if piece[-1].isspace() else [])]
    return nodes


def _blocks(block: Node, figures: Mapping[str, Node]) -> Iterator[Node]:
    """A block made safe; the paragraph of a picture is its figure."""
    if block["t"] == "Para" and block["c"] and block["c"][0]["t"] == "Image":
        shown = figures.get(block["c"][0]["c"][2][0])
        if shown is not None:
            yield shown
            return
    yield from _safe(block)


def _safe(node: Node) -> Iterator[Node]:
    """The node without what is not allowed; several nodes, or none, may stand for it."""
    kind: str = node["t"]
    content: Any = node.get("c")
    if kind == "RawInline":
        if _BREAK.fullmatch(content[1].strip()):
            yield {"t": "LineBreak"}
    elif kind == "RawBlock":
        if text := words(text_without_tags(content[1])):
            yield {"t": "Para", "c": text}
    elif kind == "Image":
        yield from _each(content[1])
    elif kind == "Link":
        label = list(_each(content[1]))
        if inline.SAFE_LINK.match(content[2][0]):
            yield {"t": "Link", "c": [["", [], []], label, [content[2][0], ""]]}
        else:
            yield from label
    elif kind == "Header":
        yield {"t": kind, "c": [max(content[0] - 1, 1), ["", [], []], list(_each(content[2]))]}
    else:
        yield {"t": kind} if content is None else {"t": kind, "c": _cleaned(content)}


def _each(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        yield from _safe(node)


def _cleaned(value: Any) -> Any:
    """What a node holds: nodes are made safe wherever they stand, texts legal."""
    if isinstance(value, str):
        return legal(value)
    if isinstance(value, dict):
        # values that are named like nodes and are none, such as alignments, come back as they are
        return {name: _cleaned(held) for name, held in value.items()}
    if isinstance(value, list):
        cleaned: list[Any] = []
        for held in value:
            if isinstance(held, dict) and "t" in held:
                cleaned += _safe(held)
            else:
                cleaned.append(_cleaned(held))
        return cleaned
    return value
