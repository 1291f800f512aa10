"""Indexes a folder with the encoder of colours, in a process of its own that a test may kill."""

import sys

from retrieval.gallery import Gallery
from retrieval.ingest.report import IngestOptions
from tests.retrieval.helpers import ColourEncoder

if __name__ == "__main__":
    place, folder = sys.argv[1:]
    with Gallery.open(place, create=True, encoder=ColourEncoder()) as gallery:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        gallery.add(folder, options=IngestOptions(workers=1), wait=30)
