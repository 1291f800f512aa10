"""Sections written anew by the embedded model: what a fake cannot show."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from composer.article import Article, Section
from composer.writing.rewriting import ANEW, Proposal, rewrite

if TYPE_CHECKING:
    from composer.models.gguf.model import GgufModel

pytestmark = pytest.mark.real

LISBON = (
    "Lisbon is a city that has captivated visitors from around the world for centuries, offering a unique blend of "
    "culture, history, and natural beauty. Whether you are looking to explore the vibrant streets of the city center, "
    "soak up the atmosphere of the port, or simply relax on the beach, there is something for everyone in Lisbon."
)
TRIES, ENOUGH = 3, 2


def test_a_wish_is_done_and_not_copied_into_the_text(embedded_model: "GgufModel") -> None:
    """Two of three times at least: the model is small, and what it draws depends on the processor."""
    article = Article("A weekend in Lisbon", (Section("s1", LISBON),))
    texts: list[str] = []
    done: list[bool] = []
    for seed in range(1, TRIES + 1):
        sampling = replace(ANEW, seed=seed, repeatable=True)
        *_pieces, proposal = rewrite(
            embedded_model, article, "s1", "rewrite", instruction="mention the trams", sampling=sampling
        )
        assert isinstance(proposal, Proposal)
        text = proposal.apply(article).section("s1").text.lower()
        texts.append(text)
        done.append("tram" in text and not any(word in text for word in ("paragraph", "wish", "change")))
        if sum(done) == ENOUGH:
            break
    assert sum(done) == ENOUGH, texts
