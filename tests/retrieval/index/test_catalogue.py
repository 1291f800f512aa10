"""The catalogue file under several threads, and what of it passes a filter."""

import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders.base import unit
from retrieval.index.catalogue import Catalogue
from retrieval.index.search import Searcher
from retrieval.records import Filters, Picture


def test_a_catalogue_that_another_program_is_making_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "catalogue.sqlite", check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE made (here)")
    thread = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    thread.start()
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    assert catalogue.count() == 0
    thread.join()
    catalogue.close()
    other.close()


def test_a_query_that_runs_outlives_the_closing(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    begun, counted = threading.Event(), []

    def count() -> None:
        begun.set()
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000) SELECT i FROM n"
        counted.append(sum(1 for _ in catalogue.connection.execute(rows)))

    thread = threading.Thread(target=count)
    thread.start()
    assert begun.wait(5)
    time.sleep(0.05)
    catalogue.close()
    thread.join(30)
    assert counted == [500_000]


@pytest.mark.parametrize(("filters", "many"), [(Filters(min_width=2), True), (Filters(tag="rare"), False)])
def test_the_nearest_that_pass_a_filter_are_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: Filters, many: bool
) -> None:
    catalogue = Catalogue(tmp_path / "gallery.sqlite")
    rows = unit(np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)).astype("<f2").astype(np.float32)
    with catalogue.transaction():
        for number, row in enumerate(rows):
            width, tags = (1, "rare") if number % 30 == 0 else (2, "usual")
            catalogue.store(Picture(id=str(number), sha256=str(number), width=width, tags=tags), row[None])
    searcher = Searcher(catalogue, 8)
    if many:  # looked at one by one: to list all that pass takes longer the more there are
        monkeypatch.setattr(Catalogue, "allowed_slots", None)
    found = [picture.id for picture, _ in searcher.by_vector(rows[7], 12, filters=filters)]
    passing = [number for number in range(600) if (number % 30 == 0) is not many]
    expected = sorted(passing, key=lambda number: -float(rows[number] @ rows[7]))[:12]
    assert found == [str(number) for number in expected]
    searcher.close()
    catalogue.close()
