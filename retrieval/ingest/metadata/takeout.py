"""The JSON file that Google Takeout puts beside each picture of Google Photos."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from common.decoding import decode_text
from retrieval.ingest.metadata.programs import from_people
from retrieval.ingest.metadata.record import Metadata, cleaned, iso_date, joined_tags

_OURS = {"photoTakenTime", "creationTime", "geoData", "people", "googlePhotosOrigin", "description", "imageViews"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def takeout_words(data: bytes) -> Metadata:
    """Description, people, places and the time it was taken; nothing where it is another program's JSON."""
    try:
        found = json.loads(decode_text(data))
    except (ValueError, RecursionError):
        return Metadata()
    if not isinstance(found, dict) or "title" not in found or not _OURS & found.keys():
        return Metadata()
    people = [_text(one.get("name")) for one in _list(found.get("people")) if isinstance(one, dict)]
    places = [_text(_dict(found.get(name)).get("name")) for name in ("geoData", "location", "locationData")]
    places += [_text(_dict(one).get("name")) for one in _list(_dict(found.get("enrichments")).get("places"))]
    return Metadata(
        caption=from_people(_text(found.get("description"))),  # Google fills it from the picture
        tags=joined_tags([*people, *places]),
        date=_taken(_dict(found.get("photoTakenTime")).get("timestamp")),
    )


def _text(value: object) -> str:
    return cleaned(value if isinstance(value, str) else "")


def _taken(timestamp: object) -> str:
    try:
        seconds = int(str(timestamp)[:20])
        return iso_date((_EPOCH + timedelta(seconds=seconds)).isoformat()) if seconds else ""
    except (ValueError, OverflowError):
        return ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
