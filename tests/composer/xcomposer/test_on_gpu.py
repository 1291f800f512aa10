"""`python -m benchmarks.on_gpu --size tiny`: every part runs here, a bad one costs no other, and little is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import on_gpu
from benchmarks.gpu.figures import Figure

ROOT = Path(__file__).parents[3]
# packages of this project that a machine with a card need not have
ABSENT = (
    *(
        "pydantic",
        "pydantic_settings",
        "platformdirs",
        "charset_normalizer",
        "markdown_it",
        "requests",
        "typer",
        "rich",
    ),
    *("gradio", "faiss", "xllamacpp", "pebble", "pathspec", "watchdog", "pandas", "pyarrow", "simplemma", "jieba"),
    *("babel", "pillow_heif", "rawpy", "filetype", "resvg_py", "emoji", "pytest", "tenacity", "defusedxml"),
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    """The whole command, in a process where other packages of this project cannot be imported."""
    place = tmp_path_factory.mktemp("on_gpu")
    (place / "sitecustomize.py").write_text(WITHOUT.format(absent=ABSENT), "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.on_gpu", "--size", "tiny", "--out", str(place / "figures.json")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        timeout=280,
    )


WITHOUT = """
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {absent} else super().find_spec(name, path, target)
sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def test_every_part_is_green_on_the_cpu_with_the_few_packages_of_a_bare_machine(
    done: "subprocess.CompletedProcess[str]",
) -> None:
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    place = Path(done.args[-1])
    found = json.loads(place.read_text("utf-8"))
    assert list(found["parts"]) == [part.name for part in on_gpu.PARTS]
    assert {name: part["status"] for name, part in found["parts"].items()} == dict.fromkeys(found["parts"], "ok")
    figures = {figure["what"]: figure for part in found["parts"].values() for figure in part["figures"]}
    assert figures["recorded answers: identical, of 16"]["value"] == 16
    assert 0.92 <= figures["peak memory of the card, of the plan"]["value"] <= 1.08
    # one short table, last
    table = done.stdout.rsplit("CPU ", 1)[1]
    assert all(f"\n{part.name} " in table for part in on_gpu.PARTS)
    assert len(table.splitlines()) < 60


def test_a_part_that_fails_or_hangs_costs_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = "tests.composer.xcomposer.parts_of_a_run"
    parts = [on_gpu.Part(name, seconds, f"{here}:{name}") for name, seconds in PARTS.items()]
    run = on_gpu.Run(parts, {"size": "tiny", "dtype": "float16"}, 120, tmp_path / "out.json")
    run.run()
    assert {name: one.status for name, one in run.outcomes.items()} == {
        "fails": "failed", "hangs": "too slow", "dies": "failed", "lacks": "skipped", "works": "ok",
    }  # fmt: skip
    assert run.outcomes["fails"].reason == "ValueError: no such thing"
    assert [figure["what"] for figure in run.outcomes["hangs"].figures] == ["before it hung"]
    assert "status" in run.outcomes["dies"].reason
    assert not run.good
    lines = on_gpu.table(run).splitlines()
    assert next(line for line in lines if line.startswith("lacks")).endswith("SKIPPED the package is not installed")
    assert next(line for line in lines if "not as wanted" in line).endswith("NO")
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["parts"]["works"]["status"] == "ok"


PARTS = {"fails": 20, "hangs": 0.5, "dies": 20, "lacks": 20, "works": 20}


def test_a_figure_says_whether_it_is_as_wanted() -> None:
    assert Figure("x", 3.0).met is None
    assert Figure("x", 3.0, at_least=3.0).met
    assert not Figure("x", float("nan"), at_least=3.0).met
    assert Figure("x", 0.9, at_least=0.92, at_most=1.08).wanted == "≥ 0.92, ≤ 1.08"
    assert not Figure("x", 0.9, at_least=0.92, at_most=1.08).met


def test_an_unknown_part_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        on_gpu.main(["--parts", "decoding"])
    assert "there is no part 'decoding'; there are: goldens, decode" in capsys.readouterr().err
