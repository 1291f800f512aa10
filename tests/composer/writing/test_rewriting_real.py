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


@pytest.mark.parametrize("wish", ["mention that it rains in November", "mention the trams"])
def test_a_wish_is_done_and_not_copied_into_the_text(embedded_model: "GgufModel", wish: str) -> None:
    article = Article("A weekend in Lisbon", (Section("s1", LISBON),))
    *_pieces, proposal = rewrite(
        embedded_model, article, "s1", "rewrite", instruction=wish, sampling=replace(ANEW, seed=1)
    )
    assert isinstance(proposal, Proposal)
    written = proposal.apply(article).section("s1").text
    assert [word for word in ("paragraph", "wish", "mention", "change") if word in written.lower()] == []
    assert ("rain" if "rain" in wish else "tram") in written
