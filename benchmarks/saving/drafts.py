"""python -m benchmarks.saving.drafts: what drafts cost. An article of 60 sections and 30 pictures is saved, opened and
undone; 1,000 drafts are listed and searched. The folder of drafts is a temporary one, or
--folder DIR on the disk to measure.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from composer.article import Article, Candidate, Evidence, Illustration, Section
from composer.drafts import DraftStore

SECTIONS, PICTURES, DRAFTS, ROUNDS = 60, 30, 1000, 200
TEXT = "the cat sleeps beside a warm window and drinks fresh water every morning while rain falls slowly outside"
WORDS = TEXT.split()


def article(pictures: list[Path], chance: random.Random) -> Article:
    """70 words a section; every second one has a picture, chosen among five candidates with their evidence."""

    def candidate() -> Candidate:
        number = chance.randrange(len(pictures))
        evidence = Evidence("a grey cat beside a window", True, 1, ("cat", "grey"), 0.5, 0.71, False, 0.83)
        known = ("OpenMoji – Daniel Utz", "CC BY-SA 4.0", "https://openmoji.org/library/")
        return Candidate(f"openmoji-{number}", str(pictures[number]), "grey cat", 0.5, 0.2, 0.8, evidence, *known)

    sections = []
    for number in range(SECTIONS):
        offered = tuple(candidate() for _ in range(5))
        shown = Illustration("A grey cat", "cat", candidates=offered, chosen=offered[0]) if number % 2 else None
        sections.append(Section(f"s{number}", " ".join(chance.choices(WORDS, k=70)), illustration=shown))
    return Article("Cats", tuple(sections), parameters={"seed": 1})


def milliseconds(work: Callable[[], object], rounds: int) -> str:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return f"median {statistics.median(times):.1f} ms, slowest of {rounds} {max(times):.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where the drafts are kept while this runs")
    arguments = parser.parse_args()
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        pictures = []
        for number in range(PICTURES):
            pictures.append(Path(scratch, f"{number}.png"))
            Image.frombytes("RGB", (200, 150), chance.randbytes(90_000)).save(pictures[-1])
        store = DraftStore(Path(scratch, "data"))
        drafts = store.of("ann")
        whole = article(pictures, chance)
        start = time.perf_counter()
        draft = drafts.create(whole)
        print(f"first save, {PICTURES} pictures copied: {1000 * (time.perf_counter() - start):.1f} ms")

        def edit() -> None:
            nonlocal draft
            changed = draft.article.with_text("s7", " ".join(chance.choices(WORDS, k=70)))
            draft = drafts.save(draft.id, changed, after=draft.step)

        def back() -> None:
            nonlocal draft
            draft = drafts.undo(draft.id, after=draft.step)

        size = sum(file.stat().st_size for file in Path(scratch, "data").glob("drafts.sqlite*"))
        print(f"one edit saved: {milliseconds(edit, ROUNDS)}")
        store.close()
        grown = sum(file.stat().st_size for file in Path(scratch, "data").glob("drafts.sqlite*")) - size
        print(f"one step on the disk: {grown / ROUNDS / 1000:.1f} kB")
        store = DraftStore(Path(scratch, "data"))
        drafts = store.of("ann")
        print(f"the draft opened: {milliseconds(lambda: drafts.load(draft.id), 50)}")
        print(f"one step undone: {milliseconds(back, 100)}")
        for number in range(DRAFTS - 1):
            drafts.create(replace(whole, title=f"Draft {number}"))
        print(f"{DRAFTS} drafts listed: {milliseconds(drafts.list, 20)}")
        print(f"{DRAFTS} drafts searched: {milliseconds(lambda: drafts.list(search='draft 77'), 20)}")
        print(f"{DRAFTS} drafts searched in vain: {milliseconds(lambda: drafts.list(search='elephant'), 20)}")
        store.close()


if __name__ == "__main__":
    main()
