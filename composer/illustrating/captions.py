"""Captions: one line under a picture that is true of the picture and of the paragraph beside it.

A model that does not see the picture can only repeat the paragraph, of which the picture shows a part ("Fish, cooked by
the cook"): there the caption is what the picture is called.
"""

import re
import threading
from collections.abc import Sequence

from common.language import HAN, is_chinese
from composer import blocks
from composer.article import Article, Candidate, Language, Section
from composer.illustrating.evidence import name_in, words_met
from composer.illustrating.nouns import content_words, names_zh, nouns, words_in
from composer.models import Message, Model, Picture, Sampling
from composer.prompts import Prompts, RatesPictures
from composer.writing import clean_caption, clean_query, detect_language
from retrieval.base import PictureGallery
from retrieval.encoders import chinese_names

LONGEST_EN = 11  # words
LONGEST_ZH = 24  # characters
_LINE = Sampling(max_tokens=32, stop=("\n",))
_PHRASE = Sampling(max_tokens=24, stop=("\n",))
_ADDRESSES = re.compile(r"https?://\S+|(?<!\w)[#@]\w+")
_CLAUSE_END = re.compile(r"[.!?;:,–—(]\s|[。！？；：，（]")
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*")
_ABOUT_THE_TASK = re.compile(
    r"\b(?:pictures?|photo(?:graph)?s?|images?|illustrations?|drawings?|captions?|paragraphs?|sentences?|articles?|shows?|showing|depict\w*)\b"
    r"|图片|照片|图像|图中|插图|图注|段落|句子|文章|展示|显示",
    re.IGNORECASE,
)

_SMALL_ZH = "的了在是和与着里上下中前后旁边一只个位们正被把从到等有这那"  # they say nothing about a picture


def plain_caption(picture: Candidate, language: Language, text: str = "") -> str:
    """What the picture is called, as a caption in this language: by its own words, by what found it, or by the word
    that `text`, the paragraph beside it, has for it; where none is in this language, by its own words.

    Empty for what a classifier takes the picture for where nothing in the text says the same.
    """
    evidence, chinese = picture.evidence, language == "zh"
    name, query = name_in(picture.caption, language), evidence.query if evidence else ""
    said = bool(evidence and evidence.words)
    if is_chinese(name) != chinese:
        if query and is_chinese(query) == chinese and not picture.approximate:
            name = query
        elif chinese and (word := _word_for(name, text)):
            name, said = word, True
        else:
            said = False
    if picture.approximate and not said:
        return ""
    name = _shortened(name, chinese=is_chinese(name), wanted=chinese)
    return name[:1].upper() + name[1:]


def _shortened(name: str, *, chinese: bool, wanted: bool) -> str:
    """A name that fits under a picture: of texts in several languages the wanted one, without addresses and tags, and
    of a long one its first part."""
    parts = name.split(" / ")
    name = next((part for part in parts if is_chinese(part) == wanted), parts[0])
    name = " ".join(_ADDRESSES.sub(" ", name).split())
    if len(name) <= LONGEST_ZH if chinese else len(name.split()) <= LONGEST_EN:
        return name
    first = _CLAUSE_END.split(name)[0].strip()
    if first and (len(first) <= LONGEST_ZH if chinese else len(first.split()) <= LONGEST_EN):
        return first
    return f"{first[: LONGEST_ZH - 1]}…" if chinese else " ".join(first.split()[:LONGEST_EN]) + " …"


def _word_for(name: str, text: str) -> str:
    """The Chinese word of the text for what is called so in English, by the dictionary; empty where there is none."""
    own = frozenset(nouns(text, "zh"))
    for names in reversed(chinese_names(content_words(name))):  # the last word says what it is: a circus elephant
        if words := [word for word in names if word in own]:
            return max(words, key=len)
    return ""


