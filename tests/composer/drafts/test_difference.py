"""What differs between two texts and two articles."""

from hypothesis import given
from hypothesis import strategies as st

from composer.article import Article, Candidate, Illustration, Section
from composer.drafts import Piece, compare, difference


def test_words_in_english_and_characters_in_chinese() -> None:
    assert difference("A cat sleeps here.", "A dog sleeps.") == (
        Piece("same", "A "),
        Piece("removed", "cat"),
        Piece("added", "dog"),
        Piece("same", " sleeps"),
        Piece("removed", " here"),
        Piece("same", "."),
    )
    assert difference("猫在睡觉", "狗在睡") == (
        Piece("removed", "猫"),
        Piece("added", "狗"),
        Piece("same", "在睡"),
        Piece("removed", "觉"),
    )


WORDS = st.text(st.sampled_from("ab 猫狗.,\n'_é\u0301😀"), max_size=40)


@given(WORDS, WORDS)
def test_the_pieces_give_both_texts_back(before: str, after: str) -> None:
    pieces = difference(before, after)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == after


def test_sections_are_compared_with_their_counterparts() -> None:
    one, other = Candidate("p1", "/1"), Candidate("p2", "/2")
    before = Article(
        "Cats",
        (
            Section("s1", "Same."),
            Section("s2", "Old text."),
            Section("s3", "Gone."),
            Section("s4", "Shown.", illustration=Illustration("A cat", chosen=one)),
        ),
    )
    after = Article(
        "Cats",
        (
            Section("s1", "Same."),
            Section("s2", "New text."),
            Section("s4", "Shown.", illustration=Illustration("A dog", chosen=other)),
            Section("s5", "Fresh."),
        ),
    )
    found = compare(before, after)
    assert [(change.id, change.kind) for change in found] == [
        ("title", "same"),
        ("s1", "same"),
        ("s2", "changed"),
        ("s3", "removed"),
        ("s4", "changed"),
        ("s5", "added"),
    ]
    assert found[4].picture == ("A cat", "A dog")
    assert found[2].pieces[:2] == (Piece("removed", "Old"), Piece("added", "New"))


def test_a_changed_alternative_text_is_shown_where_the_caption_is_the_same() -> None:
    def article(alt: str) -> Article:
        return Article("Cats", (Section("s1", "Shown.", illustration=Illustration("A cat", alt=alt)),))

    assert compare(article(""), article("A grey cat"))[1].picture == ("", "A grey cat")
    assert compare(article("A cat"), article("A cat"))[1].kind == "same"
