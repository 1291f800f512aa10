"""An article as a Word document, an EPUB and a PDF.

Knows pandoc, which reads our Markdown and writes the documents, and typst, which sets pages. Both run as programs of
their own, in a folder of their own, and end with the export. Knows no page and no command line.
"""

from composer.exporting.office.book import to_epub
from composer.exporting.office.pages import to_pdf
from composer.exporting.office.word import to_docx

__all__ = ["to_docx", "to_epub", "to_pdf"]
