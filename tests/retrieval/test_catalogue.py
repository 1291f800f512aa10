"""The catalogue file under several threads."""

import threading
import time
from pathlib import Path

from retrieval.catalogue import Catalogue


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
