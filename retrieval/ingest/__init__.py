"""Brings folders of pictures into a catalogue: scan, metadata, decode, encode, commit.

Knows files and what can be wrong with them, and the catalogue it fills; not how a gallery is searched or shown.
"""

from retrieval.ingest.browser_formats import BrowserFormats
from retrieval.ingest.decode import Decoded, thumbnail_colours, thumbnail_path
from retrieval.ingest.metadata import SIDECAR_SUFFIXES, Beside, path_words, readable_name, sidecar_lines
from retrieval.ingest.pipeline import Ingest
from retrieval.ingest.report import IngestOptions, IngestReport, Progress
from retrieval.ingest.scan import GALLERY_FILE, overlapping, scan_folder
from retrieval.ingest.taking import leave_out, take_in
from retrieval.ingest.text_stage import check_text_reader, read_texts
from retrieval.ingest.watch import Watcher

__all__ = [
    "GALLERY_FILE",
    "SIDECAR_SUFFIXES",
    "Beside",
    "BrowserFormats",
    "Decoded",
    "Ingest",
    "IngestOptions",
    "IngestReport",
    "Progress",
    "Watcher",
    "check_text_reader",
    "leave_out",
    "overlapping",
    "path_words",
    "read_texts",
    "readable_name",
    "scan_folder",
    "sidecar_lines",
    "take_in",
    "thumbnail_colours",
    "thumbnail_path",
]
