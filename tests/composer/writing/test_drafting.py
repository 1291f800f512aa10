"""The text of an article as the pipeline has it written: its end, its circles, its letters, its seed."""

from collections.abc import Sequence

import pytest

from composer.events import Notice
from composer.models.base import Message, Sampling
from composer.pipeline import Composer, Options
from tests.composer.answering import TITLE
from tests.fakes import FakeGallery, FakeModel


@pytest.mark.parametrize(
    ("title", "readers", "without"),
    [
        ("我的爷爷是木匠", "", "latin"),
        ("GPS 的历史", "", "latin"),
        ("iPhone 评测", "", None),
        ("猫", "fans of cats", None),
        (TITLE, "", "han"),
        ("What the word 茶 means", "", None),
    ],
)
def test_an_article_has_no_words_of_the_other_language_unless_one_was_given(
    gallery: FakeGallery, title: str, readers: str, without: str | None
) -> None:
    model = FakeModel()
    list(Composer(model, gallery).compose(title, Options(pictures=0, readers=readers)))
    assert model.samplings[0].without == without


def test_a_chosen_seed_makes_a_text_that_can_be_made_again(gallery: FakeGallery) -> None:
    model = FakeModel()
    for seed in (5, None):
        list(
            Composer(model, gallery).compose(TITLE, Options(pictures=0, sampling=Sampling(temperature=0.4, seed=seed)))
        )
    chosen, drawn = model.samplings
    assert (chosen.seed, chosen.repeatable, drawn.repeatable) == (5, True, False)


def test_the_token_limit_ends_with_a_full_sentence(gallery: FakeGallery) -> None:
    model = FakeModel(article="The cat sleeps in the sun on the sofa. It dreams of a fish that nobody")
    pieces = -(-len(model.article) // model.piece)
    for tokens, last in ((pieces, "sofa."), (pieces + 1, "nobody")):
        composer = Composer(model, gallery)
        list(composer.compose(TITLE, Options(pictures=0, sampling=Sampling(max_tokens=tokens))))
        assert composer.article.sections[-1].text.endswith(last)


def test_a_model_that_repeats_itself_is_stopped(gallery: FakeGallery) -> None:
    paragraph = "The cat sleeps in the sun on the sofa, and it dreams of a fish that nobody else can see, all day long."
    model = FakeModel(article=f"{paragraph}\n\n" * 50)
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=0)))
    assert [section.text for section in composer.article] == [paragraph]
    assert model.usage.generated < 5 * len(paragraph) / model.piece


def test_a_text_that_goes_in_circles_goes_on_from_before_them(gallery: FakeGallery) -> None:
    """As small models do: the same paragraph for one room after the other."""
    first = "One day I came home, and the goldfish that I love so much was gone from its bowl in the living room."
    circles = [
        f"Then I went to the {room} to look for my goldfish. I asked them all, and they said that they had not seen "
        "it. I felt helpless, because I did not know whether it was alive."
        for room in ("kitchen", "garden", "bathroom", "attic")
    ]
    end = "In the evening my sister brought it back in a bucket: she had shown it to her class at school."

    def written(messages: Sequence[Message]) -> str:
        return f"{end}\n\n{first}\n\n" if messages[-1].role == "assistant" else "\n\n".join((first, *circles))

    model = FakeModel(answer=written)
    composer = Composer(model, gallery)
    events = list(composer.compose(TITLE, Options(pictures=0, sampling=Sampling(temperature=0.4, seed=7))))
    assert [section.text for section in composer.article] == [first, end]
    assert len({section.id for section in composer.article}) == 2
    assert not any(isinstance(event, Notice) for event in events)
    once, again = model.samplings
    assert again.temperature > once.temperature
    assert again.seed != once.seed
    assert len(model.prompts) == 2
    assert circles[0] not in model.prompts[1][-1].text


def test_what_the_model_was_told_is_left_out_of_the_text(gallery: FakeGallery) -> None:
    scene = "清晨，外婆把面团揉好，放在窗台上醒着。"
    echoes = "下面，我将从一个具体的场景开始，讲述怎样做面包。"
    about = "这是一篇关于面包的散文式文章，从一个具体的场景写起。通过描写面包，表达了对外婆的爱。"
    composer = Composer(FakeModel(article=f"{scene}{echoes}\n\n她把炉子烧热。\n\n{about}"), gallery)
    list(composer.compose("外婆的面包", Options(pictures=0)))
    assert [section.text for section in composer.article] == [scene, "她把炉子烧热。"]


def test_what_a_person_wished_may_be_said(gallery: FakeGallery) -> None:
    wish = "写一篇关于外婆的文章，从一个下雨的早晨写起"
    text = "我要从一个下雨的早晨写起，那天外婆在门口等我。"
    composer = Composer(FakeModel(article=text), gallery)
    list(composer.compose(wish, Options(pictures=0)))
    assert [section.text for section in composer.article] == [text]


def test_a_template_keeps_what_is_to_be_filled_in(gallery: FakeGallery) -> None:
    letter = "Dear [Name],\n\nI thank you for the cat that you sent me last week."
    for wish, first in (("A letter of thanks", "I thank you"), ("Write a template of a letter", "Dear [Name],")):
        composer = Composer(FakeModel(article=letter), gallery)
        list(composer.compose(wish, Options(pictures=0)))
        assert composer.article.sections[0].text.startswith(first)
