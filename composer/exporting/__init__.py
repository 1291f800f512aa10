"""Saving an article: Markdown, one HTML file, a zip or a folder with its pictures. Knows no models and no page."""

from composer.exporting.files import download_name, markdown_zip, portable, write_folder
from composer.exporting.html import to_html
from composer.exporting.markdown import to_markdown
from composer.exporting.pictures import credit_lines, image_names

__all__ = [
    "credit_lines",
    "download_name",
    "image_names",
    "markdown_zip",
    "portable",
    "to_html",
    "to_markdown",
    "write_folder",
]
