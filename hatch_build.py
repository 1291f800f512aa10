"""Compiles the catalogues of sentences while the package is built: an installed one may not be able to write them."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileCatalogues(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Makes studio.mo beside each studio.po and adds it to what is packed: git does not know it."""
        root = Path(self.root)
        for source in sorted(root.glob("common/locale/*/LC_MESSAGES/*.po")):
            compiled = source.with_suffix(".mo")
            with source.open("rb") as text, compiled.open("wb") as binary:
                write_mo(binary, read_po(text))
            build_data["artifacts"].append(compiled.relative_to(root).as_posix())
