"""Reading a model's streamed Markdown into sections."""

import pytest

from composer.article import Section
from composer.events import SectionStarted, TextDelta
from composer.writing.reader import ArticleReader


def read(text: str, title: str = "Cats", piece: int = 5, cut: bool = False) -> list[tuple[str, str]]:
    """(kind, text) of each section; checks on the way that what was streamed is consistent."""
    reader = ArticleReader(title)
    streamed: dict[str, str] = {}
    for start in range(0, len(text), piece):
        for event in reader.feed(text[start : start + piece]):
            if isinstance(event, SectionStarted):
                streamed[event.section.id] = event.section.text
            else:
                assert isinstance(event, TextDelta)
                assert event.offset == len(streamed[event.section_id]), "a piece stands behind the text so far"
                assert event.text
                streamed[event.section_id] += event.text
        assert streamed == {section.id: section.text for section in reader.sections}
    return [(section.kind, section.text) for section in reader.finish(cut=cut)]


def texts(text: str, **options: object) -> list[str]:
    return [line for _, line in read(text, **options)]  # type: ignore[arg-type]  # passed on as they are


TEXT = "A cat sleeps for most of the day, and hunts at dawn."


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 50, 10_000])
def test_the_result_does_not_depend_on_how_the_text_is_cut_into_pieces(piece: int) -> None:
    article = (
        "Sure! Here is an article about cats:\n\n# Cats\n\n## Introduction\n\n"
        "Cats are **lovely** animals, and quiet ones.\n\n"
        "1. **Feeding**\n   Give fresh food every day. You will need:\n   - Fresh water\n   - A bowl\n\n"
        "2. **Litter box:** Keep the box clean and away from the food.\n\n---\n\n"
        "In conclusion, a cat is a friend for life.\n\nWord count: 120"
    )
    assert read(article, piece=piece) == [
        ("paragraph", "Cats are **lovely** animals, and quiet ones."),
        ("heading", "Feeding"),
        ("paragraph", "Give fresh food every day. You will need: Fresh water; A bowl."),
        ("paragraph", "**Litter box:** Keep the box clean and away from the food."),
        ("paragraph", "A cat is a friend for life."),
    ]


def test_words_stream_before_the_line_ends() -> None:
    reader = ArticleReader("Cats")
    events = list(reader.feed("A cat sleeps for most of the day"))
    assert events == [SectionStarted(Section("s1", "")), TextDelta("s1", 0, "A cat sleeps for most of the day")]
    assert list(reader.feed(", and")) == [TextDelta("s1", 32, ", and")]


def test_headings_keep_their_level_and_lose_marks_numbers_and_colons() -> None:
    reader = ArticleReader("Cats")
    list(reader.feed(f"## 1. Food:\n{TEXT}\n### **Water** ##\nIt drinks.\n#### Section 2: Rest\nIt rests.\n"))
    headings = [(s.text, s.level) for s in reader.finish() if s.kind == "heading"]
    assert headings == [("Food", 2), ("Water", 3), ("Rest", 3)]


def test_headings_begin_at_the_second_level() -> None:
    reader = ArticleReader("Cats")
    list(reader.feed(f"### Cats\n\n#### Food\n{TEXT}\n### Water\nIt drinks.\n"))
    assert [(s.text, s.level) for s in reader.finish() if s.kind == "heading"] == [("Food", 2), ("Water", 2)]


@pytest.mark.parametrize(
    "line",
    [
        "# Cats",
        "Cats",
        "**Cats**",
        "Title: Cats",
        "**Title: Cats**",
        "《Cats》",
        "# Title: Cats",
        "## cats!",
        "标题：Cats",
        "【标题】Cats",
        "[Title] Cats",
    ],
)
def test_the_repeated_title_is_dropped(line: str) -> None:
    assert texts(f"{line}\n\n{TEXT}") == [TEXT]


@pytest.mark.parametrize("line", ["# A Life with Cats", "Title: A Life with Cats", "**A Life with Cats**"])
def test_a_missing_title_is_taken_from_the_model(line: str) -> None:
    reader = ArticleReader("")
    list(reader.feed(f"{line}\n\n{TEXT}"))
    assert [section.text for section in reader.finish()] == [TEXT]
    assert reader.title == "A Life with Cats"


