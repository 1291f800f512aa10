"""What can be counted of an article's pictures: positions, repeated pictures, captions, labels. Needs no model."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.language import is_chinese
from common.messages import _
from composer import blocks, inline
from composer.article import Article, Candidate, Illustration, Section
from composer.illustrating import name_in
from composer.writing import clean_caption
from evaluation.articles.text import tokens
from evaluation.errors import DataUnusable

# a caption about the task instead of about the picture
_ABOUT_THE_TASK = re.compile(
    r"\b(?:paragraphs?|captions?|the article|as an ai|i cannot|sorry)\b"
    r"|^(?:none|unknown|n/?a|untitled|user|assistant)\b[:.]?$"
    r"|段落|本文|图注|这张图|无法|抱歉",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")

# Text of a paragraph -> names of the pictures that fit it.
Labels = Mapping[str, frozenset[str]]


def shown(article: Article) -> list[tuple[Section, Illustration, Candidate]]:
    """The sections with a picture, in order."""
    return [
        (section, section.illustration, section.illustration.chosen)
        for section in article
        if section.illustration is not None and section.illustration.chosen is not None
    ]


def picture_measures(article: Article, labels: Labels | None = None) -> dict[str, float | None]:
    """Name -> number; None where there is no picture, or no label, to count."""
    found = shown(article)
    captions = [illustration.caption for _section, illustration, _chosen in found]
    fits = [chosen.fit for _section, _illustration, chosen in found if chosen.fit is not None]
    return {
        "pictures": float(len(found)),
        "spread": spread(article),
        "after_headings": float(sum(section.kind == "heading" for section in article.illustrated)),
        "pictures_twice": float(len(found) - len({_same_file(chosen) for _s, _i, chosen in found})),
        "junk_captions": float(sum(is_junk(caption, article.language) for caption in captions) + _repeated(captions)),
        "own_fit": sum(fits) / len(fits) if fits else None,
        "labelled_fit": labelled_fit(article, labels or {}),
    }


def spread(article: Article) -> float | None:
    """How evenly the pictures part the text, 0 to 1: the entropy of the pieces' lengths over that of equal pieces.

    The text is parted behind each picture's paragraph. A picture behind the last one parts nothing.
    """
    pieces, current = [], 0
    for section in article:
        current += len(tokens(blocks.words(section)))
        if section.illustration is not None and section.illustration.chosen is not None:
            pieces.append(current)
            current = 0
    count = len(pieces)
    if not count:
        return None
    total = sum(pieces) + current
    shares = [piece / total for piece in (*pieces, current) if piece]
    return -math.fsum(share * math.log(share) for share in shares) / math.log(count + 1)


def is_junk(caption: str, language: str) -> bool:
    """Whether a line under a picture is none: empty, in the other language, about the task, or with marks to clean."""
    line = caption.strip()
    if not _LETTER.search(line) or _ABOUT_THE_TASK.search(line):
        return True
    if is_chinese(line) != (language == "zh"):
        return True
    return clean_caption(line, "zh" if language == "zh" else "en").lower() != line.rstrip(".。").lower()


def labelled_fit(article: Article, labels: Labels) -> float | None:
    """The share of pictures that people found fitting, among those beside a paragraph that was labelled."""
    judged = [
        name_in(chosen.caption, "en") in labels[text]
        for section, _illustration, chosen in shown(article)
        if (text := _key(section.text)) in labels
    ]
    return sum(judged) / len(judged) if judged else None


def read_labels(path: Path) -> dict[str, frozenset[str]]:
    """Labelled paragraphs: JSON lines with `text` and `fitting`, names of pictures. Raises DataUnusable."""
    found = {}
    number = 0
    try:
        lines = path.expanduser().read_text("utf-8-sig").splitlines()
        for number, line in enumerate(lines, 1):  # noqa: B007  # named by the error below
            if line.strip():
                item = json.loads(line)
                found[_key(item["text"])] = frozenset(map(str, item["fitting"]))
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnusable(place=path, reason=_("it cannot be read ({error}).", error=error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = _("line {line}: it has no text with a list of fitting pictures ({error}).", line=number, error=error)
        raise DataUnusable(place=path, reason=reason) from error
    return found


def _key(text: str) -> str:
    return " ".join(inline.plain(text).split())


def _repeated(captions: Sequence[str]) -> int:
    return len(captions) - len({caption.strip().lower() for caption in captions})


def _same_file(chosen: Candidate) -> str:
    """Two ids may stand for one file."""
    try:
        return hashlib.sha256(Path(chosen.path).read_bytes()).hexdigest()
    except OSError:
        return chosen.id
