"""Fonts for pages that are set here: which of this machine's have the characters of an article."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.messages import Text, _
from composer.article import Language
from composer.errors import ExportFailed

# characters that no font for Western languages has: Han, kana, Hangul and their punctuation, full-width forms
_EAST_ASIAN = re.compile(
    "[\u2e80-\u2fdf\u3001-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
_SERIF = ("Source Serif 4", "Source Serif Pro", "Georgia", "Libertinus Serif")  # the last comes with typst
_SANS = (
    "Source Sans 3",
    "Helvetica Neue",
    "Helvetica",
    "Arial",
    "Noto Sans",
    "Liberation Sans",
    "Noto Sans CJK SC",
    "DejaVu Sans",
)
_MONO = ("DejaVu Sans Mono",)  # comes with typst
# of Debian and Android, macOS, Windows, and older Linux systems
_CHINESE_SERIF = (
    *("Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC", "Source Han Serif CN"),
    *("Songti SC", "STSong", "SimSun", "NSimSun", "AR PL SungtiL GB", "AR PL UMing CN"),
)
_CHINESE_SANS = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("PingFang SC", "Heiti SC", "STHeiti", "Hiragino Sans GB", "Microsoft YaHei", "SimHei"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
)
_EMOJI = ("Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji")


Family = str | dict[str, str]  # as typst takes it: a name, or a name with the characters that it is used for


@dataclass(frozen=True, slots=True)
class FontChoice:
    """Families in order of preference; typst takes the first that has a character."""

    serif: tuple[Family, ...]
    sans: tuple[Family, ...]
    mono: tuple[Family, ...]


def chosen_fonts(texts: Iterable[str], language: Language, form: Text) -> FontChoice:
    """Families of this machine for these texts; in a Chinese one, quotation marks and dashes are as wide as its signs.

    Raises ExportFailed where they have Chinese characters and no font of this machine does: it names the fonts and
    the way to get them.
    """
    here = installed_families()
    chinese_serif, chinese_sans = _here(_CHINESE_SERIF, here), _here(_CHINESE_SANS, here)
    if not chinese_serif and not chinese_sans and any(_EAST_ASIAN.search(text) for text in texts):
        raise ExportFailed(
            form=form,
            reason=_(
                "no font for Chinese characters was found. Install one of these and export again: {fonts} (Debian and "
                "Ubuntu: apt install fonts-noto-cjk; Fedora: dnf install google-noto-serif-cjk-fonts)",
                fonts=["Noto Serif CJK SC", "Source Han Serif SC", "Songti SC", "SimSun"],
            ),
        )

    def ordered(western: Sequence[str], chinese: Sequence[str]) -> tuple[Family, ...]:
        only_letters = language == "zh" and chinese
        first = [{"name": family, "covers": "latin-in-cjk"} if only_letters else family for family in western]
        return (*first, *chinese, *_here(_EMOJI, here))

    return FontChoice(
        serif=ordered(_here(_SERIF, here), chinese_serif or chinese_sans),
        sans=ordered(_here(_SANS, here) or _here(_SERIF, here), chinese_sans or chinese_serif),
        mono=ordered(_MONO, chinese_sans or chinese_serif),
    )


def installed_families() -> frozenset[str]:
    """Names of the font families of this machine and of those that come with typst. Raises ImportError."""
    import typst

    return frozenset(typst.Fonts().families())


def _here(wanted: Sequence[str], here: frozenset[str]) -> tuple[str, ...]:
    return tuple(family for family in wanted if family in here)
