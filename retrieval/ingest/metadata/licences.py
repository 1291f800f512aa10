"""Short names of licences: what stands under a picture instead of an address."""

import re

_CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/licenses/(by(?:-nc)?(?:-nd|-sa)?|nc(?:-sa)?|sa)/(\d\.\d)(?:/([a-z]{2,5}))?", re.I
)
_SPELLED = re.compile(r"\bCC[ -](BY(?:[ -]NC)?(?:[ -](?:ND|SA))?)[ -](\d\.\d)\b", re.I)
_IN_FULL = re.compile(
    r"Creative Commons Attribution"
    r"((?:[- ](?:Non-?Commercial|Share-?Alike|No-?Deriv(?:ative)?s?(?: Works)?))*) (\d\.\d)",
    re.I,
)
_KNOWN = (
    (re.compile(r"creativecommons\.org/publicdomain/zero", re.I), "CC0 1.0"),
    (re.compile(r"creativecommons\.org/(publicdomain/mark|licenses/publicdomain)", re.I), "Public Domain"),
    (re.compile(r"web\.resource\.org/cc/PublicDomain", re.I), "Public Domain"),
    (re.compile(r"gnu\.org/(copyleft|licenses)/fdl", re.I), "GFDL"),
    (re.compile(r"gnu\.org/(copyleft|licenses)/lgpl", re.I), "LGPL"),
    (re.compile(r"gnu\.org/(copyleft|licenses)/(old-licenses/)?gpl", re.I), "GPL"),
    (re.compile(r"apache\.org/licenses/LICENSE-2\.0", re.I), "Apache 2.0"),
    (re.compile(r"opensource\.org/licenses?/mit", re.I), "MIT"),
    (re.compile(r"artlibre\.org/licen[cs]e", re.I), "Free Art License"),
    (re.compile(r"^(the )?public[ -]?domain$", re.I), "Public Domain"),
)


def licence_name(text: str) -> str:
    """The short name of a licence that is written as an address or in another spelling; other text as it is."""
    if match := _CREATIVE_COMMONS.search(text):
        kind, version, country = match.groups()
        port = f" {country.upper()}" if country and country.lower() not in ("deed", "legal") else ""
        return f"CC {kind.upper()} {version}{port}"
    if match := _SPELLED.search(text):
        return f"CC {match[1].upper().replace(' ', '-')} {match[2]}"
    if match := _IN_FULL.search(text):
        terms = match[1].lower().replace("-", "")
        parts = [
            part for part, word in (("NC", "noncommercial"), ("ND", "noderiv"), ("SA", "sharealike")) if word in terms
        ]
        return f"CC {'-'.join(['BY', *parts])} {match[2]}"
    return next((name for pattern, name in _KNOWN if pattern.search(text)), text)


def is_licence(text: str) -> bool:
    """Whether this text names a licence that is known here, and not only whose the rights are."""
    return bool(_SPELLED.search(text) or _IN_FULL.search(text)) or any(
        pattern.search(text) for pattern, _name in _KNOWN
    )


def is_licence_address(text: str) -> bool:
    """Whether this is the address of a licence that is known here; a page of somebody's own terms is none."""
    return text.startswith(("http://", "https://")) and licence_name(text) != text
