"""Licences and rights: what stands under a picture instead of an address, and who is named instead of terms."""

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
_RESERVED = re.compile(r"[\s.,;:|/–-]*\b(all rights reserved|alle rechte vorbehalten|tous droits réservés)\b\.?", re.I)
_RESERVED_ZH = re.compile(r"[\s。，,.;]*(保留所有权利|版权所有[，,\s]*(?:翻印必究|侵权必究))[。.]?")
_TERMS = re.compile(
    r"\b(licen[cs]ed?|lizenz|reserved|permission|permitted|use|usage|free|royalty|public domain|creative commons|terms"
    r"|prohibited|CC)\b|https?://|许可|授权|使用|禁止|转载|公有领域",
    re.I,
)
_RIGHTS_MARK = re.compile(
    r"^(?:copyright|copr\.|\(c\)|©|版权所有|版权|by\b|[:：,，\s]|\d{4}(?:\s*[-–]\s*\d{2,4})?\b)+", re.I
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


def credit_and_licence(author: str, rights: str) -> tuple[str, str]:
    """(credit, licence) of a picture's author and a line about its rights, each of which may be empty.

    Such a line names a licence, terms, or whose the rights are ("Copyright Bob"), which is a credit and no licence:
    "Ann / Bob" where the rights are not the author's.
    """
    if is_licence(rights) or is_licence_address(rights):
        return author or ("" if rights == licence_name(rights) else rights), licence_name(rights)
    reserved = _RESERVED.search(rights) or _RESERVED_ZH.search(rights)
    whose = (rights[: reserved.start()] + rights[reserved.end() :]).strip() if reserved else rights
    terms = reserved[1] if reserved else ""
    if not author:
        return whose or rights, terms if whose else ""
    if _TERMS.search(whose):
        return author, rights
    holder = _RIGHTS_MARK.sub("", whose).strip()
    known = not holder or holder.casefold() in author.casefold() or author.casefold() in holder.casefold()
    return author if known else f"{author} / {holder}", terms
