"""How well the model chooses among four described pictures, and whether the order of the letters matters.

    python -m benchmarks.compose_selection [--model NAME_OR_FOLDER]

Sixteen wishes with four candidates each, in the words of the embedded gallery; a person marked which ones fit. Prints
for one order of the letters, for two averaged and for four averaged: how many choices fit, how often each position was
chosen, and the time.
"""

import argparse
import time

from composer import load_model
from composer.article import Article, Candidate, Illustration, Section
from composer.illustrating import softmax
from composer.prompts import prompts_for

# wish, candidates, indices of those that fit
CASES = [
    ("A clean litter box", "package · 包裹|bowl with spoon · 碗勺|potable water · 饮用水|broom · 扫帚", {3}),
    ("A cat playing with toys", "yarn · 毛线|cat · 猫|teddy bear · 泰迪熊|tennis · 网球", {1}),
    ("A bowl of fresh water", "droplet · 水滴|bowl with spoon · 碗勺|sailboat · 帆船|key · 钥匙", {0, 1}),
    ("A club or a bar", "club suit · 梅花|chocolate bar · 巧克力|bar chart · 条形图|beer mug · 啤酒", {3}),
    ("A stone sculpture of a Buddha", "gem stone · 宝石|curling stone · 冰壶|moai · 摩埃|lotus · 莲花", {2, 3}),
    (
        "The Tower of London",
        "castle · 欧洲城堡|Tokyo tower · 东京塔|mantelpiece clock · 座钟|roller coaster · 过山车",
        {0},
    ),
    ("A child looking at pictures", "framed picture · 带框的画|child · 儿童|baby bottle · 奶瓶|tooth · 牙", {0, 1}),
    ("A veterinarian examining a cat", "health worker · 医生|cat face · 猫脸|hospital · 医院|fish cake · 鱼板", {0, 2}),
    (
        "Steamed buns in a basket",
        "basket · 筐|dumpling · 饺子|person in steamy room · 蒸房里的人|basketball · 篮球",
        {1},
    ),
    ("A busy street with buses", "bus · 公交车|busts in silhouette · 人像|school · 学校|satellite · 卫星", {0}),
    ("A satellite in space", "dish · 盘子|rocket · 火箭|satellite · 卫星|space invader · 外星怪物", {2}),
    ("A soft bed beside the window", "person in bed · 躺在床上的人|window · 窗户|bed · 床|flower bed · 花", {2}),
    (
        "The Huangpu River at night",
        "night with stars · 夜晚|bridge at night · 夜幕下的桥|river otter · 水獭|moon cake · 月饼",
        {1},
    ),
    ("A dog in the park", "hot dog · 热狗|guide dog · 导盲犬|parking · 停车|national park · 国家公园", {1}),
    ("Fish and chips", "fish · 鱼|french fries · 薯条|fishing pole · 钓鱼竿|poker chip · 筹码", {0, 1}),
    ("People walking across a desert", "cactus · 仙人掌|desert · 沙漠|dessert · 甜点|camel · 骆驼", {1, 3}),
]
ORDERS = {
    "one order": [(0, 1, 2, 3)],
    "two orders": [(0, 1, 2, 3), (3, 2, 1, 0)],
    "four orders": [(0, 1, 2, 3), (1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="name or folder of a model; the embedded one if left out")
    model = load_model(parser.parse_args().model)
    prompts = prompts_for(model.capabilities.family)
    for name, orders in ORDERS.items():
        fits, positions, start, usage = 0, [0] * 4, time.perf_counter(), model.usage
        for wish, described, right in CASES:
            section = Section("s1", f"{wish}.")
            article = Article("Pictures", (section,))
            candidates = [Candidate(str(i), "", text) for i, text in enumerate(described.split("|"))]
            shares = [0.0] * 4
            with model.prefix(prompts.shared(article)) as ask:
                for order in orders:
                    lettered = [(candidates[i], None) for i in order]
                    choice = prompts.choose(article, section, Illustration(wish, query=wish), lettered, ())
                    for i, share in zip(order, softmax(ask.score(choice.messages, choice.options)), strict=True):
                        shares[i] += share
            best = max(range(4), key=lambda i: shares[i])
            fits += best in right
            positions[best] += 1
        seconds = time.perf_counter() - start
        print(f"{name:12} {fits}/{len(CASES)} fit, positions {positions}, {seconds:.1f} s, {model.usage - usage}")


if __name__ == "__main__":
    main()
