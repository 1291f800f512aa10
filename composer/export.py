"""Saves an article: a zip with Markdown and pictures, one HTML file with pictures inside, or a folder.

File names come from numbers and section ids, never from a title or a caption. Everything a person or a model wrote is
escaped. Credits and licences are written under the article.
"""

import base64
import html as html_escape
import io
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from composer import inline
from composer.article import Article, Candidate, Illustration, Section
from composer.errors import ExportError

_MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
}
# what means something at the beginning of a block only: heading, list, rule
_BLOCK_START = re.compile(r"^(?:#{1,6}(?=\s|$)|\+(?=\s|$)|-(?=[\s-]|$)|\d+[.)](?=\s|$))")
_ADDRESS = re.compile(r"(https?://[^\s<>\"]*[^\s<>\".,;:)\]·，。；）])", re.IGNORECASE)
_CREDITS = {"en": "Picture credits", "zh": "图片来源"}


def download_name(article: Article, suffix: str) -> str:
    """A file name that a browser may offer: at most 60 letters and digits of the title, without path or dots."""
    letters = unicodedata.normalize("NFKC", article.title)
    name = re.sub(r"[^\w]+", "-", letters).strip("-_")[:60].strip("-_")
    return f"{name or 'article'}{suffix}"


def markdown(article: Article, *, images: str = "images") -> str:
    """The article as Markdown; pictures lie in the folder `images` beside it."""
    blocks, names = [f"# {_heading(_escaped(article.title))}"], image_names(article)
    for section in article:
        mark = "#" * max(section.level, 2) + " " if section.kind == "heading" else ""
        blocks.append(mark + _markdown_text(section.text, heading=bool(mark)))
        if section.illustration and section.illustration.chosen:
            illustration = section.illustration
            alt = _escaped(illustration.alt or illustration.caption)
            blocks.append(f"![{alt}]({images}/{names[section.id]})")
            if illustration.caption:
                blocks.append(f"*{_escaped(illustration.caption)}*")
    notes = list(credit_lines(article))
    if notes:
        blocks.append("---\n\n" + f"**{_CREDITS[article.language]}**")
        blocks.append("\n".join(f"- {_linked(line, _escaped, '<{}>'.format)}" for line in notes))
    return "\n\n".join(blocks) + "\n"


def markdown_zip(article: Article) -> bytes:
    """A zip: article.md, article.json (with the pictures' paths inside the zip) and images/. Raises ExportError."""
    buffer, names = io.BytesIO(), image_names(article)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("article.md", markdown(article))
        archive.writestr("article.json", portable(article).to_json(indent=2))
        for section, chosen in _chosen(article):
            # pictures are compressed already
            archive.writestr(f"images/{names[section.id]}", _bytes(chosen), zipfile.ZIP_STORED)
    return buffer.getvalue()


def write_folder(article: Article, out_dir: str | Path) -> Path:
    """Writes article.md, article.json and images/ into a folder, which is made where absent; returns the folder.

    Files of these names are replaced; others in the folder are left alone. Everything is written beside its place
    first: a full disk leaves what was there. Raises ExportError.
    """
    folder, names = Path(out_dir).expanduser(), image_names(article)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as scratch:
            new = Path(scratch)
            (new / "images").mkdir()
            for section, chosen in _chosen(article):
                (new / "images" / names[section.id]).write_bytes(_bytes(chosen))
            (new / "article.json").write_text(portable(article).to_json(indent=2), encoding="utf-8")
            (new / "article.md").write_text(markdown(article), encoding="utf-8")
            (folder / "images").mkdir(exist_ok=True)
            for file in sorted(new.glob("images/*")):
                file.replace(folder / "images" / file.name)
            for name in ("article.json", "article.md"):
                (new / name).replace(folder / name)
    except OSError as error:
        raise ExportError(place=str(folder), **_reasons(error)) from error
    return folder


def portable(article: Article) -> Article:
    """The article with the pictures' paths as they are beside article.md; pictures that were only offered are left out,
    because their files do not travel with it."""
    sections, names = [], image_names(article)
    for section in article:
        illustration = section.illustration
        if illustration is not None:
            chosen = illustration.chosen
            if chosen is not None:
                chosen = replace(chosen, path=f"images/{names[section.id]}")
            illustration = replace(illustration, chosen=chosen, candidates=())
        sections.append(replace(section, illustration=illustration))
    return replace(article, sections=tuple(sections))


def image_names(article: Article) -> dict[str, str]:
    """Section id -> file name of its picture: number in the article, the id's letters and digits, the file's kind."""
    names = {}
    for number, (section, chosen) in enumerate(_chosen(article), 1):
        suffix = Path(chosen.path).suffix.lower()
        safe_id = re.sub(r"[^A-Za-z0-9]", "", section.id)[:20]
        names[section.id] = f"{number:02d}-{safe_id}{suffix if suffix in _MEDIA_TYPES else '.png'}"
    return names


