"""The embedded gallery: twelve captions of articles, in English and Chinese, judged by the first picture's name.

    python -m benchmarks.retrieval.embedded [--json]

For each caption the names that a reader would accept as its picture were written down before it was first searched for;
a first picture of another name counts as wrong.
"""

import argparse
import json
import time

from retrieval import open_gallery

CAPTIONS: list[tuple[str, str, set[str]]] = [
    ("A cat sleeping in the sun by the window", "一只猫在窗边晒太阳睡觉", {"cat", "black cat", "cat face", "window"}),
    ("A bowl of fresh water", "一碗清水", {"bowl with spoon", "droplet", "sign for drinking water", "pouring liquid"}),
    ("The vet gives the cat an injection", "兽医给猫打针", {"syringe", "stethoscope", "hospital", "cat"}),
    ("Skyscrapers along the river at night", "夜晚江边的摩天大楼",
     {"city at night", "cityscape", "cityscape at dusk", "bridge at night", "office building"}),
    ("A basket of steamed dumplings", "一笼蒸饺", {"dumpling", "basket"}),
    ("Passengers waiting for the metro", "乘客在等地铁", {"metro", "train at a station", "train", "high-speed train"}),
    ("A red telephone box in the rain", "雨中的红色电话亭",
     {"telephone", "telephone receiver", "rain", "umbrella with rain drops", "umbrella"}),
    ("Changing of the guard at the palace", "王宫前的卫兵换岗", {"guard in a bearskin hat", "castle"}),
    ("A caravan of camels crossing the dunes", "驼队穿过沙丘", {"camel", "two-hump camel", "desert"}),
    ("Ancient paintings on a cave wall", "洞窟墙上的古代壁画",
     {"artist palette", "framed picture", "mountain", "columned facade", "paintbrush"}),
    ("A rocket lifting off with a column of fire", "火箭喷着火焰升空", {"rocket", "fire"}),
    ("Friends sharing a pizza", "朋友们一起吃披萨", {"pizza", "two people hugging", "plate with fork and knife"}),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    started = time.perf_counter()
    gallery = open_gallery(None)
    opened = time.perf_counter() - started
    right = {"en": 0, "zh": 0, "both": 0}
    rows = []
    for english, chinese, accepted in CAPTIONS:
        for language, query in (("en", [english]), ("zh", [chinese]), ("both", [english, chinese])):
            first = gallery.search(query, k=1)[0].caption.split(" · ")[0]
            right[language] += first in accepted
            rows.append({"language": language, "caption": query[-1], "first": first, "right": first in accepted})
    result = {"captions": len(CAPTIONS), "open_s": round(opened, 2), "top_1_right": right}
    if arguments.json:
        print(json.dumps(result | {"rows": rows}, ensure_ascii=False))
        return
    for row in rows:
        print(f"{'+' if row['right'] else '-'} {row['language']:5} {row['caption']:45} {row['first']}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
