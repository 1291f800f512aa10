"""What the image of the container is made of, read from its recipe."""

import re
import tomllib
from pathlib import Path

from common.folders import CACHE_VARIABLE, DATA_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_tools_for_assistants_are_in_the_image_as_the_extra_has_them() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"'{extras['mcp'][0]}'" in RECIPE
    pinned = re.search(r"^mcp==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned, "the image installs what was tested"


def test_everything_a_person_makes_survives_a_new_image() -> None:
    (volume,) = re.findall(r"^VOLUME (\S+)$", RECIPE, re.MULTILINE)
    variables = dict(re.findall(r"\b([A-Z_]+)=(\S+)", "\n".join(re.findall(r"^ENV .*$", RECIPE, re.MULTILINE))))
    for name in (CACHE_VARIABLE, DATA_VARIABLE, "HF_HOME"):
        assert variables[name].startswith(f"{volume}/"), name
