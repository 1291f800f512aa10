"""The web page with the options of the original demo: --folder --num_gpus --port --private.

python examples/web_demo.py --folder FOLDER --num_gpus 2
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without installing

from app import main

if __name__ == "__main__":
    # the original shared the page with everybody unless told --private; here that has to be asked for with --share
    main()
