"""Files of formats that Pillow does not write, as small as they may be."""

import io
import struct

from PIL import Image


def photoshop(colour: tuple[int, int, int], size: tuple[int, int] = (16, 8)) -> bytes:
    """A Photoshop file with nothing but its flattened picture."""
    width, height = size
    planes = b"".join(bytes([value]) * (width * height) for value in colour)
    return b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3) + struct.pack(">IIIH", 0, 0, 0, 0) + planes


def dng(preview: Image.Image | None, size: tuple[int, int] = (64, 48), orientation: int = 1) -> bytes:
    """A camera's raw file (Adobe DNG): grey 16-bit sensor values, and a JPEG preview where one is given.

    TIFF 6.0 and the DNG specification: the preview is the first directory, the sensor's values are a directory below.
    """
    jpeg = io.BytesIO()
    if preview is not None:
        preview.save(jpeg, "JPEG")
    width, height = size
    pixels = struct.pack("<H", 20_000) * (width * height)
    sensor = [
        *((254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803])),
        *((273, 4, ["pixels"]), (277, 3, [1]), (278, 4, [height]), (279, 4, [len(pixels)])),
        *((33421, 3, [2, 2]), (33422, 1, [0, 1, 1, 2])),
    ]
    about = [
        *((254, 4, [1 if preview else 0]), (256, 4, [preview.width if preview else width])),
        *((257, 4, [preview.height if preview else height]), (258, 3, [8]), (259, 3, [7]), (262, 3, [6])),
        (271, 2, list(b"Maker\0")),
        *([(273, 4, ["jpeg"])] if preview else []),
        *((274, 3, [orientation]), (277, 3, [3])),
        *([(279, 4, [jpeg.tell()])] if preview else []),
        *((330, 4, ["sensor"]), (50706, 1, [1, 4, 0, 0]), (50708, 2, list(b"Maker One\0"))),
        *((50721, 10, [1, 0, 0, 0, 1, 0, 0, 0, 1]), (50778, 3, [21])),
    ]
    places = {"sensor": 8 + _length(about)}
    places["jpeg"] = places["sensor"] + _length(sensor)
    places["pixels"] = places["jpeg"] + jpeg.tell()
    return b"".join(
        (
            b"II*\0" + struct.pack("<I", 8),
            _directory(about, 8, places),
            _directory(sensor, places["sensor"], places),
            jpeg.getvalue(),
            pixels,
        )
    )


Tag = tuple[int, int, list[int | str]]
_FORMS = {1: "B", 2: "B", 3: "H", 4: "I", 10: "i"}


def _values(kind: int, values: list[int | str], places: dict[str, int]) -> bytes:
    numbers = [places.get(value, 0) if isinstance(value, str) else value for value in values]
    if kind == 10:  # signed fractions
        numbers = [part for number in numbers for part in (number, 1)]
    return struct.pack(f"<{len(numbers)}{_FORMS[kind]}", *numbers)


def _length(tags: list[Tag]) -> int:
    extra = sum(len(data) for _, kind, values in tags if len(data := _values(kind, values, {})) > 4)
    return 6 + 12 * len(tags) + extra


def _directory(tags: list[Tag], start: int, places: dict[str, int]) -> bytes:
    entries, extra = b"", b""
    after = start + 6 + 12 * len(tags)
    for tag, kind, values in tags:
        data = _values(kind, values, places)
        if len(data) > 4:
            entries += struct.pack("<HHII", tag, kind, len(values), after + len(extra))
            extra += data
        else:
            entries += struct.pack("<HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + extra
