"""Opens pictures of strangers safely: one way in for uploads, folders and model inputs."""

import io
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageOps

from retrieval.errors import PictureUnreadable

MAX_PIXELS = 120_000_000  # beyond: refused before decoding (a 20,000 x 20,000 picture has 400 M pixels, 1.2 GB as RGB)
MAX_BYTES = 100 * 1024 * 1024
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "MPO", "PPM")


def load_picture(source: str | Path | IO[bytes] | Image.Image, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture as upright 8-bit RGB in sRGB: first frame, EXIF orientation applied, transparency on white.

    Raises PictureUnreadable for anything that is no picture, is broken, or has more than `max_pixels` pixels.
    """
    name = Path(str(getattr(source, "filename", None) or getattr(source, "name", source))).name
    if isinstance(source, Image.Image):
        return _as_rgb(source)
    if isinstance(source, (str, Path)) and not Path(source).is_file():
        raise PictureUnreadable(name=name, reason_en="there is no such file", reason_zh="没有这个文件")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about size (checked below) and odd metadata
            with Image.open(source, formats=FORMATS) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise PictureUnreadable(
                        name=name,
                        reason_en=f"it has {width} x {height} pixels; at most {max_pixels:,} pixels can be used. "
                        "Make it smaller first",
                        reason_zh=f"尺寸为 {width} x {height}，最多 {max_pixels:,} 像素，请先缩小",
                    )
                image.seek(0)
                image.draft("RGB", (4096, 4096))
                return _as_rgb(image)
    except PictureUnreadable:
        raise
    except Image.DecompressionBombError as error:
        raise PictureUnreadable(name=name, reason_en="it has too many pixels", reason_zh="像素过多") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, TypeError) as error:
        # Pillow's own ways of saying "no picture, or a broken one"
        raise PictureUnreadable(
            name=name,
            reason_en="it is not a picture this program can read, or the file is damaged or incomplete",
            reason_zh="不是可识别的图片，或文件已损坏、不完整",
        ) from error


def _as_rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling
        values = np.asarray(image, dtype=np.float32)
        image = Image.fromarray((values * (255 / (65535 if values.max(initial=0) > 255 else 255))).astype(np.uint8))
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


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # an unusable profile: the plain values are the best there is
    return converted if converted is not None else image