class CaptionWriter:
    """Asks the model for captions, and for search phrases in English. Keeps no answer that is not true of both."""

    def __init__(self, model: Model, prompts: Prompts, gallery: PictureGallery, stop: threading.Event) -> None:
        self._model, self._prompts, self._gallery, self._stop = model, prompts, gallery, stop

    @property
    def sees(self) -> bool:
        """Whether the model can be shown a picture."""
        capabilities = self._model.capabilities
        return capabilities.sees_pictures and capabilities.max_pictures > 0

    def captions(self, article: Article, pictures: Sequence[tuple[Section, Candidate]]) -> list[str]:
        """The line under each picture beside its section: the model's, or the picture's name. All are asked for at
        once. Raises what the model raises."""
        lines = [plain_caption(picture, article.language, blocks.words(section)) for section, picture in pictures]
        if self._stop.is_set() or not isinstance(self._prompts, RatesPictures) or not self.sees:
            return lines
        asked: list[tuple[int, str, str]] = []  # number of the picture, its name, its sentence
        prompts: list[list[Message]] = []
        for number, (section, picture) in enumerate(pictures):
            if name := name_in(picture.caption, article.language):
                sentence = sentence_about(blocks.words(section), picture)
                opened = Picture.open(picture.path)
                asked.append((number, name, sentence))
                prompts.append(self._prompts.caption_of(name, opened, sentence, article.language))
        answers = self._model.reply(prompts, _LINE, stop=self._stop) if prompts else []
        for (number, name, sentence), answer in zip(asked, answers, strict=True):
            line = clean_caption(answer, article.language)
            if is_true_of(line, name, sentence, article.language):
                lines[number] = line
        return lines

    def in_english(self, phrase: str) -> str:
        """The phrase in English where the gallery reads English and not the phrase's language."""
        languages = self._gallery.query_languages
        if self._stop.is_set() or "en" not in languages or detect_language(phrase) in languages:
            return phrase
        (answer,) = self._model.reply([self._prompts.translate(phrase)], _PHRASE, stop=self._stop)
        return clean_query(answer) or phrase


def sentence_about(text: str, picture: Candidate) -> str:
    """The sentence of the paragraph that has most of the picture's words or of what found it; else the first."""
    sentences: list[str] = [each.strip() for each in _SENTENCE.findall(text) if each.strip()] or [text]
    query = picture.evidence.query if picture.evidence else ""
    wanted = {*picture.evidence.words, query} if picture.evidence else {query}

    def met(sentence: str) -> float:
        language: Language = "zh" if is_chinese(sentence) else "en"
        share = words_met(picture.caption, words_in(sentence, language))[1]
        return share + sum(word in sentence.lower() for word in wanted if word)

    return max(sentences, key=met)[:300]


def is_true_of(line: str, name: str, sentence: str, language: Language) -> bool:
    """Whether a caption may stand: it names what the picture is called, says nothing that the sentence does not, is
    short, speaks the language, and neither talks about the task nor gives the sentence again."""
    if not line or _ABOUT_THE_TASK.search(line):
        return False
    if language == "zh":
        own = set(HAN.findall(name)) & set(HAN.findall(line))
        strange = [character for character in HAN.findall(line) if character not in sentence + name + _SMALL_ZH]
        return (
            is_chinese(line)
            and not re.search("[A-Za-z]", line)
            and len(line) <= LONGEST_ZH
            and bool(own)
            and len(strange) <= max(1, len(line) // 4)
            and not _restates(line, sentence)
            and not names_zh(line) - names_zh(name)
        )
    words = line.split()
    known = frozenset((*content_words(sentence), *content_words(name)))
    content = content_words(line)
    return (
        not is_chinese(line)
        and len(words) <= LONGEST_EN
        and bool(frozenset(content) & frozenset(content_words(name)))
        and sum(word not in known for word in content) <= 1
        and not _restates(line, sentence)
        and not any(word[:1].isupper() for word in words[1:] if word not in name)
    )


def _restates(line: str, sentence: str) -> bool:
    """Whether a caption is most of the sentence once more. A few words of it may be the very name of what is shown."""
    return line.lower().rstrip(".。") in sentence.lower() and len(line) > len(sentence) / 2
