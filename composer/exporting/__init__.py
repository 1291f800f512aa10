"""Saving an article: Markdown, web page, Word, EPUB, PDF, plain text. Knows no models and no page.

`FORMATS` are those there are; `export` saves an article in one of them, `rendered` gives the content of the file.
"""

from composer.exporting.files import (
    article_as_it_stands,
    download_name,
    markdown_zip,
    portable,
    read_article,
    write_folder,
)
from composer.exporting.formats import FORMATS, Format, export, find_format, rendered
from composer.exporting.html import to_html
from composer.exporting.markdown import section_markdown, to_markdown
from composer.exporting.pictures import credit_lines, image_names, without_missing
from composer.exporting.plain import to_text
from composer.exporting.rich import to_rich_html, to_wechat_html

__all__ = [
    "FORMATS",
    "Format",
    "article_as_it_stands",
    "credit_lines",
    "download_name",
    "export",
    "find_format",
    "image_names",
    "markdown_zip",
    "portable",
    "read_article",
    "rendered",
    "section_markdown",
    "to_html",
    "to_markdown",
    "to_rich_html",
    "to_text",
    "to_wechat_html",
    "without_missing",
    "write_folder",
]
