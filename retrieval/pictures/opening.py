"""Files to pixels: upright, sRGB, bounded; what cannot be opened is a sentence."""

import functools
import importlib.util
import io
import struct
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageOps

from common.messages import _
from retrieval.errors import PictureUnreadable
from retrieval.pictures.drawing import BEGINNING, draw, is_drawing

MAX_PIXELS = 120_000_000  # beyond: refused before decoding (a 20,000 x 20,000 picture has 400 M pixels, 1.2 GB as RGB)
MAX_BYTES = 100 * 1024 * 1024
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "HEIF", "JPEG2000", "ICO", "DDS", "PSD", "JXL")
BY_NAME = {".tga": "TGA"}  # nothing at its beginning says what it is
SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"),
        *(
            ".avif",
            ".heic",
            ".heif",
            ".svg",
            ".svgz",
            ".pbm",
            ".pnm",
            ".jp2",
            ".j2k",
            ".jpx",
            ".ico",
            ".dds",
            ".psd",
            ".tga",
            ".jxl",
        ),
    )
)
# what Pillow and its codecs raise for a file that is no picture, broken, or made to do harm
PILLOW_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, MemoryError, TypeError, AttributeError),
    *(ArithmeticError, LookupError, RuntimeError, struct.error),  # of codecs that trust what a header says
    Image.DecompressionBombError,
)


def load_picture(
    source: str | Path | IO[bytes] | Image.Image, *, max_pixels: int = MAX_PIXELS, enough: int = 4096
) -> Image.Image:
    """The picture as upright 8-bit RGB in sRGB: first frame, EXIF orientation applied, transparency on white.

    A JPEG may come back smaller, with no side below `enough` pixels: its decoder can leave out fine detail at once. A
    vector drawing is drawn with its longer side at `enough` pixels, 512 to 1024.
    Raises PictureUnreadable for anything that is no picture, is broken, or has more than `max_pixels` pixels.
    """
    named = (
        source if isinstance(source, (str, Path)) else getattr(source, "filename", "") or getattr(source, "name", "")
    )
    name = Path(str(named)).name or "?"
    if isinstance(source, (str, Path)) and not Path(source).is_file():
        raise PictureUnreadable(name=name, reason=_("there is no such file"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about size (checked below) and odd metadata
            if isinstance(source, Image.Image):
                return _as_rgb(source)
            if is_drawing(_beginning(source)):
                return _as_rgb(draw(_content(source), name, enough))
            with open_picture(source) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise PictureUnreadable(
                        name=name,
                        reason=_(
                            "it has {width} x {height} pixels; at most {max_pixels:,} pixels can be used. Make it "
                            "smaller first",
                            width=width,
                            height=height,
                            max_pixels=max_pixels,
                        ),
                    )
                image.seek(0)
                image.draft("RGB", (enough, enough))
                return _as_rgb(image)
    except PictureUnreadable:
        raise
    except ImportError as error:
        raise PictureUnreadable(
            name=name,
            reason=_(
                "a package for this kind of picture is missing ({error}). Install it with: pip install resvg-py",
                error=error,
            ),
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureUnreadable(
            name=name,
            reason=_(
                "it has far more than the {max_pixels:,} pixels that can be used. Make it smaller first",
                max_pixels=max_pixels,
            ),
        ) from error
    except PILLOW_ERRORS as error:
        raise PictureUnreadable(
            name=name, reason=_("it is not a picture this program can read, or the file is damaged or incomplete")
        ) from error


def open_picture(source: str | Path | IO[bytes]) -> Image.Image:
    """Pillow's picture of one of FORMATS, not yet decoded. Raises what Pillow raises."""
    _know_other_formats()
    name = source if isinstance(source, (str, Path)) else getattr(source, "name", "")
    named = BY_NAME.get(Path(str(name)).suffix.lower())
    return Image.open(source, formats=(*FORMATS, named) if named else FORMATS)


@functools.cache
def _know_other_formats() -> None:
    """Files of formats whose package is missing are answered like those of any unknown format."""
    if importlib.util.find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
    if importlib.util.find_spec("pillow_jxl") is not None:
        importlib.import_module("pillow_jxl")  # registers itself


def _beginning(source: str | Path | IO[bytes]) -> bytes:
    if isinstance(source, (str, Path)):
        with Path(source).open("rb") as file:
            return file.read(BEGINNING)
    start = source.read(BEGINNING)
    source.seek(0)
    return start


def _content(source: str | Path | IO[bytes]) -> bytes:
    return Path(source).read_bytes() if isinstance(source, (str, Path)) else source.read()


def _as_rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("La", "RGBa"):  # colours that are multiplied by their transparency already
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode[0] in "IF":
        image = _eight_bits(image)
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _to_srgb(image, profile)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.new("RGB", rgba.size, "white")
        image.paste(rgba, mask=rgba.getchannel("A"))
    if image.mode != "RGB":
        image = image.convert("RGB")
    image.load()
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of fractions in 8; Pillow's own conversion clips at 255 instead of scaling."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0)
    highest = float(values.max(initial=0))
    usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    white = next((one for one in usual if highest <= one), highest)
    return Image.fromarray((np.clip(values / white, 0, 1) * 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # an unusable profile: the plain values are the best there is
    return converted if converted is not None else image
