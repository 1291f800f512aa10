"""The same in 4 bits: the published 4-bit checkpoint, or a 16-bit one packed while loading.

python examples/example_chat_4bit.py --folder FOLDER_OF_4BIT
python examples/example_chat_4bit.py --folder FOLDER_OF_16BIT --quantization nf4
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without installing

from composer import load_model
from composer.errors import ComposerError
from composer.models.xcomposer import XComposerModel, show_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="internlm/internlm-xcomposer-7b-4bit", help="folder or name of the model")
    parser.add_argument("--quantization", choices=("nf4",), default=None, help="pack a 16-bit checkpoint while loading")
    parser.add_argument("--num_gpus", type=int, default=None, help="0 is the CPU")
    parser.add_argument("--image", default=None, help="a picture to talk about")
    arguments = parser.parse_args()
    try:
        model = load_model(arguments.folder, num_gpus=arguments.num_gpus, quantization=arguments.quantization)
    except ComposerError as error:
        sys.exit(str(error))
    if not isinstance(model, XComposerModel):
        sys.exit(f"'{arguments.folder}' is not an InternLM-XComposer.")
    able = model.capabilities
    print(f"{able.quantization or '16 bits'} on {', '.join(able.devices)}, {show_bytes(able.memory_bytes)} planned")
    answer, history = model.chat("请介绍下爱因斯坦的生平", arguments.image, history=None)
    print(answer)
    answer, _ = model.chat("他有哪些成就?", history=history)
    print(answer)


if __name__ == "__main__":
    main()