@pytest.mark.parametrize(
    "boilerplate",
    [
        "Sure, here is your article:",
        "Certainly! Below is a 300-word article about cats.",
        "Here's the guide you asked for:",
        "当然，以下是一篇关于猫的文章：",
        "好的，下面是文章：",
        "```markdown",
        "---",
        "[Image: a sleeping cat]",
        "（图片：一只猫）",
        "Introduction:",
        "## **",
        "![cat](cat.png)",
    ],
)
def test_what_is_no_part_of_the_article_is_dropped(boilerplate: str) -> None:
    assert texts(f"{boilerplate}\n\n{TEXT}") == [TEXT]


@pytest.mark.parametrize(
    "closer",
    [
        "Word count: 300",
        "(Word count: 298 words)",
        "I hope this helps!",
        "字数：500",
        "（完）",
        "希望这篇文章对您有帮助。",
    ],
)
def test_closing_remarks_to_the_reader_are_dropped(closer: str) -> None:
    assert texts(f"{TEXT}\n\n{closer}") == [TEXT]


@pytest.mark.parametrize(
    "references",
    [
        "## References\n\n[Cat care](https://cats.example/care).\n\n[Cats](https://cats.example).",
        "**Further Reading:**\n\n1. Smith, J. (2019). Cats at home. Cat Press.",
        "## 参考文献\n\n### 书籍\n\n1. 王某，《养猫》，某出版社，2019年。",
    ],
)
def test_references_that_the_model_made_up_are_dropped(references: str) -> None:
    assert texts(f"{TEXT}\n\n{references}") == [TEXT]
    after = "The cat goes out at night, and comes home in the morning."
    assert texts(f"{TEXT}\n\n{references}\n\n## At night\n\n{after}") == [TEXT, "At night", after]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("In conclusion, a cat is a friend.", "A cat is a friend."),
        ("To sum up, cats need care.", "Cats need care."),
        ("总之，猫是人类的好朋友，值得我们好好照顾。", "猫是人类的好朋友，值得我们好好照顾。"),
        ("综上所述，养猫需要耐心，也需要足够的时间。", "养猫需要耐心，也需要足够的时间。"),
        ("Paragraph 3: The cat hunts at night in the garden.", "The cat hunts at night in the garden."),
        (
            "Certainly cats have always been independent animals.",
            "Certainly cats have always been independent animals.",
        ),
        ("Of course a cat likes fish, and it likes cream too.", "Of course a cat likes fish, and it likes cream too."),
        (
            "3.14 is a number that every cat should know by heart.",
            "3.14 is a number that every cat should know by heart.",
        ),
        ("-5 degrees is too cold for a cat to stay outdoors.", "-5 degrees is too cold for a cat to stay outdoors."),
    ],
)
def test_stock_phrases_go_and_sentences_that_only_look_like_them_stay(line: str, kept: str) -> None:
    assert texts(f"{TEXT}\n\n{line}") == [TEXT, kept]


def test_empty_headings_are_dropped() -> None:
    text = (
        f"## Introduction\n{TEXT}\n## Food\n## Water\nIt drinks.\n## Conclusion\nIt purrs.\n"
        "## 结语：猫的未来\n它睡。\n## Left over"
    )
    assert read(text) == [
        ("paragraph", TEXT),
        ("heading", "Water"),
        ("paragraph", "It drinks."),
        ("paragraph", "It purrs."),
        ("heading", "猫的未来"),
        ("paragraph", "它睡。"),
    ]


