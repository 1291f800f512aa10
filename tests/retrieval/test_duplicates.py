"""Which pictures of a gallery are told to be copies of each other, and which only have a like hash."""

from pathlib import Path

from PIL import Image

from retrieval.gallery import Gallery
from tests.retrieval.conftest import ONE_WORKER


def test_flags_that_differ_in_colour_only_are_no_duplicates(gallery: Gallery, pictures: Path) -> None:
    pictures.mkdir(exist_ok=True)
    for name in ("black red gold", "red white blue"):
        flag = Image.new("RGB", (90, 60))
        for place, colour in enumerate(name.split()):
            flag.paste(colour, (0, 20 * place, 90, 20 * place + 20))
        flag.save(pictures / f"{name}.png")
        flag.resize((180, 120)).save(pictures / f"{name} large.jpg", quality=70)
    gallery.add(pictures, options=ONE_WORKER)
    pairs = [{"black red gold", "black red gold large"}, {"red white blue", "red white blue large"}]
    assert sorted(({hit.caption for hit in group} for group in gallery.duplicates()), key=sorted) == pairs
    first = [hit.caption.removesuffix(" large") for hit in gallery.search("red", k=4)][:2]
    assert set(first) == {"black red gold", "red white blue"}  # then the second of each


def test_drawings_of_a_few_lines_on_white_are_no_duplicates(gallery: Gallery, pictures: Path) -> None:
    pictures.mkdir(exist_ok=True)
    for name, height in {"a shelf": 60, "a floor": 180}.items():
        drawing = Image.new("RGB", (256, 256), "white")
        drawing.paste("black", (0, height, 256, height + 12))
        drawing.save(pictures / f"{name}.png")
    drawing.point(lambda value: value * 0.98).resize((400, 400)).save(pictures / "a floor in the evening.jpg")
    gallery.add(pictures, options=ONE_WORKER)
    assert [{hit.caption for hit in group} for group in gallery.duplicates()] == [{"a floor", "a floor in the evening"}]
