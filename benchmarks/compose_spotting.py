"""Accuracy of finding the paragraphs that can be shown: 32 labelled paragraphs, half of them in Chinese.

    python -m benchmarks.compose_spotting [--model NAME_OR_FOLDER]

Prints each paragraph's probability and label, the accuracy at the threshold of automatic placing, the accuracy at the
best threshold, and the area under the ROC curve: the chance that a paragraph worth showing scores above another.
The paragraphs were written for this file; a label says whether a person would put a picture beside the paragraph.
"""

import argparse
import time

from composer import load_model
from composer.article import Article, Section
from composer.illustrating import WORTH_SHOWING
from composer.prompts import SpotsParagraphsAlone, prompts_for

# (title, language, [(text, worth a picture)])
ARTICLES = [
    (
        "A weekend in Lisbon",
        "en",
        [
            (
                "A yellow tram climbs the steep street of Alfama, so close to the walls that people step aside.",
                True,
            ),
            ("Opinions differ about how long one should stay, and much depends on what a traveller expects.", False),
            ("At the bakery in Belém, warm custard tarts lie in rows on the counter, dusted with cinnamon.", True),
            ("Prices have risen in recent years for several reasons, among them taxes and demand.", False),
            ("In the evening fishermen sit on the quay with their rods, and the red bridge glows behind them.", True),
            ("It is worth thinking in advance about what the journey is meant to achieve.", False),
            ("The tiled front of the old church shines blue and white in the afternoon sun.", True),
            ("In short, planning and an open mind make all the difference to one's experience.", False),
        ],
    ),
    (
        "Growing tomatoes at home",
        "en",
        [
            ("Ripe red tomatoes hang in clusters from a green vine tied to a bamboo stick.", True),
            ("Gardening teaches patience, and patience is a virtue that modern life rarely rewards.", False),
            ("Fill a clay pot with dark soil and press the small seedling in with two fingers.", True),
            ("There are many theories on the subject, and experts do not always agree with each other.", False),
            ("A bee lands on the small yellow flower and crawls inside it.", True),
            ("Success depends on consistency, and consistency depends on motivation.", False),
            ("A wooden basket on the kitchen table is full of tomatoes, basil and a loaf of bread.", True),
            ("To conclude, the benefits outweigh the effort, which should encourage beginners.", False),
        ],
    ),
    (
        "冬天的北京",
        "zh",
        [
            ("清晨的什刹海结了厚厚的冰，孩子们坐着冰车在冰面上滑来滑去。", True),
            ("每个人对冬天的理解都不一样，这与性格和经历有关。", False),
            ("胡同口的小摊上，一串串红红的糖葫芦插在草靶子上。", True),
            ("总的来说，城市的发展需要在传统与现代之间取得平衡。", False),
            ("雪后的故宫，红墙黄瓦上覆盖着一层白雪。", True),
            ("这种变化的原因很复杂，涉及经济、社会和文化等多个方面。", False),
            ("铜火锅冒着热气，桌上摆满了切得薄薄的羊肉片和青菜。", True),
            ("我们应该珍惜时间，努力实现自己的目标。", False),
        ],
    ),
    (
        "学做木工",
        "zh",
        [
            ("工作台上放着一把刨子、一把锯和几块刚刨好的松木板。", True),
            ("学习任何技能都需要耐心和坚持，没有捷径可走。", False),
            ("老师傅戴着眼镜，弯着腰，用凿子在木头上凿出一个方孔。", True),
            ("这一行业未来的前景取决于政策和市场需求。", False),
            ("一只做好的小木马站在窗边，身上刷着天蓝色的油漆。", True),
            ("质量和效率之间的关系一直是人们讨论的问题。", False),
            ("地上堆满了卷曲的刨花，一只猫在里面睡觉。", True),
            ("由此可见，态度决定一切，这一点值得我们深思。", False),
        ],
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="name or folder of a model; the embedded one if left out")
    model = load_model(parser.parse_args().model)
    prompts = prompts_for(model.capabilities.family)
    results: list[tuple[float, bool, str]] = []
    start = time.perf_counter()
    for title, language, paragraphs in ARTICLES:
        sections = tuple(Section(f"s{i}", text) for i, (text, _) in enumerate(paragraphs, 1))
        article = Article(title, sections, language="zh" if language == "zh" else "en")
        beginning = (
            prompts.spot_shared(article) if isinstance(prompts, SpotsParagraphsAlone) else prompts.shared(article)
        )
        with model.prefix(beginning) as ask:
            found = dict(prompts.spot(ask, article, sections, None))
        results += [
            (found[section.id], label, language) for section, (_, label) in zip(sections, paragraphs, strict=True)
        ]
        for section, (text, label) in zip(sections, paragraphs, strict=True):
            print(f"{found[section.id]:.3f} {'+' if label else '-'} {text[:70]}")
    seconds = time.perf_counter() - start
    for language in ("en", "zh", "en zh"):
        print(f"{language:6}", summary([(p, label) for p, label, of in results if of in language]))
    print(f"{len(results)} paragraphs in {seconds:.1f} s, {model.name}, tokens {model.usage}")


def summary(results: list[tuple[float, bool]]) -> str:
    """Accuracy at the threshold in use, at the best threshold, and area under the ROC curve, in words."""
    shown = [p for p, label in results if label]
    others = [p for p, label in results if not label]
    at_threshold = sum((p >= WORTH_SHOWING) == label for p, label in results)
    best = max(sum((p >= threshold) == label for p, label in results) for threshold, _ in results)
    above = sum((a > b) + (a == b) / 2 for a in shown for b in others) / (len(shown) * len(others))
    return f"accuracy {at_threshold}/{len(results)} at {WORTH_SHOWING}, {best}/{len(results)} at best, AUC {above:.3f}"


if __name__ == "__main__":
    main()
