"""Builds the published tokenizer as a tokenizer.json, which other engines read without SentencePiece or our code."""

from collections.abc import Sequence
from typing import Any

from composer.models.xcomposer.checkpoint.tokenizer import XComposerTokenizer

BLANK = "\u2581"  # how SentencePiece writes a blank


def build_fast_tokenizer(tokenizer: XComposerTokenizer, extra: Sequence[str], template: str) -> Any:
    """A PreTrainedTokenizerFast with the same ids.

    extra: further special tokens, which get the ids after the last one, in order. template: the chat template (Jinja).
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import generate_merges

    pieces = tokenizer.pieces()
    plain = {piece.text: piece.score for piece in pieces if piece.kind == "normal"}
    vocabulary = {piece.text: number for number, piece in enumerate(pieces)}
    merges = generate_merges({text: vocabulary[text] for text in plain}, plain)
    unknown = pieces[tokenizer.unk].text
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
    core.normalizer = normalizers.Replace(" ", BLANK)
    core.decoder = decoders.Sequence([decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()])

    def token(text: str, *, special: bool, strip: bool) -> Any:
        return AddedToken(text, special=special, lstrip=strip, rstrip=strip, normalized=False)

    core.add_tokens([token(p.text, special=False, strip=False) for p in pieces if p.kind == "defined"])
    specials = [pieces[i].text for i in (tokenizer.unk, tokenizer.bos, tokenizer.eos)]
    # as published, these absorb the blanks beside them
    core.add_special_tokens([token(text, special=True, strip=True) for text in specials])
    # when decoded these are joined to the text around them without blanks
    core.add_tokens([token(text, special=False, strip=True) for text in sorted(tokenizer.added, key=tokenizer.id)])
    core.add_special_tokens([token(text, special=True, strip=False) for text in extra])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=specials[1],
        eos_token=specials[2],
        unk_token=specials[0],
        pad_token=specials[2],
        clean_up_tokenization_spaces=False,
        chat_template=template,
    )
