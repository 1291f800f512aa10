"""Camera raw files (CR2, NEF, ARW, DNG and so on), by the preview that the camera put into them. Knows LibRaw."""

import io
from typing import TYPE_CHECKING

from PIL import Image

from common.messages import _
from retrieval.errors import PictureUnreadable

if TYPE_CHECKING:
    import rawpy

SMALLEST_PREVIEW = 512  # pixels of the longer side: below, the photograph itself is developed at half its size
_ORIENTATION = 0x0112
# how LibRaw says that a picture lies: turns that put it upright
_TURNS = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}


def raw_preview(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The preview of the largest kind, upright or with its orientation in EXIF; not yet decoded where it is a JPEG.

    A file without a preview worth the name is developed at half its size, as its camera's white balance says.
    Raises PictureUnreadable, and what Pillow raises.
    """
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            preview = _embedded(raw)
            if preview is None:
                width, height = raw.sizes.raw_width, raw.sizes.raw_height
                if width * height > max_pixels:
                    raise too_many_pixels(name, width, height, max_pixels)
                preview = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))
            return preview
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise PictureUnreadable(
            name=name,
            reason=_("it is not a camera's raw file this program can read, or the file is damaged or incomplete"),
        ) from error


def too_many_pixels(name: str, width: int, height: int, max_pixels: int) -> PictureUnreadable:
    """The error for a picture of that size."""
    return PictureUnreadable(
        name=name,
        reason=_(
            "it has {width} x {height} pixels; at most {max_pixels:,} pixels can be used. Make it smaller first",
            width=width,
            height=height,
            max_pixels=max_pixels,
        ),
    )


def _embedded(raw: "rawpy.RawPy") -> Image.Image | None:
    import rawpy

    try:
        found = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if isinstance(found.data, bytes):
        preview: Image.Image = Image.open(io.BytesIO(found.data), formats=("JPEG",))
        oriented = _ORIENTATION in preview.getexif()
    else:
        preview, oriented = Image.fromarray(found.data), False
    if max(preview.size) < min(SMALLEST_PREVIEW, max(raw.sizes.width, raw.sizes.height)):
        return None
    turn = _TURNS.get(raw.sizes.flip)
    return preview if oriented or turn is None else preview.transpose(turn)


def raw_size(data: bytes) -> tuple[int, int]:
    """Width and height of the photograph itself, upright; (0, 0) where LibRaw cannot tell."""
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            return (sizes.height, sizes.width) if sizes.flip in (5, 6) else (sizes.width, sizes.height)
    except (rawpy.LibRawError, rawpy.NotSupportedError):
        return 0, 0