@pytest.mark.parametrize(
    ("title", "heading", "left"),
    [
        ("故宫的雪", "故宫的雪：阳光下的冰凉与柔软", ["阳光下的冰凉与柔软"]),
        ("Why we dream", "Why We Dream — The Brain at Night", ["The Brain at Night"]),
        ("My grandfather's workshop", "Grandfather's Workshop", []),
        ("The history of coffee", "History of Coffee", []),
        ("Coffee", "Coffee and Tea: Friends", ["Coffee and Tea: Friends"]),
        ("Coffee", "Tea: The Rival", ["Tea: The Rival"]),
    ],
)
def test_headings_do_not_say_the_title_again(title: str, heading: str, left: list[str]) -> None:
    sections = read(f"{TEXT}\n## {heading}\nIt hunts at dawn, and sleeps again.", title)
    assert [text for kind, text in sections if kind == "heading"] == left


def test_a_heading_with_a_lower_one_below_stays() -> None:
    assert [kind for kind, _ in read(f"## Care\n### Food\n{TEXT}")] == ["heading", "heading", "paragraph"]


@pytest.mark.parametrize(
    "line", ["Feeding Your Cat", "一、选择猫粮", "【选择猫粮】", "**Feeding Your Cat**", "**Feeding:**"]
)
def test_short_lines_that_are_headings_become_headings(line: str) -> None:
    kinds = [kind for kind, _ in read(f"{TEXT}\n\n{line}\n\nIt eats twice a day, in the morning and in the evening.")]
    assert kinds == ["paragraph", "heading", "paragraph"]


@pytest.mark.parametrize(
    ("begun", "shown"),
    [
        ("feeding is most important for a cat.", "Feeding is most important for a cat."),
        ("iPhone users photograph their cats all day.", "iPhone users photograph their cats all day."),
        ("*soft* beds are what a cat likes best of all.", "*soft* beds are what a cat likes best of all."),
    ],
)
def test_a_paragraph_begins_with_a_capital_letter(begun: str, shown: str) -> None:
    assert read(f"## Feeding\n\n{begun}")[1] == ("paragraph", shown)


def test_a_heading_glued_to_a_sentence_gets_its_own_line() -> None:
    for piece in (1, 2, 3, 100):
        assert read(f"{TEXT} ## Food\nIt eats.", piece=piece) == [
            ("paragraph", TEXT),
            ("heading", "Food"),
            ("paragraph", "It eats."),
        ]
    assert texts("C# and F# are names; a cat has one too.") == ["C# and F# are names; a cat has one too."]


def test_short_list_items_become_one_sentence_and_long_ones_paragraphs() -> None:
    short = "You will need the following:\n- a bowl\n- a bed\n* toys\n\nThat is all you need for the beginning."
    assert texts(short) == [
        "You will need the following: a bowl; a bed; toys.",
        "That is all you need for the beginning.",
    ]
    long = [
        "Keep the box clean, and put it into a quiet corner of the flat where nobody walks by.",
        "Brush the fur once a week, with a soft brush that does not hurt the skin under it.",
    ]
    assert texts(f"Some tips. Here are two of them:\n\n1. {long[0]}\n2. {long[1]}") == ["Some tips.", *long]
    assert texts("需要准备：\n1. 猫粮\n2. 猫砂\n") == ["需要准备：猫粮；猫砂。"]


def test_tables_become_text() -> None:
    assert texts("| Food | Amount |\n|------|------|\n| Fish | 50 g |\n") == ["Food: Amount; Fish: 50 g."]


def test_a_broken_last_sentence_is_trimmed_only_after_a_cut() -> None:
    broken = f"{TEXT}\n\nIt eats fish. It drinks wat"
    assert texts(broken, cut=True) == [TEXT, "It eats fish."]
    assert texts(broken) == [TEXT, "It eats fish. It drinks wat"]
    assert texts(f"{TEXT}\n\nIt drinks wat", cut=True) == [TEXT]
    assert texts(f"{TEXT}\n\n## Foo", cut=True) == [TEXT]
    assert texts("只有半句话", cut=True) == ["只有半句话"]
    assert texts("猫喜欢睡觉。它每天要睡十几个", cut=True) == ["猫喜欢睡觉。"]
    assert texts('He said: "It sleeps." And the', cut=True) == ['He said: "It sleeps."']


