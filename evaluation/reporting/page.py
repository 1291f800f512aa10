"""Tables as Markdown and as one HTML page without anything from elsewhere."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2128; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100%; }
th, td { border-bottom: 1px solid #d0d7de; padding: .35rem .6rem; text-align: left; vertical-align: top; }
tr.own td { background: #eef5ff; font-weight: 600; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
.right { color: #116329; } .wrong { color: #a40e26; } .note { color: #57606a; }
article { display: grid; grid-template-columns: 340px 1fr; gap: 1rem; border-top: 1px solid #d0d7de; padding: 1rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: inherit; }
@media (max-width: 40rem) { article { grid-template-columns: 1fr; } }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; } tr.own td { background: #14233a; }
  .right { color: #57ab5a; } .wrong { color: #f47067; } .note { color: #9198a1; }
}
"""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    own: frozenset[int] = frozenset()  # rows that were measured here
    note: str = ""

    def to_markdown(self) -> str:
        lines = [f"## {self.title}", "", *([self.note, ""] if self.note else [])]
        lines += ["| " + " | ".join(self.header) + " |", "|" + "---|" * len(self.header)]
        for number, row in enumerate(self.rows):
            cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in row]
            lines.append(
                "| " + " | ".join(f"**{cell}**" if number in self.own and cell else cell for cell in cells) + " |"
            )
        return "\n".join([*lines, ""])

    def to_html(self) -> str:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.header)
        body = "".join(
            f"<tr{' class=own' if number in self.own else ''}>"
            + "".join(f"<td>{escape(c)}</td>" for c in row)
            + "</tr>"
            for number, row in enumerate(self.rows)
        )
        note = f"<p class=note>{escape(self.note)}</p>" if self.note else ""
        return f"<h2>{escape(self.title)}</h2>{note}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_page(title: str, *parts: str) -> str:
    """A whole page; the parts are HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        + "".join(parts)
        + "</body></html>\n"
    )


def picture_tag(data: bytes, kind: str, text: str) -> str:
    """A picture within the page."""
    return f'<img alt="{escape(text)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'
