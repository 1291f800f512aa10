"""A conversation as a tree: which path is shown, and what can be paged through."""

import pytest

from composer.conversations import Exchange, Tree, answers, wordings


def questions(tree: Tree) -> list[str]:
    return [exchange.question for exchange in tree.path]


def versions(tree: Tree, exchange_id: int) -> tuple[int, ...]:
    exchange = tree.get(exchange_id)
    return answers(tree.siblings[exchange.parent], exchange)


def questions_like(tree: Tree, exchange_id: int) -> tuple[int, ...]:
    exchange = tree.get(exchange_id)
    return wordings(tree.siblings[exchange.parent], exchange)


def test_versions_and_wordings_stand_side_by_side_and_lead_where_they_led() -> None:
    tree = Tree().with_exchange(Exchange("Where?", answer="Here."))
    tree = tree.with_exchange(Exchange("When?", parent=1, answer="Now."))
    tree = tree.with_exchange(Exchange("Where?", parent=0, first=1, answer="There."))  # answered again
    assert questions(tree) == ["Where?"]
    assert tree.last == 3
    assert versions(tree, 3) == versions(tree, 1) == (1, 3)
    assert questions_like(tree, 3) == (3,)
    tree = tree.with_exchange(Exchange("Whither?", parent=0, answer="Away."))  # in other words
    assert questions_like(tree, 4) == (3, 4)
    assert versions(tree, 4) == (4,)
    tree = tree.showing(1)
    assert questions(tree) == ["Where?", "When?"]  # with what followed it
    assert questions_like(tree, 1) == (1, 4)
    assert [one.id for one in tree.path_to(2)] == [1, 2]
    assert Tree().path == ()
    with pytest.raises(KeyError):
        tree.showing(9)


def test_an_exchange_that_grows_takes_its_own_place() -> None:
    tree = Tree().with_exchange(Exchange("Where?")).with_exchange(Exchange("Who?", parent=1))
    grown = tree.with_exchange(Exchange("Where?", id=1, first=1, answer="Here."))
    assert [(one.id, one.answer) for one in grown.exchanges] == [(1, "Here."), (2, "")]
    assert grown.last == 2
