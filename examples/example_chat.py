"""Questions about a picture, in turns.

python examples/example_chat.py --folder FOLDER [--num_gpus 1] [--image einstein.jpg]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without installing

from composer import load_model
from composer.errors import ComposerError
from composer.models.xcomposer import XComposerModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="internlm/internlm-xcomposer-7b", help="folder or name of the model")
    parser.add_argument("--num_gpus", type=int, default=None, help="0 is the CPU")
    parser.add_argument("--image", default=None, help="a picture to talk about")
    arguments = parser.parse_args()
    try:
        model = load_model(arguments.folder, num_gpus=arguments.num_gpus)
    except ComposerError as error:
        sys.exit(str(error))
    if not isinstance(model, XComposerModel):
        sys.exit(f"'{arguments.folder}' is not an InternLM-XComposer.")

    print(model.generate("请介绍下爱因斯坦的生平"))

    if arguments.image:
        print(model.generate("请问这张图片里面的人是谁？并介绍下他。", arguments.image))
        answer, history = model.chat("请问这张图片里面的人是谁？", arguments.image, history=None)
        print(answer)
        answer, history = model.chat("他有哪些成就?", history=history)
        print(answer)


if __name__ == "__main__":
    main()
