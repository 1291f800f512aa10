"""Ids and texts of the tokenizer: the recorded ones with the published file, the rules with one trained on the spot."""

import json
from pathlib import Path

import pytest

from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.xcomposer.checkpoint.tokenizer import XComposerTokenizer


@pytest.fixture(scope="module")
def published(reference: Path) -> XComposerTokenizer:
    return XComposerTokenizer.from_folder(reference / "checkpoints/internlm-xcomposer-4bit")


def test_every_recorded_string(published: XComposerTokenizer, reference: Path) -> None:
    recorded = json.loads((reference / "golden/tokenizer/internlm-xcomposer.json").read_text("utf-8"))
    assert len(recorded["encode"]) == 60
    for entry in recorded["encode"]:
        text = entry["text"]
        assert published.encode(text) == entry["ids"], text
        assert published.encode(text, bos=True) == entry["ids_special"], text
        assert published.decode(entry["ids"], skip_special=False) == entry["decode_keep"], text
        assert published.decode(entry["ids"]) == entry["decode_skip"], text
        assert published.decode(entry["ids_special"], skip_special=False) == entry["decode_special_keep"], text
        assert published.decode(entry["ids_special"]) == entry["decode_special_skip"], text
    for entry in recorded["decode"]:
        assert published.decode(entry["ids"], skip_special=False) == entry["keep"], entry["ids"]
        assert published.decode(entry["ids"]) == entry["skip"], entry["ids"]


def test_ids_the_model_relies_on(published: XComposerTokenizer) -> None:
    assert (published.unk, published.bos, published.eos, published.pad) == (0, 1, 2, 2)
    assert (published.end_of_human, published.end_of_bot, len(published)) == (103027, 103028, 103168)


def test_the_vl_variant_has_two_tokens_more(reference: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").symlink_to(reference / "checkpoints/internlm-xcomposer-4bit/tokenizer.model")
    (tmp_path / "added_tokens.json").symlink_to(reference / "checkpoints/internlm-xcomposer-vl/added_tokens.json")
    tokenizer = XComposerTokenizer.from_folder(tmp_path)
    assert len(tokenizer) == 103170
    letter = tokenizer.encode("a")
    # the blanks beside an added token go with it, and come back as one blank
    assert tokenizer.encode("a <ITG_TOKEN>  a") == [*letter, 103168, *letter]
    assert tokenizer.decode([*letter, 103168, *letter]) == "a <ITG_TOKEN> a"
    assert tokenizer.decode([1, 103169], skip_special=False) == " <s> <SOI_TOKEN>"
    assert tokenizer.id("<SOI_TOKEN>") == 103169


def test_rules_without_the_published_file(tokenizer_file: Path) -> None:
    tokenizer = XComposerTokenizer(tokenizer_file, {"<EXTRA>": 9999})
    text = "A cat  needs 水 and\n新词 \U0001f600"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode("Hello") != tokenizer.encode(" Hello")
    assert tokenizer.encode("cat <s> cat") == [*tokenizer.encode("cat"), 1, *tokenizer.encode("cat")]
    assert tokenizer.decode(tokenizer.encode("cat <EXTRA>cat")) == "cat <EXTRA> cat"
    ended = [*tokenizer.encode("cat"), tokenizer.end_of_bot, 2]
    assert tokenizer.decode(ended) == "cat<TOKENS_UNUSED_1>"
    assert tokenizer.decode(ended, skip_special=False) == " cat<TOKENS_UNUSED_1></s>"
    with pytest.raises(KeyError):
        tokenizer.id("<NO_SUCH_TOKEN>")


def test_missing_and_broken_files_are_named(tmp_path: Path, tokenizer_file: Path) -> None:
    with pytest.raises(ModelFilesMissing, match=r"tokenizer\.model"):
        XComposerTokenizer.from_folder(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"no model at all")
    with pytest.raises(ModelFilesBroken, match="SentencePiece cannot read it"):
        XComposerTokenizer.from_folder(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(tokenizer_file.read_bytes())
    (tmp_path / "added_tokens.json").write_text("[1, 2", "utf-8")
    with pytest.raises(ModelFilesBroken, match=r"added_tokens\.json"):
        XComposerTokenizer.from_folder(tmp_path)
