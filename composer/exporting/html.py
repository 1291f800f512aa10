"""An article as one HTML file: styles and pictures inside, nothing fetched, no script."""

import base64
import html as html_escape
from collections.abc import Iterator
from pathlib import Path

from composer import inline
from composer.article import Article, Candidate, Illustration, Section
from composer.exporting.pictures import CREDITS, MEDIA_TYPES, credit_lines, linked, picture_bytes

_STYLE = """
:root { color-scheme: light dark; --ink: #1d1f23; --quiet: #676c76; --paper: #fff; --card: #f1efe9; --line: #e4e2dd; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --quiet: #a2a6ae; --paper: #17181b; --card: #ece9e2; --line: #33353a; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 18px/1.75 "Source Serif 4", Georgia, "Noto Serif CJK SC", "Songti SC", serif; }
html[lang^="zh"] body { line-height: 1.9; }
article { max-width: 720px; margin: 0 auto; padding: 48px 24px 64px; overflow-wrap: anywhere; }
h1 { font-size: 38px; line-height: 1.2; margin: 0 0 32px; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 26px; line-height: 1.3; margin: 44px 0 12px; }
h3 { font-size: 21px; line-height: 1.35; margin: 32px 0 8px; }
p { margin: 0 0 20px; }
html[lang^="zh"] p { text-align: justify; }
a { color: inherit; text-underline-offset: 3px; }
figure { margin: 32px 0 36px; text-align: center; break-inside: avoid; }
figure img { max-width: 100%; height: auto; border-radius: 10px; }
figure .card { background: var(--card); border-radius: 10px; padding: 24px; width: 48%; min-width: 200px;
  margin: 0 auto; }
figure .card img { width: 100%; border-radius: 0; display: block; }
figcaption, footer { font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans CJK SC", "PingFang SC", sans-serif;
  color: var(--quiet); }
figcaption { margin-top: 10px; }
footer { margin-top: 56px; padding-top: 16px; border-top: 1px solid var(--line); }
footer ul { margin: 4px 0 0; padding-left: 20px; }
@media print { article { padding: 0; } }
""".strip()


def to_html(article: Article) -> str:
    """The article as one HTML file: styles and pictures inside, nothing fetched, no script. Raises ExportError."""
    language = "zh-CN" if article.language == "zh" else "en"
    title = html_escape.escape(article.title)
    body = "\n".join(block for section in article for block in _blocks(section))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<article>\n"
        f'<h1 dir="auto">{title}</h1>\n{body}\n{_footer(article)}</article>\n</body>\n</html>\n'
    )


def _blocks(section: Section) -> Iterator[str]:
    if section.one_line:
        tag = f"h{min(max(section.level, 2), 6)}" if section.kind == "heading" else "p"
        yield f'<{tag} dir="auto">{_text(section.text)}</{tag}>'
    else:
        yield f'<pre dir="auto">{html_escape.escape(section.text)}</pre>'
    if section.illustration and section.illustration.chosen:
        yield _figure(section.illustration, section.illustration.chosen)


def _text(text: str) -> str:
    pieces = []
    for span in inline.spans(text):
        escaped = html_escape.escape(span.text)
        if span.kind == "link":
            escaped = f'<a href="{html_escape.escape(span.href)}" rel="noopener noreferrer">{escaped}</a>'
        elif span.kind != "text":
            tag = "strong" if span.kind == "bold" else "em"
            escaped = f"<{tag}>{escaped}</{tag}>"
        pieces.append(escaped)
    return "".join(pieces)


def _figure(illustration: Illustration, chosen: Candidate) -> str:
    media_type = MEDIA_TYPES.get(Path(chosen.path).suffix.lower(), "image/png")
    data = base64.b64encode(picture_bytes(chosen)).decode("ascii")
    alt = html_escape.escape(illustration.alt or illustration.caption)
    image = f'<img src="data:{media_type};base64,{data}" alt="{alt}">'
    if chosen.drawing:
        image = f'<div class="card">{image}</div>'
    caption = html_escape.escape(illustration.caption)
    below = f'<figcaption dir="auto">{caption}</figcaption>' if caption else ""
    return f"<figure>{image}{below}</figure>"


def _footer(article: Article) -> str:
    lines = [f"<li>{linked(line, html_escape.escape, _link)}</li>" for line in credit_lines(article)]
    if not lines:
        return ""
    return f"<footer>{CREDITS.text(article.language)}<ul>{''.join(lines)}</ul></footer>\n"


def _link(address: str) -> str:
    return '<a href="{0}" rel="noopener noreferrer">{0}</a>'.format(html_escape.escape(address))
