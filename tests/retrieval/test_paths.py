"""Paths in the catalogue and back, whatever is in them."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrieval import paths
from retrieval.index import stored_words
from retrieval.ingest.metadata import Beside, caption_from_name, path_words
from retrieval.ingest.scan import scan_folder
from retrieval.paths import MARK, folder_counts, is_unicode, openable, real_path, stored_path, under
from retrieval.pictures import SUFFIXES, UNREAD_SUFFIXES, suffix_of

_BYTES = st.binary(min_size=1, max_size=12).filter(lambda name: not {b"/"[0], 0} & set(name))
# names as a Unix disk has them, often in several encodings, and what only this module makes
NAMES = st.one_of(
    _BYTES.map(os.fsdecode),
    st.text(min_size=1, max_size=12).map(lambda text: text.replace("/", "").replace("\0", "") or "a"),
    st.sampled_from(["caf\udce9", "café", "cafe\u0301", f"{MARK}dce9", MARK, "a b", "猫", "..."]),
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
WORDS = st.text(st.characters(categories=["L"]), min_size=1, max_size=10)


@settings(deadline=None)  # the machine may be busy
@given(PATHS)
def test_every_path_comes_back_from_the_catalogue(path: str) -> None:
    stored = stored_path(path)
    stored.encode("utf-8")
    assert real_path(stored) == path
    assert is_unicode(stored)
    if is_unicode(path) and MARK not in path:
        assert stored == path


@settings(deadline=None)
@given(PATHS, PATHS)
def test_no_two_paths_have_the_same_form(path: str, other: str) -> None:
    assert (stored_path(path) == stored_path(other)) == (path == other)


@settings(deadline=None)
@given(PATHS, st.one_of(PATHS, NAMES.map("{}".format)), st.booleans())
def test_what_is_under_a_folder(root: str, other: str, inside: bool) -> None:
    path = f"{root}/{other.strip('/')}" if inside else f"/{other.strip('/')}"
    first, end = under(root)
    # SQLite compares the bytes of UTF-8, as Python compares characters
    assert (first.encode() <= stored_path(path).encode() < end.encode()) == path.startswith(f"{root}/")


@settings(deadline=None)
@given(st.lists(PATHS, min_size=1, max_size=5))
def test_folders_count_what_is_in_them_and_below(files: list[str]) -> None:
    counts = folder_counts(files)
    for folder, count in counts.items():
        assert count == sum(file.startswith(folder.rstrip("/") + "/") for file in files)
    assert all(os.path.split(file)[0] in counts for file in files)


@settings(deadline=None)
@given(WORDS)
def test_a_name_says_the_same_however_its_accents_are_written(word: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
    assert caption_from_name(composed) == caption_from_name(decomposed)
    names = [stored_words(path_words(f"/a/{name}/{name}.jpg")) for name in (composed, decomposed)]
    assert names[0] == names[1]


@settings(deadline=None)
@given(PATHS)
def test_words_of_every_path_are_text(path: str) -> None:
    assert is_unicode(path_words(path))
    assert is_unicode(caption_from_name(Path(path).stem))


@settings(deadline=None)
@given(st.sampled_from(sorted(SUFFIXES | UNREAD_SUFFIXES)), NAMES, st.randoms(use_true_random=False))
def test_an_ending_counts_in_any_case(suffix: str, name: str, random: object) -> None:
    mixed = "".join(random.choice((c.lower(), c.upper())) for c in suffix)  # type: ignore[attr-defined]
    assert suffix_of(f"a{name}{mixed}") == suffix


@settings(deadline=None)
@given(
    st.sampled_from([".txt", ".xmp", ".json"]),
    WORDS,
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from([str, str.upper]),
)
def test_words_beside_a_picture_are_found_in_any_spelling(suffix: str, stem: str, form: str, case: type[str]) -> None:
    beside = unicodedata.normalize(form, stem) + case(suffix)
    assert Beside([f"{stem}.jpg", beside]).of(f"{stem}.jpg") == [beside]


@settings(deadline=None)
@given(WORDS)
def test_words_beside_a_picture_belong_to_no_other_that_differs_in_case(stem: str) -> None:
    other = stem.swapcase()
    assume(other != stem)
    beside = Beside([f"{stem}.jpg", f"{other}.jpg", f"{stem}.txt"])
    assert beside.of(f"{stem}.jpg") == [f"{stem}.txt"]
    assert beside.of(f"{other}.jpg") == []


@pytest.mark.skipif(os.name == "nt", reason="names of files are bytes on Unix only")
def test_each_name_of_a_path_is_read_in_its_own_encoding() -> None:
    assert path_words(os.fsdecode("/照片/".encode() + b"caf\xe9.jpg")) == "café / 照片"


@pytest.mark.skipif(os.name == "nt", reason="names of files are bytes on Unix only")
def test_every_name_that_a_disk_takes_is_found(tmp_path: Path) -> None:
    names = {bytes([code]) * 3 + b".jpg" for code in range(1, 256) if code not in b"/."}
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    found = {os.fsencode(Path(job.path).name) for job in scan_folder(tmp_path).jobs}
    assert found == names


@pytest.mark.parametrize(
    ("path", "extended"),
    [
        (rf"C:\Users\Ann\{'a' * 250}\b.jpg", rf"\\?\C:\Users\Ann\{'a' * 250}\b.jpg"),
        (rf"\\nas\photos\{'a' * 250}\b.jpg", rf"\\?\UNC\nas\photos\{'a' * 250}\b.jpg"),
        (r"C:\Users\Ann\b.jpg", r"C:\Users\Ann\b.jpg"),
    ],
)
def test_windows_opens_long_paths_in_their_extended_form(
    monkeypatch: pytest.MonkeyPatch, path: str, extended: str
) -> None:
    assert openable(path) == path  # elsewhere no path has another form
    monkeypatch.setattr(paths, "_WINDOWS", True)
    assert openable(path) == extended
    assert openable(extended) == extended
    assert stored_path(extended) == path
    assert real_path(path) == extended
