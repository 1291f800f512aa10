"""How long an article takes to become each kind of file, and how large the file is.

    python -m benchmarks.saving.exporting [--sections 60] [--pictures 30] [--rounds 3]

The article is made on the spot: paragraphs of 60 words, headings, photographs of 1600 x 1067 pixels and, every fourth
picture, a drawing. Printed are the median of the rounds and the slowest, in both languages.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from composer.exporting import FORMATS, rendered
from tests.composer.exporting.articles import long_article


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, default=60)
    parser.add_argument("--pictures", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for language in ("en", "zh"):
            article = long_article(
                Path(folder),
                language=language,  # type: ignore[arg-type]
                sections=asked.sections,
                pictures=asked.pictures,
            )
            for name in FORMATS:
                seconds = []
                for _ in range(asked.rounds):
                    start = time.perf_counter()
                    content = rendered(article, name, made_by=True)
                    seconds.append(time.perf_counter() - start)
                print(
                    f"{language} {name:6} median {statistics.median(seconds):6.2f} s, slowest {max(seconds):6.2f} s, "
                    f"{len(content) / 1e6:7.2f} MB"
                )
    print("load", " ".join(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
