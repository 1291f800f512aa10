"""The image classifier and its way into the space of words, real."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.encoders.base import encode_pictures
from retrieval.encoders.classifier import ImageLabeller, shared_labeller
from retrieval.encoders.labels import shared_label_encoder
from retrieval.encoders.text import MiniLmEncoder, shared_text_encoder
from retrieval.errors import EncoderUnavailable
from retrieval.gallery import Gallery
from tests.retrieval.conftest import ONE_WORKER

pytestmark = pytest.mark.real

PHOTOS = ("cheetah.jpg", "lion.jpg")


@pytest.fixture(scope="module")
def photos() -> Path:
    return Path(pytest.importorskip("gradio").__file__).parent / "media_assets" / "images"


def test_names_what_photographs_show(photos: Path) -> None:
    pictures = [Image.open(photos / name).convert("RGB") for name in PHOTOS]
    for labels, name in zip(shared_labeller().labels(pictures), ("cheetah", "lion"), strict=True):
        assert labels[0][0] == name
        assert 0.5 < labels[0][1] <= 1
        assert [p for _, p in labels] == sorted((p for _, p in labels), reverse=True)
        assert len(labels) == 5
    assert shared_labeller().labels([]) == []


def test_pictures_lie_near_their_words(photos: Path) -> None:
    encoder = shared_label_encoder()
    vectors = encode_pictures(encoder, [Image.open(photos / name).convert("RGB") for name in PHOTOS])
    words = encoder.encode_texts(["a cheetah on the grass", "a lion", "a bowl of soup"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors @ words.T).argmax(axis=1).tolist() == [0, 1]


def test_text_vectors_do_not_depend_on_company() -> None:
    encoder = shared_text_encoder()
    alone, together = encoder.encode_texts(["a cat"]), encoder.encode_texts(["a cat", "a long sentence about " * 9])
    assert np.allclose(alone[0], together[0], atol=1e-5)
    similar = encoder.encode_texts(["a kitten", "stock market"]) @ alone[0]
    assert similar[0] > 0.6 > 0.3 > similar[1]
    assert encoder.encode_texts([]).shape == (0, 384)


def test_pictures_without_words_are_marked_as_guessed(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number, name in enumerate(PHOTOS):
        Image.open(photos / name).convert("RGB").save(tmp_path / "pictures" / f"IMG_{number}.png")
    with Gallery.open(tmp_path / "g", create=True, encoder="labels") as gallery:
        gallery.add(tmp_path / "pictures", options=ONE_WORKER)
        hit = gallery.search("the king of animals, a lion", k=1)[0]
        assert hit.caption.startswith("lion")
        assert hit.approximate
        edited = gallery.edit(hit.id, caption="Simba at the zoo")
        assert not edited.approximate
        assert gallery.search("Simba", k=1)[0].id == hit.id


def test_other_weights_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "weights.pth"
    wrong.write_bytes(b"something else")
    with pytest.raises(EncoderUnavailable, match="pip install"):
        ImageLabeller(wrong)
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(EncoderUnavailable, match="pip install"):
        MiniLmEncoder(tmp_path)