def test_repetition_is_noticed_and_dropped() -> None:
    reader = ArticleReader("Cats")
    long = "The cat sleeps on the sofa in the living room, and the dog sleeps on the carpet next to it all day."
    list(reader.feed(f"{long}\n\n{TEXT}\n\n"))
    assert not reader.looping
    list(reader.feed(f"{long}\n\n"))
    assert reader.looping
    assert [section.text for section in reader.finish()] == [long, TEXT]
    changed = long.replace("carpet", "rug")
    assert texts(f"{long}\n\n{changed}\n\n{TEXT}") == [long, TEXT]


def test_inline_marks_are_limited_to_bold_italic_and_links() -> None:
    line = "A `cat` is __bold__ and <b>HTML</b> and **open, see [a page](https://a.b/c) or [bad](javascript:x)."
    assert texts(line) == ["A cat is **bold** and HTML and open, see [a page](https://a.b/c) or bad."]


def test_markup_of_others_stays_text() -> None:
    assert texts("<script>alert(1)</script> is what the cat wrote.") == [
        "<script>alert(1)</script> is what the cat wrote."
    ]


def test_windows_line_ends_and_blank_input() -> None:
    assert texts(f"{TEXT}\r\n\r\nIt eats.\r\n") == [TEXT, "It eats."]
    assert texts("\n \n\t\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nThe user wants an article.\n\nFirst the arms.\n</think>\n\n# The octopus\n\nIt has three hearts.\n",
        "The user wants an article. First the arms.\n</think>\n\nIt has three hearts.\n",
        "<|channel|>analysis<|message|>So.<|end|><|start|>assistant<|channel|>final<|message|>It has three hearts.",
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_what_a_model_thinks_aloud_is_no_part_of_the_article(text: str, piece: int) -> None:
    reader = ArticleReader("The octopus")
    for start in range(0, len(text), piece):
        list(reader.feed(text[start : start + piece]))
    assert [section.text for section in reader.finish()] == ["It has three hearts."]


def test_an_article_that_begins_with_a_mark_is_not_taken_for_a_thought() -> None:
    reader = ArticleReader("Less")
    list(reader.feed("<thinner> hair is no thought.\n"))
    assert reader.finish()[0].text.endswith("hair is no thought.")


def test_what_somebody_is_to_fill_in_is_left_out_with_the_words_above_it() -> None:
    named = "My own is called [Name of the Cat]."
    letter = f"Dear [Recipient's Name],\n\n{TEXT} {named} It is old.\n\nSincerely,\n\n[Your Name]"
    assert texts(letter) == [f"{TEXT} It is old."]
    assert texts("亲爱的【姓名】：\n\n猫喜欢睡觉。\n\n此致\n\n敬礼！\n\n[你的名字]") == ["猫喜欢睡觉。"]
    assert texts(f"{TEXT} See [Cats](https://example.org/) and note [1].") == [
        f"{TEXT} See [Cats](https://example.org/) and note [1]."
    ]
    reader = ArticleReader("A template of a letter", placeholders=True)
    list(reader.feed(letter))
    assert [section.text for section in reader.finish()][-1] == "[Your Name]"
    assert texts("[Your Name]") == ["[Your Name]"]  # all there is


def test_a_heading_that_stands_already_is_left_out_and_its_text_stays() -> None:
    again = "It eats fish, and sometimes it catches a mouse in the barn."
    assert read(f"## Food\n{TEXT}\n## Food\n{again}") == [
        ("heading", "Food"),
        ("paragraph", TEXT),
        ("paragraph", again),
    ]
    other = "At noon it lies on the wall, where the stones are warm."
    days = f"## Monday\n### Morning\n{TEXT}\n## Tuesday\n### Morning\n{again}\n### Noon\n{other}"
    assert [text for kind, text in read(days) if kind == "heading"] == [
        "Monday",
        "Morning",
        "Tuesday",
        "Morning",
        "Noon",
    ]


def test_an_english_i_in_a_chinese_sentence_is_put_into_chinese() -> None:
    assert texts("走出菜园的时候， I感到很累。I喜欢这里。") == ["走出菜园的时候，我感到很累。我喜欢这里。"]
    assert texts("他买了一台MIUI手机，I型的。") == ["他买了一台MIUI手机，I型的。"]