def credit_lines(article: Article) -> Iterator[str]:
    """Who made which picture under which licence; pictures of one maker and licence share a line, which tells their
    numbers in the article."""
    numbers: dict[str, list[int]] = {}
    for number, (_, chosen) in enumerate(_chosen(article), 1):
        named = chosen.licence and re.search(rf"(?<![\w-]){re.escape(chosen.licence)}(?![\w-])", chosen.credit)
        licence = "" if named else chosen.licence
        line = " · ".join(part for part in (chosen.credit, licence, chosen.source) if part)
        if line:
            numbers.setdefault(line, []).append(number)
    for line, found in numbers.items():
        if article.language == "zh":
            yield f"图片 {'、'.join(map(str, found))}：{line}"
        else:
            yield f"{'Picture' if len(found) == 1 else 'Pictures'} {', '.join(map(str, found))}: {line}"


# -- HTML --------------------------------------------------------------------------------------------

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


def html(article: Article) -> str:
    """The article as one HTML file: styles and pictures inside, nothing fetched, no script. Raises ExportError."""
    language = "zh-CN" if article.language == "zh" else "en"
    title = html_escape.escape(article.title)
    body = "\n".join(block for section in article for block in _html_blocks(section))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<article>\n"
        f'<h1 dir="auto">{title}</h1>\n{body}\n{_html_footer(article)}</article>\n</body>\n</html>\n'
    )


def _html_blocks(section: Section) -> Iterator[str]:
    tag = f"h{min(max(section.level, 2), 3)}" if section.kind == "heading" else "p"
    yield f'<{tag} dir="auto">{_html_text(section.text)}</{tag}>'
    if section.illustration and section.illustration.chosen:
        yield _figure(section.illustration, section.illustration.chosen)


def _html_text(text: str) -> str:
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
    media_type = _MEDIA_TYPES.get(Path(chosen.path).suffix.lower(), "image/png")
    data = base64.b64encode(_bytes(chosen)).decode("ascii")
    alt = html_escape.escape(illustration.alt or illustration.caption)
    image = f'<img src="data:{media_type};base64,{data}" alt="{alt}">'
    if chosen.drawing:
        image = f'<div class="card">{image}</div>'
    caption = html_escape.escape(illustration.caption)
    below = f'<figcaption dir="auto">{caption}</figcaption>' if caption else ""
    return f"<figure>{image}{below}</figure>"


def _html_footer(article: Article) -> str:
    lines = [f"<li>{_linked(line, html_escape.escape, _html_link)}</li>" for line in credit_lines(article)]
    if not lines:
        return ""
    return f"<footer>{_CREDITS[article.language]}<ul>{''.join(lines)}</ul></footer>\n"


def _html_link(address: str) -> str:
    return '<a href="{0}" rel="noopener noreferrer">{0}</a>'.format(html_escape.escape(address))


# -- small things ------------------------------------------------------------------------------------


def _chosen(article: Article) -> list[tuple[Section, Candidate]]:
    return [(s, s.illustration.chosen) for s in article.illustrated if s.illustration and s.illustration.chosen]


def _bytes(chosen: Candidate) -> bytes:
    try:
        return Path(chosen.path).read_bytes()
    except OSError as error:
        raise ExportError(
            place="picture",
            reason_en=f"the picture '{chosen.caption or chosen.id}' is no longer there; choose another one",
            reason_zh=f"图片“{chosen.caption or chosen.id}”已不存在，请另选一张",
        ) from error


def _markdown_text(text: str, *, heading: bool = False) -> str:
    """A section's text with everything escaped that Markdown would read as more than bold, italic and links."""
    pieces: list[str] = []
    for span in inline.spans(text):
        escaped = _escaped(span.text)
        if span.kind == "link":
            if pieces and pieces[-1].endswith("!"):
                pieces[-1] = pieces[-1][:-1] + "\\!"  # "![label](address)" would be a picture from elsewhere
            escaped = f"[{escaped}](<{span.href}>)"
        elif span.kind != "text":
            escaped = _emphasised(span.text, "**" if span.kind == "bold" else "*")
        pieces.append(escaped)
    joined = "".join(pieces)
    return _heading(joined) if heading else _BLOCK_START.sub(_escape_start, joined.strip())


def _emphasised(text: str, stars: str) -> str:
    """The text between stars, without the punctuation at its ends: Markdown does not close "**猫砂：**" before a
    character that is no blank."""
    words = text.strip("".join({character for character in text if not character.isalnum()}))
    if not words:
        return _escaped(text)
    before, _, after = text.partition(words)
    return f"{_escaped(before)}{stars}{_escaped(words)}{stars}{_escaped(after)}"


def _heading(escaped: str) -> str:
    """A heading's words; marks at their end would be taken for the heading's own."""
    return re.sub(r"(?<=\s)(#+)$", r"\\\1", escaped)


def _escape_start(match: re.Match[str]) -> str:
    mark = match[0]
    return f"{mark[:-1]}\\{mark[-1]}" if mark[0].isdigit() else f"\\{mark}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|~]|&(?=#?\w+;))", r"\\\1", re.sub(r"\s+", " ", text))


def _linked(line: str, escape: Callable[[str], str], link: Callable[[str], str]) -> str:
    """The line, escaped, with its web addresses as links."""
    parts = _ADDRESS.split(line)  # text, address, text …
    return "".join(link(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def _reasons(error: OSError) -> dict[str, str]:
    reason = error.strerror or str(error)
    known = {28: "磁盘已满", 13: "没有写入权限", 30: "只读文件系统", 20: "路径中有一部分不是文件夹", 17: "已有同名文件"}
    return {"reason_en": reason.lower(), "reason_zh": known.get(error.errno or 0, reason)}
