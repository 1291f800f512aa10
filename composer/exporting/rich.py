"""An article as HTML whose styles stand in its elements: for clipboards, and for editors that keep no style sheet."""

import html
import re
from collections.abc import Mapping

from common.messages import _
from composer.article import Article
from composer.exporting.making import MAKING, made_lines
from composer.exporting.pictures import CREDITS, credit_lines
from composer.exporting.sections import Styles, notes_html, section_blocks

REFERENCES = _("Links")  # the heading above the addresses that an article's links lead to

_SERIF = "Georgia, 'Songti SC', SimSun, serif"
_SANS = "-apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', sans-serif"
# of a document: what word processors and mail programs take over
_DOCUMENT: Styles = {
    "h1": f"font: bold 28px/1.25 {_SANS}; margin: 0 0 20px",
    "h2": f"font: bold 22px/1.3 {_SANS}; margin: 28px 0 8px",
    "h3": f"font: bold 18px/1.35 {_SANS}; margin: 22px 0 6px",
    "h4": f"font: bold 16px/1.35 {_SANS}; margin: 18px 0 6px",
    "p": f"font: 16px/1.7 {_SERIF}; margin: 0 0 14px",
    "li": f"font: 16px/1.7 {_SERIF}; margin: 0 0 4px",
    "blockquote": "margin: 0 0 14px; padding-left: 14px; border-left: 3px solid #d8d4cb; color: #4a4e57",
    "pre": "font: 14px/1.5 Consolas, monospace; background: #f4f2ee; padding: 10px 12px; white-space: pre-wrap",
    "code": "font-family: Consolas, monospace",
    "table": "border-collapse: collapse; margin: 0 0 16px",
    "th": "border-bottom: 1px solid #c4c0b8; padding: 4px 10px; text-align: left",
    "td": "border-bottom: 1px solid #e4e2dd; padding: 4px 10px",
    "figure": "margin: 20px 0; text-align: center",
    "img": "max-width: 100%; height: auto",
    "img.half": "max-width: 50%; height: auto",
    "img.full": "width: 100%; height: auto",
    "card": "width: 48%; margin: 0 auto",
    "card.half": "width: 24%; margin: 0 auto",
    "card.full": "width: 100%; margin: 0 auto",
    "figcaption": f"font: 13px/1.5 {_SANS}; color: #676c76; margin-top: 6px; text-align: center",
    "footer": f"font: 13px/1.6 {_SANS}; color: #676c76; margin-top: 28px",
}
# of WeChat's editor and those like it: a narrow column, sans serif, headings with a mark beside them
_WECHAT: Styles = {
    **_DOCUMENT,
    "h2": "font-size: 18px; font-weight: bold; line-height: 1.5; margin: 32px 0 14px; padding-left: 10px; "
    "border-left: 4px solid #3a6ea5; color: #1d1f23",
    "h3": "font-size: 16px; font-weight: bold; line-height: 1.5; margin: 24px 0 10px; color: #3a6ea5",
    "h4": "font-size: 15px; font-weight: bold; line-height: 1.5; margin: 20px 0 8px; color: #1d1f23",
    "p": "font-size: 15px; line-height: 1.9; letter-spacing: 0.5px; margin: 0 0 18px; color: #33363d; "
    "text-align: justify",
    "li": "font-size: 15px; line-height: 1.9; margin: 0 0 6px; color: #33363d",
    "strong": "color: #1d1f23; font-weight: bold",
    "figure": "margin: 24px 0; text-align: center",
    "img": "max-width: 100%; height: auto; border-radius: 6px",
    "img.half": "max-width: 50%; height: auto; border-radius: 6px",
    "img.full": "width: 100%; height: auto; border-radius: 6px",
    "figcaption": "font-size: 13px; line-height: 1.6; color: #8a8f99; margin-top: 8px; text-align: center",
    "footer": "font-size: 12px; line-height: 1.7; color: #8a8f99; margin-top: 32px",
    "sup": "font-size: 11px; color: #3a6ea5",
}
_LINK = re.compile(r'<a href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)  # as blocks.py writes them: never one in another


def to_rich_html(article: Article, *, made_by: bool = False) -> str:
    """The article as a piece of HTML for the clipboard: word processors and mail programs keep its looks.

    Pictures are inside. made_by: how the article was made stands at its end. Raises PictureGone.
    """
    title = f'<h1 dir="auto" style="{_DOCUMENT["h1"]}">{html.escape(article.title)}</h1>'
    return f"<div>{title}{_content(article, _DOCUMENT)}{_notes(article, _DOCUMENT, made_by, {})}</div>"


def to_wechat_html(article: Article, *, made_by: bool = False) -> str:
    """The article as a piece of HTML for WeChat's editor: without its title, which has a field of its own there.

    The editor drops links to other sites, so they become numbers, and their addresses stand at the end. Pictures are
    inside. made_by: how the article was made stands at its end. Raises PictureGone.
    """
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        address, label = match[1], match[2]
        if label == address:
            return label
        number = numbers.setdefault(address, len(numbers) + 1)
        return f'{label}<sup style="{_WECHAT["sup"]}">[{number}]</sup>'

    content = _LINK.sub(numbered, _content(article, _WECHAT))
    notes = _LINK.sub(r"\2", _notes(article, _WECHAT, made_by, numbers))
    return f'<section style="font-family: {_SANS}; padding: 0 8px">{content}{notes}</section>'


def _content(article: Article, styles: Styles) -> str:
    levels = {f"h{level}": styles["h4"] for level in (5, 6)}
    return "\n".join(section_blocks(article, {**styles, **levels}))


def _notes(article: Article, styles: Styles, made_by: bool, numbers: Mapping[str, int]) -> str:
    small = {"li": "margin: 0; font-size: inherit", "ul": "margin: 4px 0 12px; padding-left: 20px"}
    language = article.language
    parts = [notes_html(CREDITS.text(language), list(credit_lines(article)), small)]
    if made_by:
        parts.append(notes_html(MAKING.text(language), list(made_lines(article)), small))
    if numbers:
        items = "".join(f'<p style="margin: 0">[{number}] {address}</p>' for address, number in numbers.items())
        parts.insert(0, f"{REFERENCES.text(language)}{items}<br>")
    written = "".join(parts)
    return f'<section style="{styles["footer"]}">{written}</section>' if written else ""
