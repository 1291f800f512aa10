"""Eighty everyday things searched in one language among pictures whose words are in the other one.

    python -m benchmarks.retrieval.everyday [--half 1|2] [--json] [--misses]

The pictures are all drawings of OpenMoji, once with their English name alone, once with their Chinese name alone,
stored as indexing stores them. A thing is found where one of the drawings that were written down beside it is among the
first four. Three columns: the words alone (an encoder that reads nothing), the offline default (All-MiniLM) without and
with the names in the other language. The weights and the dictionary's rules were chosen by half 1 (things 1, 3, 5, ...
of the list); half 2 says how good they are.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.encoders import Encoder, Preparation, Vectors, readable, shared_text_encoder
from retrieval.index import Catalogue, Searcher
from retrieval.records import Picture
from retrieval.sources import Drawing, drawings

# Chinese query | English query | drawings that are right, by their English names
_THINGS = """
猫 | cat | cat, cat face, black cat
狗 | dog | dog, dog face, guide dog, service dog
钥匙 | key | door key, old key
戒指 | ring | diamond ring
雨伞 | umbrella | umbrella, closed umbrella, umbrella with rain drops
面包 | bread | bread, baguette bread, flatbread
奶酪 | cheese | cheese
火车 | train | train, locomotive, high-speed train, bullet train, railway car
自行车 | bicycle | bicycle, person biking
眼镜 | glasses | eyeglasses
墨镜 | sunglasses | sunglasses
吉他 | guitar | guitar
小提琴 | violin | violin
床 | bed | bed, person in bed
沙发 | sofa | sofa and lamp
椅子 | chair | chair, aeroplane seat
剪刀 | scissors | scissors
锤子 | hammer | hammer, hammer and wrench, hammer and pick
斧头 | axe | axe
梯子 | ladder | ladder
扫帚 | broom | broom
水桶 | bucket | bucket
肥皂 | soap | soap
牙刷 | toothbrush | toothbrush
蜡烛 | candle | candle
闹钟 | alarm clock | alarm clock
手表 | wristwatch | wristwatch
手机 | mobile phone | mobile phone
笔记本电脑 | laptop | laptop
照相机 | camera | camera, camera with flash
电视 | television | television
铅笔 | pencil | pencil
报纸 | newspaper | newspaper, rolled-up newspaper
背包 | backpack | backpack
手套 | gloves | mittens, boxing glove
围巾 | scarf | scarf
袜子 | socks | socks
牛仔裤 | jeans | jeans
皇冠 | crown | crown
茶壶 | teapot | teapot
香蕉 | banana | banana
苹果 | apple | apple, green apple
柠檬 | lemon | lemon
西瓜 | watermelon | slice of watermelon
草莓 | strawberry | strawberry
胡萝卜 | carrot | carrot
土豆 | potato | potato, roasted sweet potato
蘑菇 | mushroom | mushroom, brown mushroom
冰淇淋 | ice cream | ice cream, soft ice cream, shaved ice
蛋糕 | cake | cake, shortcake, cupcake, moon cake, fish cake with swirl, pancakes
饼干 | biscuit | cookie
蜂蜜 | honey | pot of honey
饺子 | dumplings | dumpling
马 | horse | horse, horse face, jockey on a racehorse, carousel horse
兔子 | rabbit | rabbit, rabbit face
老鼠 | mouse | mouse, mouse face, rat
鸭子 | duck | duck
猫头鹰 | owl | owl
企鹅 | penguin | penguin
乌龟 | tortoise | turtle
青蛙 | frog | frog
鲨鱼 | shark | shark
章鱼 | octopus | octopus
蝴蝶 | butterfly | butterfly
蜘蛛 | spider | spider, spider web
大象 | elephant | elephant
长颈鹿 | giraffe | giraffe
向日葵 | sunflower | sunflower
仙人掌 | cactus | cactus
火山 | volcano | volcano
帐篷 | tent | tent, circus tent, tent under a tree
医院 | hospital | hospital
救护车 | ambulance | ambulance
出租车 | taxi | taxi, oncoming taxi
飞机 | aeroplane | airplane, small airplane, airplane arrival, airplane departure
彩虹 | rainbow | rainbow
气球 | balloon | balloon
风筝 | kite | kite
鼓 | drum | drum, long drum
灯笼 | lantern | paper lantern, diya lamp
"""
THINGS: list[tuple[str, str, frozenset[str]]] = [
    (chinese, english, frozenset(names.split(", ")))
    for chinese, english, names in (line.split(" | ") for line in _THINGS.strip().splitlines())
]
FIRST = 4  # pictures that are looked at


class _Blind:
    """An encoder that reads nothing: what is found is found by words."""

    name, dim, words_first, batch = "blind", 1, True, 1
    query_languages: tuple[str, ...] = ("en",)
    preparation = Preparation(side=1)
    identity = {"name": name}  # noqa: RUF012 - the protocol's form

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return np.zeros((len(texts), 1), np.float32)

    def encode_prepared(self, pixels: np.ndarray) -> Vectors:
        return np.zeros((len(pixels), 1), np.float32)


def filled(path: Path, everything: Sequence[Drawing], language: str, encoder: Encoder) -> Catalogue:
    """A catalogue of the drawings with their names in one language as captions; a picture's id is its English name."""
    catalogue = Catalogue(path)
    captions = {drawing.name: drawing.name if language == "en" else drawing.name_zh for drawing in everything}
    captions = {name: caption for name, caption in captions.items() if caption}
    vectors = encoder.encode_texts([readable(caption, encoder.query_languages) for caption in captions.values()])
    with catalogue.transaction():
        for (name, caption), row in zip(captions.items(), vectors, strict=True):
            catalogue.store(Picture(name, name, caption=caption), row[None] if row.any() else row[None][:0])
    return catalogue


