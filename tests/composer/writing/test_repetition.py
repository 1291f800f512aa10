"""What is said twice is left out; what only looks alike stays."""

import pytest

from composer.article import Section
from composer.writing.repetition import without_repetitions

TOOLS = "Octopuses use tools to open jars, which is a remarkable feat for an animal with no hands. "
COLOUR = "They change their colour from bright red to dark blue within a second. "
NEW = "Nobody knows yet how they see it, for their eyes cannot tell colours."


def left(*texts: str, before: tuple[str, ...] = ()) -> list[str]:
    sections = [Section(f"s{number}", text.strip()) for number, text in enumerate(texts)]
    return [section.text for section in without_repetitions(sections, [Section("s", text) for text in before])]


def test_a_sentence_that_stood_before_is_left_out_but_for_a_few_words() -> None:
    again = TOOLS.replace("no hands", "no hands or eyes")
    assert left(TOOLS, f"{again}{NEW}", COLOUR) == [TOOLS.strip(), NEW, COLOUR.strip()]
    assert left(TOOLS + COLOUR + TOOLS) == [(TOOLS + COLOUR).strip()]
    assert left(f"{COLOUR}{TOOLS}{NEW}", before=(TOOLS.strip(),)) == [COLOUR + NEW]


def test_a_paragraph_of_nothing_but_such_sentences_is_left_out() -> None:
    assert left(TOOLS, COLOUR, f"{COLOUR}{TOOLS}") == [TOOLS.strip(), COLOUR.strip()]


def test_what_the_next_sentence_refers_to_stays() -> None:
    eyes = "They are no fish, though many cooks treat them so."
    assert left(TOOLS, f"{NEW} {TOOLS}{eyes}") == [TOOLS.strip(), f"{NEW} {TOOLS}{eyes}"]
    assert left(TOOLS, f"{TOOLS}{NEW}") == [TOOLS.strip(), NEW]
    asked = "“那你知道妈妈做的饺子为什么这么好吃吗？”"
    assert left(asked, f"{asked}我问。妈妈笑了，把一盘饺子放在桌上。")[1].startswith(f"{asked}我问。")
    asked = '"Do you really know why these dumplings are so good?" '
    assert left(asked, f"{asked}she asked. {NEW}")[1].startswith(f"{asked}she asked.")


def test_chinese_sentences_are_told_apart_by_their_marks() -> None:
    parks = "我们可以去公园、花园或者自然保护区等地方欣赏樱花，也可以带上家人一起野餐。"
    tea = "人们还会品尝各种用樱花做成的美食，比如樱花茶、樱花饼和樱花冰淇淋。"
    assert left(parks, f"{tea}{parks}") == [parks, tea]
    panda = "熊猫宝宝的成长，让熊猫家族更加繁荣，也让熊猫家族更加快乐。"
    assert left(tea + panda, parks + panda.replace("快乐", "伟大")) == [tea + panda, parks]


def test_of_a_long_row_of_sentences_that_begin_alike_three_stay() -> None:
    things = ("运动的乐趣", "世界的美好", "生命的奇迹", "时间的珍贵", "友谊的力量", "家的温暖")
    chinese = [f"它让我感受到了{thing}。" for thing in things]
    assert left("".join(chinese) + "我很感激。") == ["".join(chinese[:3]) + "我很感激。"]
    english = [f"I learned how to {thing} well. " for thing in ("sail", "row", "swim", "dive", "wait", "cook")]
    assert left("".join(english) + NEW) == ["".join(english[:3]) + NEW]


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"The price of the {thing} is fair. " for thing in ("ticket", "guide", "lunch", "trip", "map")),
        "Knock. " * 8,
        "".join(f'"I shall never see {thing} again. ' for thing in ("you", "her", "him", "it", "home", "Bern", "Rome")),
    ],
)
def test_a_few_sentences_refrains_and_what_somebody_says_stay(text: str) -> None:
    assert left(text) == [text.strip()]


def test_short_sentences_other_facts_and_halves_of_bold_may_come_again() -> None:
    refrain = "And the cat slept on. "
    assert left(refrain + TOOLS, refrain + COLOUR) == [(refrain + TOOLS).strip(), (refrain + COLOUR).strip()]
    other = COLOUR.replace("red to dark blue", "blue to a pale green when a crab comes near")
    assert left(COLOUR, other + NEW) == [COLOUR.strip(), other + NEW]
    bold = f"**{TOOLS}{COLOUR.strip()}**"
    assert left(TOOLS, bold) == [TOOLS.strip(), bold]


def test_a_last_paragraph_that_puts_together_what_was_said_is_left_out() -> None:
    steps = (
        "Once all the ingredients are there, they are mixed in a large bowl. The dough is kneaded until it becomes "
        "smooth and elastic, which is important for a good texture of bread.",
        "After kneading, the dough is allowed to rise in a warm place, and is baked in a preheated oven until it "
        "reaches the desired temperature.",
    )
    summary = (
        "The dough is kneaded until it becomes smooth and elastic, it is allowed to rise in a warm place, and is baked "
        "in a preheated oven until it reaches the desired temperature."
    )
    other = "The dough of my aunt was never kneaded, and rose for a whole night under a towel on the kitchen shelf."
    assert left(*steps, summary) == list(steps)
    assert left(*steps, other) == [*steps, other]
