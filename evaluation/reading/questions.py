"""Questions from tables with a picture in every row, as VLMEvalKit and OpenCompass distribute benchmarks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from common.messages import _
from evaluation.errors import DataUnusable
from evaluation.questions import PictureSource, Question
from evaluation.reading.records import Record, decode_base64, unusable
from evaluation.reading.tables import PictureInTable, columns, read_table

LONGEST_REFERENCE = 64  # characters: what is shorter is the index of the row that holds the picture

# A row without its picture -> the question; None for a row that is left out.
AsQuestion = Callable[[Record], Question | None]


def read_picture_table(path: Path, needed: Sequence[str], as_question: AsQuestion) -> list[Question]:
    """The questions of a table with the columns `index`, `image` and those `needed`.

    A picture is base64, or the index of another row that has it, or bytes in a parquet file. Raises DataUnusable, which
    names file and line.
    """
    if path.suffix.lower() == ".xlsx":
        raise DataUnusable(place=path, reason=_("a sheet cannot hold pictures; give the .tsv file of the benchmark."))
    names = columns(path) if path.is_file() else []
    missing = [name for name in ("index", "image", *needed) if name not in names]
    if names and missing:
        raise DataUnusable(
            place=path,
            reason=_(
                "it has no column {missing}; its columns are {found}. Is it the file of another benchmark?",
                missing=missing,
                found=names[:16],
            ),
        )
    column = names.index("image") if names else 0
    found: list[tuple[Question, str, int]] = []  # question, index of the row that holds its picture, line
    pictures: dict[str, PictureSource] = {}
    for record in read_table(path):
        index, image = record.get("index"), record.get("image")
        if not index:
            raise unusable(path, record.line, _("it has no index."))
        question = as_question(record)
        if question is None:
            continue
        if record.picture is not None:
            pictures[index], image = record.picture, index
        elif len(image) > LONGEST_REFERENCE or (image and not image.isdigit()):
            decode_base64(image, path, record.line)  # better now than after hours
            pictures[index] = PictureInTable(path, record.line, record.start, record.size, column)
            image = index
        found.append((question, image, record.line))
    return list(_with_pictures(path, found, pictures))


def _with_pictures(
    path: Path, found: list[tuple[Question, str, int]], pictures: dict[str, PictureSource]
) -> Iterator[Question]:
    lines: dict[str, int] = {}
    for question, holder, line in found:
        if question.id in lines:
            raise unusable(
                path,
                line,
                _("the index {index} was in line {first} already.", index=question.id, first=lines[question.id]),
            )
        lines[question.id] = line
        picture = pictures.get(holder)
        if picture is None:
            reason = (
                _("the picture is said to be that of index {holder}, which has none.", holder=holder)
                if holder
                else _("it has no picture.")
            )
            raise unusable(path, line, reason)
        yield replace(question, picture=picture)
    if not found:
        raise DataUnusable(place=path, reason=_("it holds no question."))


def options_of(record: Record, letters: str = "ABCDE") -> tuple[tuple[str, str], ...]:
    """Letter and text of the options that a row has."""
    return tuple((letter, record.fields[letter]) for letter in letters if letter in record.fields)


def right_letter(record: Record, path: Path) -> tuple[str, ...]:
    """The right option's letter, in upper case; nothing where it is not published. Raises DataUnusable."""
    answer = record.get("answer").strip(" .()").upper()
    if answer and answer not in record.fields:
        raise unusable(path, record.line, _("the answer is '{answer}', and there is no such option.", answer=answer))
    return (answer,) if answer else ()