def rank(searcher: Searcher, encoder: Encoder, query: str, right: frozenset[str]) -> int:
    """The place of the first drawing that is right, from 0; FIRST where none is among the first."""
    ids = [picture.id for picture, *_ in searcher.by_text([query], encoder, FIRST)]
    return next((place for place, name in enumerate(ids) if name in right), FIRST)


def measure(things: Sequence[tuple[str, str, frozenset[str]]]) -> tuple[dict[str, dict[str, list[int]]], list[str]]:
    """Direction -> column -> of how many things the first is right, and one of the first four; and those that a column
    misses."""
    everything = drawings()
    known = {drawing.name for drawing in everything}
    assert not (strange := {name for *_, names in things for name in names} - known), f"no drawings: {strange}"
    minilm, counts, misses = shared_text_encoder(), {}, []
    for captions, queries in (("en", 0), ("zh", 1)):
        counts[f"{('zh', 'en')[queries]}_over_{captions}"] = row = {}
        for column, encoder, both in (
            ("words_and_names", _Blind(), True),
            ("default_without_names", minilm, False),
            ("default", minilm, True),
        ):
            with tempfile.TemporaryDirectory() as folder:
                catalogue = filled(Path(folder) / "c.sqlite", everything, captions, encoder)
                searcher = Searcher(catalogue, encoder.dim, both_languages=both)
                ranks = {thing[queries]: rank(searcher, encoder, thing[queries], thing[2]) for thing in things}
                searcher.close()
                catalogue.close()
            row[column] = [sum(place == 0 for place in ranks.values()), sum(place < FIRST for place in ranks.values())]
            misses += [f"{query} ({column})" for query, place in ranks.items() if place == FIRST]
    return counts, misses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", type=int, choices=(1, 2), help="every second thing: from the first, from the second")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--misses", action="store_true", help="name what is not found")
    arguments = parser.parse_args()
    things = THINGS[arguments.half - 1 :: 2] if arguments.half else THINGS
    counts, misses = measure(things)
    if arguments.json:
        print(json.dumps({"things": len(things), **counts}))
        return
    for direction, row in counts.items():
        print(f"{direction}, of {len(things)}, first and among the first four: {row}")
    if arguments.misses:
        print("not found: " + ", ".join(misses))


if __name__ == "__main__":
    main()
