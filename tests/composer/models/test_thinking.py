"""Thoughts of models: left out of replies, closed in prompts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.models.thinking import answer_in, empty_thought, may_think, with_thought_closed, without_thoughts

ANSWER = "The octopus has <b>three</b> hearts."


@pytest.mark.parametrize(
    "thought",
    [
        "",
        "<think>\nOkay, the user wants\n\nan article.\n</think>\n\n",
        "\n<think>\n\n</think>\n\n",
        "<think>a</think>\n<think>b</think>\n",
        "<thinking>Hm.</thinking>",
        "<Thought>Hm.</Thought>\n",
        "<seed:think>Hm.</seed:think>",
        "[THINK]Hm.[/THINK]",
        "◁think▷Hm.◁/think▷",
        "<|channel|>analysis<|message|>We need it.<|end|><|start|>assistant<|channel|>final<|message|>",
        "<|start|>assistant<|channel|>final<|message|>",
        "<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>",
        "analysisThe user wants an article.assistantfinal",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_answer_begins_after_the_thought(thought: str, size: int) -> None:
    end = "<|return|>" if "<|" in thought else ""
    reply = thought + ANSWER + end
    pieces = [reply[start : start + size] for start in range(0, len(reply), size)]
    assert "".join(without_thoughts(iter(pieces))) == ANSWER
    assert answer_in(reply) == ANSWER


@pytest.mark.parametrize(
    "reply", ["<think>and on and on", "<|channel|>analysis<|message|>Hm", "analysisWe need", "<thinking>"]
)
def test_a_reply_that_ends_within_its_thought_is_empty(reply: str) -> None:
    assert "".join(without_thoughts(iter(reply))) == ""


@pytest.mark.parametrize(
    "reply",
    [
        "<b>Bold</b> words",
        "<thin",
        "Analysis of the octopus",
        "analysis of the octopus",
        "Models write <think> before and </think> after a thought.",
        "The closing tag is `</think>`.",
        "[THIS] is kept",
        "<|im_start|> begins a turn",
    ],
)
def test_words_about_thoughts_are_none(reply: str) -> None:
    assert "".join(without_thoughts(iter(reply))) == reply
    assert answer_in(reply) == reply


@given(st.text(st.sampled_from("<>|/[]think analysis\n`A")), st.integers(1, 9))
def test_pieces_do_not_matter(reply: str, size: int) -> None:
    pieces = [reply[start : start + size] for start in range(0, len(reply), size)]
    assert "".join(without_thoughts(iter(pieces))) == "".join(without_thoughts(iter([reply])))


def test_a_thought_that_the_template_has_opened_ends_at_its_mark() -> None:
    assert answer_in("Okay, the arms first.\n</think>\n\nEight arms.") == "Eight arms."


@pytest.mark.parametrize(
    ("prompt", "closed"),
    [
        ("<|Assistant|>", "<|Assistant|>"),
        ("<|Assistant|><think>\n", "<|Assistant|><think>\n\n</think>\n\n"),
        ("assistant\n[THINK]", "assistant\n[THINK]\n\n[/THINK]\n\n"),
        ("assistant\n◁think▷", "assistant\n◁think▷\n\n◁/think▷\n\n"),
        ("<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"),
        ("<|end|><|start|>assistant", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ],
)
def test_an_opened_thought_is_closed_in_the_prompt(prompt: str, closed: str) -> None:
    assert with_thought_closed(prompt) == closed


def test_a_model_that_begins_with_a_thought_is_given_an_empty_one() -> None:
    assert empty_thought("<think>\nOkay, the") == "<think>\n\n</think>\n\n"
    assert empty_thought("Okay, the") == ""
    assert may_think("{{ content.split('</think>')[-1] }}")
    assert may_think("<|channel|>analysis")
    assert not may_think("<|im_start|>")
