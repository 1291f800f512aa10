"""The pictures of an article as documents take them: JPEG or PNG, upright, no larger than a page prints."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from composer.article import Article, Candidate, Width
from composer.exporting.job import Job
from composer.exporting.pictures import chosen_pictures, image_names, picture_bytes
from retrieval.pictures import PILLOW_ERRORS, load_picture

LONGEST_SIDE = 2000  # pixels: 300 a inch across the text of an A4 page
TEXT_WIDTH = 16.0  # cm of an A4 page
TALLEST = 9.5  # cm: two pictures and some text share a page, and one that moves to the next leaves a small gap
DENSITY = 38.0  # pixels a cm at least (96 an inch), so that small pictures are not blown up
DRAWING_SHARE = 0.48  # of the text's width, as on the page
TALLEST_FULL = 20.0  # cm: of a picture that takes the whole width, which leaves room for its caption


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture ready for a document."""

    file: str  # its name in the folder, .jpg or .png
    share: float  # of the text's width, 0 to 1


def prepared_pictures(article: Article, job: Job, folder: Path, *, upto: float) -> dict[str, PreparedPicture]:
    """Name of `image_names` -> picture, written into the folder. Reports the job's share from 0 up to `upto`.

    Raises PictureGone, PictureUnreadable for a picture that is damaged, ExportStopped, OSError for a full disk.
    """
    names, found = image_names(article), chosen_pictures(article)
    pictures = {}
    for number, (section, chosen) in enumerate(found):
        job.at(upto * number / len(found))
        name = names[section.id]
        width = section.illustration.width if section.illustration else "column"
        pictures[name] = _prepared(chosen, folder, Path(name).stem, width)
    return pictures


def _prepared(chosen: Candidate, folder: Path, stem: str, wanted: Width) -> PreparedPicture:
    content = picture_bytes(chosen)
    kept = _usable_as_is(content)
    if kept is not None:
        suffix, (width, height) = kept
    else:
        named = io.BytesIO(content)
        named.name = Path(chosen.path).name  # the sentence about a damaged picture names it
        image = load_picture(named, enough=LONGEST_SIDE)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        width, height = image.size
        suffix = ".png" if chosen.drawing else ".jpg"
        written = io.BytesIO()
        image.save(written, "PNG") if chosen.drawing else image.save(written, "JPEG", quality=88)
        content = written.getvalue()
    (folder / f"{stem}{suffix}").write_bytes(content)
    return PreparedPicture(f"{stem}{suffix}", _share(width, height, wanted, chosen.drawing))


def _share(width: int, height: int, wanted: Width, drawing: bool) -> float:
    """How much of the text's width a picture of so many pixels takes, 0 to 1."""
    if wanted == "full":
        return min(1.0, TALLEST_FULL / TEXT_WIDTH * width / height)
    share = min(1.0, width / DENSITY / TEXT_WIDTH, TALLEST / TEXT_WIDTH * width / height)
    most = DRAWING_SHARE if drawing else 1.0
    return min(share, most / 2 if wanted == "half" else most)


def _usable_as_is(content: bytes) -> tuple[str, tuple[int, int]] | None:
    """Suffix and size of a JPEG or PNG that every reader shows, and that tells nothing of its camera and place."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            plain = image.mode in ("L", "LA", "P", "RGB", "RGBA") and not image.getexif()
            if not plain or max(image.size) > LONGEST_SIDE:
                return None
            size, suffix = image.size, ".jpg" if image.format == "JPEG" else ".png"
            image.load()  # a damaged one is refused by `load_picture`, with its sentence
            return suffix, size
    except PILLOW_ERRORS:
        return None
