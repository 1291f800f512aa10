"""Indexes a folder with the encoder of colours, in a process of its own that a test may kill."""

from multiprocessing.connection import Connection
from pathlib import Path

from retrieval.gallery import Gallery
from retrieval.ingest.report import IngestOptions
from tests.retrieval.helpers import ColourEncoder


def index(place: Path, folder: Path, ready: Connection) -> None:
    with Gallery.open(place, create=True, encoder=ColourEncoder()) as gallery:
        ready.send("ready")
        gallery.add(folder, options=IngestOptions(workers=1), wait=30)
