"""Folders of pictures on other machines, copied here file by file: web servers' listings, and what fsspec opens.

Knows addresses and how files travel; not what a gallery does with them. A folder that others can write is not trusted:
names lead nowhere but below the copy, files have a limit, and only files that a gallery reads are fetched.
"""

from retrieval.sources.folders.copies import Copied, copy_folder, copy_place
from retrieval.sources.folders.opening import is_address, open_folder
from retrieval.sources.folders.roots import copied_roots, split

__all__ = ["Copied", "copied_roots", "copy_folder", "copy_place", "is_address", "open_folder", "split"]
