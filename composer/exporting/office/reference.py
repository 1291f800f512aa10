"""The document whose styles pandoc gives to a Word document: page, fonts, headings, captions, page numbers.

Made here from a table of styles; no document of others is used.
"""

import io
import zipfile
from dataclasses import dataclass

from composer.article import Language

NOTES_STYLE = "Notes"  # of credits and how the article was made
_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_INK, _QUIET, _LINK = "1D1F23", "676C76", "2B5A8C"


@dataclass(frozen=True, slots=True)
class Style:
    """A style of Word. Sizes are in points."""

    name: str  # as Word shows it
    id: str
    kind: str = "paragraph"  # or "character", "table"
    based_on: str = "Normal"
    size: float = 0.0  # 0: of the style it is based on
    before: float = 0.0  # space above
    after: float = -1.0  # space below; negative: of the style it is based on
    line: float = 0.0  # of a line, 1.0 is single
    bold: bool = False
    italic: bool = False
    sans: bool = False
    mono: bool = False
    color: str = ""
    centred: bool = False
    keep: bool = False  # with the next paragraph on one page
    indent: float = 0.0  # on the left
    outline: int = 0  # level of a heading, from 1


_STYLES = (
    Style("Body Text", "BodyText", after=8, line=1.35),
    # what follows a heading, a table, code or a quotation; of two spaces Word takes the larger
    Style("First Paragraph", "FirstParagraph", based_on="BodyText", before=8),
    Style("Compact", "Compact", based_on="BodyText", after=2),
    Style("Title", "Title", size=26, after=20, line=1.1, sans=True, bold=True, keep=True),
    Style("heading 1", "Heading1", size=17, before=20, after=6, line=1.15, sans=True, bold=True, keep=True, outline=1),
    Style("heading 2", "Heading2", size=14, before=16, after=4, line=1.15, sans=True, bold=True, keep=True, outline=2),
    Style("heading 3", "Heading3", size=12, before=12, after=4, line=1.15, sans=True, bold=True, keep=True, outline=3),
    Style("heading 4", "Heading4", size=11, before=10, after=4, line=1.15, sans=True, bold=True, keep=True, outline=4),
    Style(
        "heading 5", "Heading5", size=11, before=10, after=4, line=1.15, sans=True, italic=True, keep=True, outline=5
    ),
    Style(
        "heading 6", "Heading6", size=11, before=10, after=4, line=1.15, sans=True, italic=True, keep=True, outline=6
    ),
    Style("Block Text", "BlockText", based_on="BodyText", before=8, color=_QUIET, indent=18),
    Style("Source Code", "SourceCode", size=9.5, before=8, after=8, mono=True, indent=12),
    Style("Figure", "Figure", before=10, after=4, centred=True),
    Style("Captioned Figure", "CaptionedFigure", based_on="Figure", keep=True),
    Style("caption", "Caption", size=9.5, after=14, sans=True, color=_QUIET, centred=True),
    Style("Image Caption", "ImageCaption", based_on="Caption"),
    Style("Table Caption", "TableCaption", based_on="Caption", keep=True),
    Style(NOTES_STYLE, NOTES_STYLE, size=9, after=3, line=1.25, sans=True, color=_QUIET),
    Style("footer", "Footer", size=9, sans=True, color=_QUIET, centred=True),
    Style("footnote text", "FootnoteText", size=9),
    Style("Verbatim Char", "VerbatimChar", kind="character", based_on="", size=9.5, mono=True),
    Style("Hyperlink", "Hyperlink", kind="character", based_on="", color=_LINK),
)


