"""What a model is asked to do with one section of an article. The same for every family: none was trained for it."""

from typing import Literal

from composer.article import Article, Language, Section
from composer.models import Message, assistant, system, user
from composer.prompts.style import Style

Rewriting = Literal[
    "rewrite",
    "expand",
    "shorten",
    "simplify",
    "correct",
    "tone",
    "translate",
    "continue",
    "insert_before",
    "insert_after",
]
INSERTING: tuple[Rewriting, ...] = ("insert_before", "insert_after")  # give a section of their own

_SYSTEM: dict[Language, str] = {
    "en": "You edit articles. You answer with the new text only: no comment, no quotation marks, no list.",
    "zh": "你是文章编辑。只回答修改后的文字，不加说明，不加引号，不用列表。",
}
_TASKS: dict[Language, dict[str, str]] = {
    "en": {
        "rewrite": "Write this {kind} anew in other words. Keep its meaning, its facts and its length.",
        "expand": "Write this {kind} anew, twice as long, with concrete details.",
        "shorten": "Write this {kind} anew with half as many words. Keep what matters most.",
        "simplify": "Write this {kind} anew in short sentences and simple words that a child understands.",
        "correct": "Correct spelling, grammar and punctuation of this {kind}. Change nothing else.",
        "tone": "Write this {kind} anew in the tone of {tone}. Keep its facts.",
        "translate": "Translate this {kind} into {language}.",
        "insert": "Write a new paragraph of about 50 words for this article. It says something else than this {kind}.",
        "insert_before": "Write a paragraph of about 50 words that comes before this {kind} and says something else.",
    },
    "zh": {
        "rewrite": "请换一种说法重写这{kind}，意思、事实和长度不变。",
        "expand": "请扩写这{kind}，写到原来的两倍长，加入具体的细节。",
        "shorten": "请把这{kind}缩写到一半的长度，保留最重要的内容。",
        "simplify": "请用孩子也能懂的短句和简单的词重写这{kind}。",
        "correct": "请改正这{kind}中的错别字、语法和标点，其他不要改。",
        "tone": "请用{tone}的语气重写这{kind}，事实不变。",
        "translate": "请把这{kind}翻译成{language}。",
        "insert": "请为这篇文章写一个约八十字的新段落，内容不要与这{kind}重复。",
        "insert_before": "请写一个约八十字的新段落，放在这{kind}之前，内容不要与它重复。",
    },
}
# A small model that is only told to write Chinese anew copies it; shown twice what that is, it changes the words.
_ASKED_ANEW = "文章《海边的小镇》中的一段：\n\n傍晚，渔船一只接一只地回来，孩子们跑到码头上，数着船上的灯。\n\n"
_EXAMPLES = (
    user(_ASKED_ANEW + "请换一种说法重写这段文字，意思、事实和长度不变。"),
    assistant("天快黑时，渔船陆续靠岸。孩子们奔向码头，一盏一盏地数着船灯。"),
    user(_ASKED_ANEW + "请用儿童读物的语气重写这段文字，事实不变。"),
    assistant("天黑啦！小渔船一只、两只、三只，都回家啦。小朋友们跑到码头上，数一数船上亮晶晶的灯。"),
)
_BY_EXAMPLE = ("rewrite", "tone", "simplify")
_KINDS: dict[Language, tuple[str, str]] = {"en": ("heading", "paragraph"), "zh": ("个小标题", "段文字")}
_LANGUAGES: dict[str, tuple[str, str]] = {"en": ("English", "英文"), "zh": ("Chinese", "中文")}


def rewriting(
    article: Article, section: Section, task: Rewriting, *, instruction: str = "", tone: str = "", into: str = ""
) -> list[Message]:
    """Asks for the new text of this section (or, inserting, of one beside it), and for nothing else.

    instruction: what the person wants besides, or, with "rewrite", instead. tone: a name in `TONES`, or words.
    into: code or name of the language to translate into; the other one of English and Chinese where empty.
    """
    language: Language = article.language
    place = 1 if language == "zh" else 0
    text = section.text  # with its bold and links, which a model keeps where it can
    if task == "continue" or (task == "insert_after" and not instruction):
        # Asked what comes next, a small model repeats what stands there; in the middle of its own answer it goes on.
        wanted = f"写一篇文章，题目：{article.title}" if place else f"Write an article. Title: {article.title}"
        wanted += (f"\n要求：{instruction}" if place else f"\nThe wish: {instruction}") if instruction else ""
        return [user(wanted), assistant(text.rstrip() + ("\n\n" if task == "insert_after" else ""))]
    words = _TASKS[language]["insert" if task in INSERTING and instruction else task]
    by_wish = task == "rewrite" and bool(instruction)
    if by_wish:
        # Told of a wish in a sentence of its own, a small model copies both below the unchanged text.
        words = "请按要求修改这{kind}。" if place else "Rewrite this {kind} with this change: "
    into = into or ("en" if language == "zh" else "zh")
    asked = words.format(
        kind=_KINDS[language][section.kind != "heading"],
        tone=Style(tone=tone or "neutral").tone_in(language),
        language=_LANGUAGES.get(into, (into, into))[place],
    )
    if by_wish and not place:
        asked += instruction
    elif instruction:
        asked += f"\n要求：{instruction}" if place else f"\nThe wish: {instruction}"
    examples = _EXAMPLES if place and task in _BY_EXAMPLE and section.kind != "heading" else ()
    return [system(_SYSTEM[language]), *examples, user(f"{introduction(article)}\n\n{text}\n\n{asked}")]


def introduction(article: Article) -> str:
    """What stands above the text that is to be written anew. Small models copy it, too."""
    return f"文章《{article.title}》中的一段：" if article.language == "zh" else f"From the article '{article.title}':"
