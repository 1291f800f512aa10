"""Turns what a model writes into sections while it is still writing.

A language model answers in Markdown of its own taste: it repeats the title, opens with "Sure, here is your article",
numbers its paragraphs, writes lists and closes with a word count. An `ArticleReader` takes the pieces as they come and
reports headings and paragraphs; it corrects them at the end, when the text is complete. Knows no model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from common.language import HAN, HAN_RANGES
from composer import inline
from composer.article import Section
from composer.events import SectionStarted, TextDelta
from composer.models import ThoughtFilter, end_of_opened_thought
from composer.writing.lines import SHORT_ITEM, Line, LineKind, read_line, sentences, width
from composer.writing.repetition import says_nothing_new, without_echoes, without_repetitions

_ENDS = re.compile(r"[.!?…。！？][\"'”’」』）)\]*]*$")
_COLON = re.compile(r"[:：]\**$")
_CLOSERS = re.compile(
    r"^\W*(?:word count|character count|i hope (?:this|you)|let me know|feel free to (?:ask|adjust|modify|edit)"
    r"|if you (?:have any|need|would like) (?:other |more |further )?(?:questions|help|changes|assistance)"
    r"|(?:the )?end of (?:the )?article|(?:the )?end$)"
    r"|^\W*(?:字数|全文约?\d+字|希望(?:这篇|以上|本文)|以上就?是|如果(?:您|你)(?:有|需要)|[（(]?(?:全文)?完[）)]?\W*$)",
    re.IGNORECASE,
)
# what a model writes from memory below these was never read by it: names and addresses that lead nowhere
_REFERENCES = re.compile(
    r"(?:(?:list of |useful |external |recommended )?(?:references|sources|links|resources)|further reading"
    r"|bibliography|works cited|citations|参考文献|参考资料|参考链接|参考来源|资料来源|相关链接|延伸阅读|引用来源)\W*",
    re.IGNORECASE,
)
# what somebody is to fill in: "Dear [Recipient's Name],", "你好，[你的名字]"; no link and no "[1]"
_PLACEHOLDER = re.compile(
    r"\[(?:[A-Z]|(?:your|my|insert|name|date|place|city)\b)[A-Za-z'’/ ]{2,40}\](?!\()"
    r"|[\[【][^\[\]【】]{0,8}(?:姓名|名字|名称|日期|地址|城市|公司|电话)[^\[\]【】]{0,4}[\]】]"
)
_I_IN_CHINESE = re.compile(f"(?:^|(?<=[，。！？；：])) ?I(?=[{HAN_RANGES}])(?![型级类期号度代族])")
_TEMPLATE = re.compile(r"templates?\b|placeholders?\b|\bform letter|模板|模版|范本|范文|样本|格式", re.IGNORECASE)
_SIGNED = re.compile(r"[^.!?。！？]{1,40}[,，]|此致|敬礼[!！]?")  # a line above a name
_GLUED_HEADING = re.compile(r"(?<=[^\s#])[ \t]+(#{2,4})[ \t]+(?=\S)")
_MAYBE_GLUED = re.compile(r"[ \t]+#*[ \t]*$")
_ANNOUNCEMENT = re.compile(r"(?:(?<=[.!?])\s+|(?<=[。！？]))[^.!?。！？]{4,120}[:：]$")
_JOINED_UP_TO = 200  # width of a paragraph that takes in one more short list item


class ArticleReader:
    """Reads a streamed article. `feed` the pieces, then `finish`.

    The events are consistent: each TextDelta stands at the end of its section's text so far, and a section's deltas
    after its last SectionStarted, put behind the text in that event, are its text.
    """

    def __init__(
        self,
        title: str = "",
        *,
        first: int = 1,
        kept: Sequence[Section] = (),
        told: str = "",
        placeholders: bool = False,
    ) -> None:
        """`title`: the article's title, empty where the model is to find one. `first`: number of the first section.
        `kept`: what stands before, which is not to be said again. `told`: how an article is asked for, which is not to
        be said either. `placeholders`: whether "[Your Name]" stays, as in a template."""
        self._given_title, self._first, self._kept, self._told = title, first, tuple(kept), told
        self._with_placeholders = placeholders
        self._thoughts = ThoughtFilter()
        self._read_so_far = ""
        self._thought_ended = False  # one that the model's template had opened
        self._reset()

    def _reset(self) -> None:
        self.title = self._given_title  # the given title, or the one that the model wrote
        self._next = self._first
        self._sections: list[Section] = []
        self._held_back = ""  # blanks and heading marks at the end of what came
        self._line = ""  # what came since the last line end
        self._kind_known = False  # the line's kind is known
        self._continues_section = False  # what comes of it goes into the last section
        self._in_list = False  # the line before was a list item
        self._at_beginning = True  # nothing of the article has come yet
        self._lines_seen: dict[str, int] = {}
        self.repeated = ""  # id of the paragraph that a later one repeats, but for a few words

    @property
    def next_number(self) -> int:
        """Of a section that would follow."""
        return self._next

    @property
    def sections(self) -> tuple[Section, ...]:
        """What has been read so far, without a line whose kind is not known yet."""
        return tuple(self._sections)

    @property
    def looping(self) -> bool:
        """A paragraph came again with a few other words, a long line a second time, or a short one a third: the model
        has nothing more to say."""
        again = any(count >= (2 if width(line) > 80 else 3) for line, count in self._lines_seen.items())
        return again or bool(self.repeated)

    def feed(self, piece: str) -> Iterator[SectionStarted | TextDelta]:
        """The events of one more piece of text. What the model thinks aloud before the article is left out."""
        piece = self._thoughts.feed(piece)
        self._read_so_far += piece
        if not self._thought_ended and (end := end_of_opened_thought(self._read_so_far)) is not None:
            self._reset()  # all before was a thought, which the model's template had opened
            self._thought_ended, piece = True, self._read_so_far[end:]
        yield from self._read(piece)

    def _read(self, piece: str) -> Iterator[SectionStarted | TextDelta]:
        # "…end of a sentence. ## Heading": the mark may come in pieces, so what could be its beginning is held back
        before = self._line[-1:]
        piece = _GLUED_HEADING.sub(r"\n\1 ", before + self._held_back + piece.replace("\r", ""))[len(before) :]
        waiting = _MAYBE_GLUED.search(piece)
        self._held_back = waiting[0] if waiting else ""
        first, *others = piece[: len(piece) - len(self._held_back)].split("\n")
        yield from self._add_to_line(first)
        for fragment in others:
            yield from self._end_line()
            yield from self._add_to_line(fragment)

    def _add_to_line(self, fragment: str) -> Iterator[SectionStarted | TextDelta]:
        self._line += fragment
        if self._kind_known:
            if self._continues_section:
                yield from self._append(fragment)
        elif self._line.strip():
            line = read_line(self._line, complete=False, title=self.title, opening=self._at_beginning)
            if line is not None:
                self._kind_known, self._continues_section = True, line.kind in (LineKind.TEXT, LineKind.ITEM)
                yield from self._begin(line)

    def _end_line(self) -> Iterator[SectionStarted | TextDelta]:
        text, self._line = self._line.strip(), ""
        if text:
            self._lines_seen[text] = self._lines_seen.get(text, 0) + 1
            line = read_line(text, complete=True, title=self.title, opening=self._at_beginning)
            if self._kind_known and self._continues_section:
                # only the complete line shows that it is a heading
                if line is not None and line.kind is LineKind.HEADING and self._sections[-1].kind == "paragraph":
                    self._sections[-1] = replace(self._sections[-1], text=line.text, kind="heading", level=line.level)
                    yield SectionStarted(self._sections[-1])
            elif not self._kind_known and line is not None:
                yield from self._begin(line)
        self._kind_known = False
        if text and not self.repeated:
            self.repeated = self._repeated_by_last()

    def _repeated_by_last(self) -> str:
        *before, last = self._sections or [Section("", "")]
        return next((section.id for section in before if says_nothing_new(last, section)), "")

    def _begin(self, line: Line) -> Iterator[SectionStarted | TextDelta]:
        """A line whose kind is known."""
        if line.kind is LineKind.TITLE:
            if not self._given_title and not self.title:
                self.title = inline.plain(inline.clean(line.text))
            self._at_beginning = False
        elif line.kind is LineKind.HEADING:
            yield from self._end_list()
            self._at_beginning = self._in_list = False
            yield self._start(Section(self._new_id(), inline.clean(line.text), "heading", line.level))
        elif line.kind in (LineKind.TEXT, LineKind.ITEM):
            item = line.kind is LineKind.ITEM
            text = " ".join(line.text.split()) + (" " if line.text[-1:].isspace() else "")
            if item and self._joins_paragraph(text):
                yield from self._append(self._separator() + text)
            else:
                yield from self._end_list()
                yield self._start(Section(self._new_id(), ""))
                yield from self._append(text)
            self._at_beginning, self._in_list = False, item

    def _new_id(self) -> str:
        self._next += 1
        return f"s{self._next - 1}"

    def _start(self, section: Section) -> SectionStarted:
        self._sections.append(section)
        return SectionStarted(section)

    def _append(self, text: str) -> Iterator[TextDelta]:
        section = self._sections[-1]
        text = re.sub(r"\s+", " ", text.replace("`", ""))
        if not section.text or section.text.endswith(" "):
            text = text.lstrip(" ")
        if text:
            self._sections[-1] = replace(section, text=section.text + text)
            yield TextDelta(section.id, len(section.text), text)

    # -- lists become prose ------------------------------------------------------------------------

    def _joins_paragraph(self, item: str) -> bool:
        """Whether a list item goes on in the paragraph before it, which introduces the list or holds its last item."""
        last = self._sections[-1] if self._sections else None
        if last is None or last.kind != "paragraph" or width(last.text) > _JOINED_UP_TO:
            return False
        introduced = bool(_COLON.search(last.text.rstrip()))
        return (introduced or self._in_list) and width(item) <= SHORT_ITEM and not item.startswith("**")

    def _separator(self) -> str:
        text = self._sections[-1].text.rstrip()
        chinese = bool(HAN.search(text))
        if _COLON.search(text) or _ENDS.search(text):
            return "" if chinese else " "
        return "；" if chinese else "; "

    def _end_list(self) -> Iterator[TextDelta]:
        """Ends the prose made of a list with a full stop, before something else begins."""
        if self._in_list and self._sections[-1].kind == "paragraph":
            text = self._sections[-1].text.rstrip()
            if text and not _ENDS.search(text) and not _COLON.search(text):
                yield from self._append("。" if HAN.search(text) else ".")

    # -- the end -----------------------------------------------------------------------------------

    def finish(self, *, cut: bool = False) -> tuple[Section, ...]:
        """The whole article, cleaned. `cut`: the model was stopped by its token limit, so the last sentence may be
        broken and is trimmed to the last full one."""
        for _ in self._read(self._thoughts.finish()):
            pass
        if not self._held_back.isspace():
            self._line += self._held_back.lstrip()
        for _ in self._end_line():
            pass
        for _ in self._end_list():
            pass
        cleaned = [replace(s, text=_tidied(s.text)) for s in self._sections]
        cleaned = [section for section in cleaned if section.text]
        article = _without_references(without_echoes(trimmed(cleaned) if cut else cleaned, self._told))
        if not self._with_placeholders:
            article = _without_placeholders(article)
        new = _without_repeated_headings(without_repetitions(article, self._kept), self._kept)
        kept = _with_levels_from_two(_without_empty_headings(_without_closers(new)))
        if not kept and not self._kept:  # words that look like headings only are all there is: better shown than lost
            kept = [replace(section, kind="paragraph", level=0) for section in cleaned]
        return tuple(kept)


def asks_for_placeholders(request: str) -> bool:
    """Whether a template is wished for, where "[Your Name]" stays."""
    return bool(_TEMPLATE.search(request) or _PLACEHOLDER.search(request))


def trimmed(sections: list[Section]) -> list[Section]:
    """The sections without the broken last sentence. Headings at the end go, and so does a last paragraph that holds no
    full sentence, unless it is all there is."""
    kept = list(sections)
    while kept and kept[-1].kind == "heading":
        kept.pop()
    if not kept or _ENDS.search(kept[-1].text.rstrip()):
        return kept
    *whole, _broken = sentences(kept[-1].text)
    if whole:
        kept[-1] = replace(kept[-1], text="".join(whole).rstrip())
    elif any(section.kind == "paragraph" for section in kept[:-1]):
        return trimmed(kept[:-1])
    return kept


def _tidied(text: str) -> str:
    return _capitalized(_in_one_language(_without_announcement(inline.clean(text))))


def _without_announcement(text: str) -> str:
    """The text without a last sentence that announces a list ("Here are some tips:"), which became paragraphs."""
    return _ANNOUNCEMENT.sub("", text)


def _without_closers(sections: list[Section]) -> list[Section]:
    """The sections without "Word count: 300" or "I hope this helps" at the end."""
    kept = list(sections)
    while len(kept) > 1 and width(kept[-1].text) < 160 and _CLOSERS.match(kept[-1].text):
        kept.pop()
    return kept


def _without_references(sections: list[Section]) -> list[Section]:
    """The sections without lists of references: each ends where a heading of its level or a higher one begins."""
    kept: list[Section] = []
    level: int | None = None  # of the heading over the list that is being left out
    for section in sections:
        if section.kind == "heading" and (level is None or section.level <= level):
            level = section.level if _REFERENCES.fullmatch(section.text) else None
        if level is None:
            kept.append(section)
    return kept


def _without_placeholders(sections: list[Section]) -> list[Section]:
    """The sections without sentences that leave a name or a date to the reader, and without the "Sincerely," before a
    name that is left out."""
    kept: list[Section] = []
    for section in sections:
        if _PLACEHOLDER.search(section.text):
            text = "".join(s for s in sentences(section.text) if not _PLACEHOLDER.search(s)).strip()
            section = replace(section, text=text)
            if not text and kept and _SIGNED.fullmatch(kept[-1].text):
                kept.pop()
        if section.text:
            kept.append(section)
    return kept


def _without_repeated_headings(sections: list[Section], before: Sequence[Section]) -> list[Section]:
    """The sections without headings that stand already under the same higher heading; the text below them stays."""
    kept: list[Section] = []
    above: list[tuple[int, str]] = []  # level and words of the headings that a next one must not repeat
    for section in (*before, *sections):
        if section.kind == "heading":
            heading = section.level, section.text.casefold()
            is_new = heading not in above
            above = [(level, words) for level, words in above if level <= section.level]
            if is_new:
                above.append(heading)
            elif len(kept) >= len(before):
                continue
        kept.append(section)
    return kept[len(before) :]


def _in_one_language(text: str) -> str:
    """The text with 我 for "I", which a small model mixes into Chinese: capitals are left to it for "DNA"."""
    return _I_IN_CHINESE.sub("我", text)


def _capitalized(text: str) -> str:
    """The text with a capital letter where a small model begins with a small one; "iPhone" stays."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+(?![A-Za-z])", text) else text


def _without_empty_headings(sections: list[Section]) -> list[Section]:
    """The sections without headings over nothing: at the end, or before a heading of the same or a higher level."""
    kept: list[Section] = []
    for section in reversed(sections):
        below = kept[-1] if kept else None
        if section.kind == "heading" and (below is None or (below.kind == "heading" and below.level <= section.level)):
            continue
        kept.append(section)
    return kept[::-1]


def _with_levels_from_two(sections: list[Section]) -> list[Section]:
    """The sections with headings from level 2 on, where a model began with a lower one."""
    above = min((section.level for section in sections if section.kind == "heading"), default=2) - 2
    return [replace(s, level=s.level - above) if s.kind == "heading" else s for s in sections]