def reference_document(language: Language) -> bytes:
    """The reference document, a .docx file, with fonts and page for articles of that language."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _files(language).items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')
    return made.getvalue()


def _files(language: Language) -> dict[str, str]:
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_WORD}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{_WORD}.styles+xml"/>'
        f'<Override PartName="/word/footer1.xml" ContentType="{_WORD}.footer+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId2" Type="{_RELATIONS}/footer" Target="footer1.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{_MAIN}" xmlns:r="{_RELATIONS}"><w:body><w:p/><w:sectPr>'
        '<w:footerReference w:type="default" r:id="rId2"/><w:pgSz w:w="11906" w:h="16838"/>'  # A4, in 1/20 point
        '<w:pgMar w:top="1417" w:right="1417" w:bottom="1417" w:left="1417" w:header="709" w:footer="709" '
        'w:gutter="0"/>'
        "</w:sectPr></w:body></w:document>",
        "word/footer1.xml": f'<w:ftr xmlns:w="{_MAIN}"><w:p><w:pPr><w:pStyle w:val="Footer"/></w:pPr>'
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> PAGE </w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>1</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p></w:ftr>',
        "word/styles.xml": _style_sheet(language),
    }


def _style_sheet(language: Language) -> str:
    spoken = '<w:lang w:val="en-US" w:eastAsia="zh-CN"/>'
    justified = '<w:jc w:val="both"/>' if language == "zh" else ""
    defaults = (
        f"<w:docDefaults><w:rPrDefault><w:rPr>{_fonts('Georgia', 'SimSun')}{_color(_INK)}{_size(11)}{spoken}</w:rPr>"
        "</w:rPrDefault><w:pPrDefault/></w:docDefaults>"
    )
    normal = (
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:qFormat/>'
        f"<w:pPr>{justified}</w:pPr></w:style>"
        '<w:style w:type="character" w:default="1" w:styleId="DefaultParagraphFont">'
        '<w:name w:val="Default Paragraph Font"/></w:style>'
        '<w:style w:type="table" w:default="1" w:styleId="TableNormal"><w:name w:val="Normal Table"/></w:style>'
    )
    table = (
        '<w:style w:type="table" w:styleId="Table"><w:name w:val="Table"/><w:basedOn w:val="TableNormal"/><w:qFormat/>'
        f"<w:tblPr><w:tblBorders>{_border('top')}{_border('bottom')}{_border('insideH')}</w:tblBorders>"
        f"<w:tblCellMar>{_margin('top', 30)}{_margin('left', 100)}{_margin('bottom', 30)}{_margin('right', 100)}"
        "</w:tblCellMar></w:tblPr>"
        '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr></w:tblStylePr></w:style>'
    )
    styles = "".join(_style(style) for style in _STYLES)
    return f'<w:styles xmlns:w="{_MAIN}">{defaults}{normal}{styles}{table}</w:styles>'


def _style(style: Style) -> str:
    """The style in the order of elements that the schema asks for."""
    fonts = _fonts("Calibri", "Microsoft YaHei") if style.sans else _fonts("Consolas", "SimSun") if style.mono else ""
    run = "".join(
        (
            fonts,
            "<w:b/><w:bCs/>" if style.bold else "",
            "<w:i/><w:iCs/>" if style.italic else "",
            _color(style.color) if style.color else "",
            _size(style.size) if style.size else "",
        )
    )
    paragraph = _paragraph(style) if style.kind == "paragraph" else ""
    based = f'<w:basedOn w:val="{style.based_on}"/>' if style.based_on else ""
    following = '<w:next w:val="BodyText"/>' if style.outline or style.id == "Title" else ""
    return (
        f'<w:style w:type="{style.kind}" w:styleId="{style.id}"><w:name w:val="{style.name}"/>{based}{following}'
        f"<w:qFormat/>{paragraph}<w:rPr>{run}</w:rPr></w:style>"
    )


def _paragraph(style: Style) -> str:
    space = {
        "before": f"{round(20 * style.before)}" if style.before else "",  # in 1/20 point
        "after": f"{round(20 * style.after)}" if style.after >= 0 else "",
        "line": f"{round(240 * style.line)}" if style.line else "",
        "lineRule": "auto" if style.line else "",
    }
    spacing = "".join(f' w:{name}="{value}"' for name, value in space.items() if value)
    alignment = "center" if style.centred else "left" if style.outline or style.sans or style.mono else ""
    parts = (
        "<w:keepNext/><w:keepLines/>" if style.keep else "",
        f"<w:spacing{spacing}/>" if spacing else "",
        f'<w:ind w:left="{round(20 * style.indent)}"/>' if style.indent else "",
        f'<w:jc w:val="{alignment}"/>' if alignment else "",
        f'<w:outlineLvl w:val="{style.outline - 1}"/>' if style.outline else "",
    )
    return f"<w:pPr>{''.join(parts)}</w:pPr>"


def _fonts(latin: str, chinese: str) -> str:
    return f'<w:rFonts w:ascii="{latin}" w:hAnsi="{latin}" w:eastAsia="{chinese}" w:cs="{latin}"/>'


def _color(color: str) -> str:
    return f'<w:color w:val="{color}"/>'


def _size(points: float) -> str:
    halves = round(2 * points)
    return f'<w:sz w:val="{halves}"/><w:szCs w:val="{halves}"/>'


def _margin(side: str, width: int) -> str:
    """width: in 1/20 point."""
    return f'<w:{side} w:w="{width}" w:type="dxa"/>'


def _border(side: str) -> str:
    return f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="{_QUIET}"/>'
