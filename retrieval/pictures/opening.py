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
from retrieval.errors import PackageMissing, PictureUnreadable
from retrieval.pictures.drawing import BEGINNING, draw, is_drawing
from retrieval.pictures.formats import BY_NAME, FORMATS, RAW_SUFFIXES, UNREAD_SUFFIXES, missing_package, suffix_of
from retrieval.pictures.raw import raw_preview, too_many_pixels

MAX_PIXELS = 120_000_000  # beyond: refused before decoding (a 20,000 x 20,000 picture has 400 M pixels, 1.2 GB as RGB)
MAX_BYTES = 100 * 1024 * 1024
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "JXL")  # pages and layers of other formats are no frames
FRAMES_TRIED = 24  # about a second
ENOUGH_SHOWN = 0.02  # of a frame's area, that is not transparent
# what Pillow and its codecs raise for a file that is no picture, broken, or made to do harm
PILLOW_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, MemoryError, TypeError, AttributeError),
    *(ArithmeticError, LookupError, RuntimeError, struct.error),  # of codecs that trust what a header says
    Image.DecompressionBombError,
)


def load_picture(
    source: str | Path | IO[bytes] | Image.Image, *, max_pixels: int = MAX_PIXELS, enough: int = 4096
) -> Image.Image:
    """The picture as upright 8-bit RGB in sRGB: EXIF orientation applied, transparency on white, of an animation the
    first frame that shows something.

    A JPEG may come back smaller, with no side below `enough` pixels: its decoder can leave out fine detail at once. A
    vector drawing is drawn with its longer side at `enough` pixels, 512 to 1024. A camera's raw file is its preview.
    Raises PictureUnreadable for anything that is no picture, is broken, or has more than `max_pixels` pixels;
    PackageMissing where only a package is missing.
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
            check_readable(name)
            if is_drawing(_beginning(source)):
                return _as_rgb(draw(_content(source), name, enough))
            with _opened(source, name, max_pixels) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise too_many_pixels(name, width, height, max_pixels)
                _seek_full_frame(image)
                image.draft("RGB", (enough, enough))
                return _as_rgb(image)
    except PictureUnreadable:
        raise
    except ImportError as error:  # a drawing by another name
        raise PackageMissing(name=name, package="resvg-py") from error
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


def check_readable(name: str) -> None:
    """Raises PictureUnreadable for a name of a format that is not read, PackageMissing where a package would."""
    suffix = suffix_of(name)
    if suffix in UNREAD_SUFFIXES:
        raise PictureUnreadable(
            name=name,
            reason=_("pictures of the kind '{suffix}' are not read. Export it as JPEG or PNG", suffix=suffix),
        )
    if package := missing_package(name):
        raise PackageMissing(name=name, package=package)


def _opened(source: str | Path | IO[bytes], name: str, max_pixels: int) -> Image.Image:
    if suffix_of(name) in RAW_SUFFIXES:
        return raw_preview(_content(source), name, max_pixels)
    return open_picture(source)


def open_picture(source: str | Path | IO[bytes]) -> Image.Image:
    """Pillow's picture of one of FORMATS, not yet decoded. Raises what Pillow raises."""
    _know_other_formats()
    name = source if isinstance(source, (str, Path)) else getattr(source, "name", "")
    named = BY_NAME.get(suffix_of(str(name)))
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


def _seek_full_frame(image: Image.Image) -> None:
    """Turns an animation to the first frame that shows something, or to the one that shows most: many begin empty."""
    if image.format not in ANIMATED or not getattr(image, "is_animated", False):
        return
    shown: list[float] = []
    while len(shown) < FRAMES_TRIED and (not shown or shown[-1] < ENOUGH_SHOWN):
        try:
            image.seek(len(shown))
        except EOFError:
            break
        shown.append(_visible_part(image))
    image.seek(max(range(len(shown)), key=shown.__getitem__))


def _visible_part(image: Image.Image) -> float:
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return 1.0
    visible = image.convert("RGBA").getchannel("A").histogram()[128:]
    return sum(visible) / (image.width * image.height)


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
