"""How an article was made, for those who read it: the model, the seed and the gallery that it names itself."""

from collections.abc import Iterator

from common.messages import _
from composer.article import Article

MAKING = _("How this article was made")  # the heading above the lines


def made_lines(article: Article) -> Iterator[str]:
    """What is known of it, a sentence a line, in the article's language; none where nothing is known."""
    sampling = article.parameters.get("sampling")
    seed = sampling.get("seed") if isinstance(sampling, dict) else None
    gallery, illustrator = article.parameters.get("gallery"), article.parameters.get("illustrated_by")
    if article.model:
        yield _("The text was written with the model {model}.", model=article.model).text(article.language)
    if isinstance(seed, int):
        yield _("Seed: {seed}", seed=seed).text(article.language)
    if isinstance(illustrator, str) and illustrator not in ("", article.model):
        yield _("The pictures were chosen with the model {model}.", model=illustrator).text(article.language)
    if isinstance(gallery, str) and gallery:
        yield _("The gallery searched for pictures: {gallery}", gallery=gallery).text(article.language)
