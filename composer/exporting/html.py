"""An article as one HTML file: styles and pictures inside, nothing fetched, no script."""

import html as html_escape

from composer.article import Article
from composer.exporting.making import MAKING, made_lines
from composer.exporting.pictures import CREDITS, credit_lines
from composer.exporting.sections import notes_html, section_blocks

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
h3, h4, h5, h6 { font-size: 21px; line-height: 1.35; margin: 32px 0 8px; }
h4, h5, h6 { font-size: 18px; }
p, ul, ol, blockquote, pre, table { margin: 0 0 20px; }
li p, blockquote p { margin: 0 0 8px; }
blockquote { padding-left: 16px; border-left: 3px solid var(--line); color: var(--quiet); }
pre, code { font: 15px/1.6 ui-monospace, "SF Mono", Consolas, "DejaVu Sans Mono", monospace; }
pre { padding: 14px 16px; border: 1px solid var(--line); border-radius: 10px; white-space: pre-wrap; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); text-align: start; }
hr { border: 0; border-top: 1px solid var(--line); width: 30%; margin: 36px auto; }
html[lang^="zh"] p { text-align: justify; }
a { color: inherit; text-underline-offset: 3px; }
figure { margin: 32px 0 36px; text-align: center; break-inside: avoid; }
figure img { max-width: 100%; height: auto; border-radius: 10px; }
figure .card { background: var(--card); border-radius: 10px; padding: 24px; width: 48%; min-width: 200px;
  margin: 0 auto; }
figure .card img { width: 100%; border-radius: 0; display: block; }
figure.half { width: max(50%, 240px); margin-left: auto; margin-right: auto; }
figure.half .card { width: 60%; min-width: 160px; }
figure.full { margin-left: calc(50% - min(50vw - 24px, 540px)); margin-right: calc(50% - min(50vw - 24px, 540px)); }
figure.full > img, figure.full .card { width: 100%; }
figcaption, footer { font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans CJK SC", "PingFang SC", sans-serif;
  color: var(--quiet); }
figcaption { margin-top: 10px; }
footer { margin-top: 56px; padding-top: 16px; border-top: 1px solid var(--line); }
footer ul { margin: 4px 0 16px; padding-left: 20px; }
@media print { article { padding: 0; } figure.full { margin-left: 0; margin-right: 0; } }
""".strip()


def to_html(article: Article, *, made_by: bool = False) -> str:
    """The article as one HTML file: styles and pictures inside, nothing fetched, no script. Raises PictureGone.

    made_by: how the article was made stands at its end.
    """
    language = "zh-CN" if article.language == "zh" else "en"
    title = html_escape.escape(article.title)
    body = "\n".join(section_blocks(article, {}))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<article>\n"
        f'<h1 dir="auto">{title}</h1>\n{body}\n{_footer(article, made_by)}</article>\n</body>\n</html>\n'
    )


def _footer(article: Article, made_by: bool = False) -> str:
    parts = [notes_html(CREDITS.text(article.language), list(credit_lines(article)), {})]
    if made_by:
        parts.append(notes_html(MAKING.text(article.language), list(made_lines(article)), {}))
    return f"<footer>{''.join(parts)}</footer>\n" if any(parts) else ""
