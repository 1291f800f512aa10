"""Formats of picture files: those that are read, and those that look like pictures and are not. Knows names only."""

import functools
import importlib.util
from pathlib import PurePath

FORMATS = (  # Pillow's names; each says at its beginning what it is
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "HEIF", "JPEG2000", "ICO", "DDS", "PSD", "JXL"),
    *("PCX", "SGI", "QOI", "ICNS", "DIB"),
)
# ending -> Pillow's name of formats that are rare, or say nothing at their beginning of what they are: a file is tried
# as one of them where its name says so
BY_NAME = {
    **dict.fromkeys((".tga", ".icb", ".vda", ".vst"), "TGA"),
    **dict.fromkeys((".spider", ".spi"), "SPIDER"),
    **dict.fromkeys((".fli", ".flc"), "FLI"),
    **dict.fromkeys((".ftc", ".ftu"), "FTEX"),
    **dict.fromkeys((".ras", ".sun"), "SUN"),
    **{f".{name.lower()}": name for name in ("BLP", "CUR", "DCX", "GBR", "IM", "MSP", "PCD", "XBM", "XPM")},
    ".pxr": "PIXAR",
}
# cameras' own files, read by the preview in them; several begin like TIFF, whose first page is a thumbnail
RAW_SUFFIXES = frozenset(
    (
        *(".3fr", ".arw", ".bay", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".k25"),
        *(".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".ori", ".pef", ".raf", ".raw", ".rw2", ".rwl"),
        *(".sr2", ".srf", ".srw", ".x3f"),
    )
)
SUFFIXES = (
    RAW_SUFFIXES
    | frozenset(BY_NAME)
    | frozenset(
        (
            *(
                ".jpg",
                ".jpeg",
                ".jpe",
                ".jfif",
                ".mpo",
                ".png",
                ".apng",
                ".webp",
                ".gif",
                ".bmp",
                ".dib",
                ".tif",
                ".tiff",
            ),
            *(
                ".avif",
                ".heic",
                ".heif",
                ".hif",
                ".svg",
                ".svgz",
                ".ppm",
                ".pgm",
                ".pbm",
                ".pnm",
                ".pfm",
                ".jp2",
                ".j2k",
            ),
            *(".j2c", ".jpc", ".jpf", ".jpx", ".ico", ".icns", ".dds", ".psd", ".jxl", ".pcx", ".sgi", ".qoi"),
            *(".avifs", ".bw", ".rgb", ".rgba"),
        )
    )
)
# pictures of other programs: left out with a reason, not silently
UNREAD_SUFFIXES = frozenset(
    (
        *(".ai", ".afdesign", ".afphoto", ".cdr", ".clip", ".cpt", ".djv", ".djvu", ".dcm", ".dpx", ".emf", ".eps"),
        *(
            ".exr",
            ".fig",
            ".fits",
            ".hdr",
            ".heics",
            ".heifs",
            ".indd",
            ".jng",
            ".jxr",
            ".kra",
            ".mng",
            ".ora",
            ".palm",
            ".pct",
            ".pdf",
            ".pdn",
        ),
        *(".pict", ".ps", ".psb", ".psp", ".pspimage", ".sketch", ".wdp", ".wmf", ".xcf"),
    )
)
_PACKAGES = {  # ending -> (module, package) that reads it; Pillow alone does not
    **dict.fromkeys((".heic", ".heif", ".hif"), ("pillow_heif", "pillow-heif")),
    **dict.fromkeys((".svg", ".svgz"), ("resvg_py", "resvg-py")),
    **dict.fromkeys(RAW_SUFFIXES, ("rawpy", "rawpy")),
    ".jxl": ("pillow_jxl", "pillow-jxl-plugin"),
}


def suffix_of(name: str) -> str:
    """The ending of a file's name in lower case: ".jpg"; "" where it has none."""
    return PurePath(name).suffix.lower()


def missing_package(name: str) -> str:
    """The package that would read a file of this name and is not installed; "" where nothing is missing."""
    module, package = _PACKAGES.get(suffix_of(name), ("", ""))
    return package if module and not _installed(module) else ""


@functools.cache
def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
