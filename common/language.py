"""Which script a text is written in. Pure functions."""

import re

HAN_RANGES = r"\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # for character classes of other patterns
HAN = re.compile(f"[{HAN_RANGES}]")  # one Chinese character


def is_chinese(text: str) -> bool:
    """Whether the text holds any Chinese character."""
    return HAN.search(text) is not None
