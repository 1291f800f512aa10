"""Makes captioned folders and measures on them how well an encoder finds pictures by their captions.

    python -m benchmarks.retrieval.captioned [--encoder labels] [--photographs FOLDER] [--into FOLDER] [--json]

Drawings: those of OpenMoji that show a thing, an animal, a plant, food or a place, on white, 320 x 320 pixels; the
caption is the name in Unicode's annotations, English and Chinese (package `emoji`). Photographs: the files of FOLDER
whose names are in PHOTOGRAPHS (they come with scikit-image, scikit-learn, imgaug, ultralytics and gradio), with
captions written for this file before anything was measured. Each folder is measured by `python -m evaluation
retrieval`: pictures are placed by their pixels alone, so no caption helps to find its own picture.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from retrieval.sources import OpenMojiGallery, drawings

PHOTOGRAPHS = {
    "astronaut": ("An astronaut in an orange space suit, smiling", "身穿橙色宇航服微笑的宇航员"),
    "brick": ("A brick wall", "一面砖墙"),
    "camera": ("A man in a coat with a camera on a tripod", "穿大衣的男人和三脚架上的相机"),
    "chelsea": ("The face of a tabby cat", "一只虎斑猫的脸"),
    "coffee": ("A cup of coffee with a spoon on a wooden table", "木桌上的一杯咖啡和勺子"),
    "coins": ("Old coins in rows", "一排排古代硬币"),
    "grass": ("Grass", "草地"),
    "gravel": ("Small stones", "碎石"),
    "hubble_deep_field": ("Galaxies in the dark sky", "黑暗天空中的星系"),
    "moon": ("The surface of the moon", "月球表面"),
    "motorcycle_left": ("A red motorcycle in a garage", "车库里的红色摩托车"),
    "rocket": ("A rocket on its launch pad at night", "夜晚发射台上的火箭"),
    "china": ("A Chinese palace with curved roofs", "飞檐的中国宫殿"),
    "flower": ("A flower in full bloom", "盛开的花朵"),
    "bus": ("A bus and people in the street", "街上的公交车和行人"),
    "zidane": ("Two men in suits at a football match", "足球比赛中两个穿西装的男人"),
    "quokka": ("A small furry animal in the grass", "草丛中毛茸茸的小动物"),
    "cheetah1": ("A cheetah", "一只猎豹"),
    "lion": ("A lion with a mane", "一头有鬃毛的狮子"),
    "tower": ("A tall iron tower in the evening", "傍晚的高大铁塔"),
}


def make_drawings(folder: Path) -> None:
    folder.mkdir()
    gallery = OpenMojiGallery()
    for one in drawings():
        if one.face or not one.name_zh or any(word in one.name for word in ("man", "woman", "person", "people")):
            continue
        drawing = Image.open(gallery.get(one.code).path).convert("RGBA").resize((320, 320))
        ground = Image.new("RGB", drawing.size, "white")
        ground.paste(drawing, (0, 0), drawing)
        ground.save(folder / f"{one.code}.png", compress_level=1)
        (folder / f"{one.code}.txt").write_text(f"{one.name}\n{one.name_zh}\n", encoding="utf-8")
    gallery.close()


def copy_photographs(source: Path, folder: Path) -> None:
    folder.mkdir()
    for file in sorted(source.iterdir()):
        if file.stem in PHOTOGRAPHS:
            shutil.copy(file, folder)
            (folder / f"{file.stem}.txt").write_text("\n".join(PHOTOGRAPHS[file.stem]) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="labels")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--into", type=Path, help="keeps the folders there")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = arguments.into or Path(name)
        make_drawings(root / "drawings")
        if arguments.photographs:
            copy_photographs(arguments.photographs, root / "photographs")
        for kind in ("drawings", "photographs"):
            if not (root / kind).is_dir():
                continue
            command = [sys.executable, "-m", "evaluation", "retrieval", "--data", str(root / kind)]
            command += ["--encoder", arguments.encoder, "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(
                json.dumps({"folder": kind} | json.loads(done.stdout)) if arguments.json else f"{kind}: {done.stdout}"
            )


if __name__ == "__main__":
    main()
