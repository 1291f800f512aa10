"""Starts the page: reads the arguments, checks the names in them, serves, and loads in the background.

python app.py --folder PATH_OR_NAME --gallery FOLDER --port 7860
"""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from common.errors import ReadableError
from common.messages import _
from composer import Composer
from composer.errors import SettingsError, UnknownModel
from composer.models import LoadProgress, Model, is_known_model, known_models, load_model
from composer.settings import Settings, load_settings
from retrieval import NAMED_GALLERIES, open_gallery
from retrieval.errors import GalleryNotFound
from ui.launch import import_gradio, read_logins


def parser() -> argparse.ArgumentParser:
    """The arguments. What is not given comes from the environment (XCOMPOSER_…), then from configs/app.yaml."""
    known = argparse.ArgumentParser(description="Write illustrated articles and chat about pictures, on this machine.")
    known.add_argument("--folder", metavar="PATH_OR_NAME", help="a model folder, a .gguf file, or a model's name")
    known.add_argument("--model", metavar="NAME", help="a model's name; see: python -m composer models")
    known.add_argument("--num_gpus", type=int, metavar="N", help="graphics cards to use; 0 means the CPU only")
    known.add_argument("--hub", metavar="huggingface|modelscope", help="where a model that is named comes from")
    known.add_argument("--update", action="store_true", default=None, help="take the hub's newest version of it")
    known.add_argument(
        "--offload", action="store_true", default=None, help="layers beyond the cards stay in main memory"
    )
    known.add_argument("--quantization", metavar="nf4", help="pack a 16-bit XComposer folder into 4 bits")
    known.add_argument(
        "--gallery", metavar="PATH_OR_URL", help="a gallery of pictures; without it, the drawings inside"
    )
    known.add_argument("--host", metavar="ADDRESS", help="address to listen on (127.0.0.1: this machine only)")
    known.add_argument("--port", type=int, metavar="PORT", help="port to listen on (7860)")
    known.add_argument("--share", action="store_true", default=None, help="also make a public address through Gradio")
    known.add_argument("--auth", metavar="FILE", help="a file of lines name:password; only these people may enter")
    known.add_argument("--language", metavar="auto|en|zh", help="language of the page (auto: the browser's)")
    known.add_argument("--private", action="store_true", help="no public address, which is the default anyway")
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is stopped. Returns the exit status: 2 for arguments that cannot be used."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    given = vars(parser().parse_args(arguments))
    if given.pop("private"):
        given["share"] = False
    language = given["language"] or "en"
    try:
        settings = load_settings(**given)
        check_names(settings.wanted_model, settings.gallery)
        return run(settings, read_logins(settings.auth))
    except ReadableError as error:
        print(error.text(language), file=sys.stderr)
        return 2


def check_names(model: str, gallery: str | None) -> None:
    """Refuses what cannot exist before anything is started. Raises UnknownModel or GalleryNotFound."""
    if not is_known_model(model) and not Path(model).expanduser().exists():
        raise UnknownModel(name=model, known=", ".join(known.name for known in known_models()))
    if gallery is None or "://" in gallery or gallery.lower() in NAMED_GALLERIES:
        return
    if not Path(gallery).expanduser().exists():
        raise GalleryNotFound(place=gallery)


def run(settings: Settings, people: list[tuple[str, str]] | None) -> int:
    import_gradio()
    from ui.launch import serve
    from ui.studio import Studio

    def load(progress: Callable[[LoadProgress], None]) -> Model:
        model = load_model(
            settings.wanted_model, num_gpus=settings.num_gpus, progress=progress, **settings.model_options
        )
        Composer(model, None).warm_up()
        return model

    studio = Studio(
        load,
        lambda: open_gallery(settings.gallery),
        language=settings.language,
        shared=settings.share,
    )
    try:
        page, local, public = serve(studio, host=settings.host, port=settings.port, share=settings.share, auth=people)
    except OSError as error:
        raise SettingsError(
            name="host:port",
            value=f"{settings.host}:{settings.port}",
            reason=_("the port is in use (another one: --port NUMBER), or this machine has no such address (--host)."),
        ) from error
    print(f"XComposer Studio is at {local}", flush=True)
    if public:
        print(f"and for everybody at {public}" + ("" if people else " (no password: see --auth)"), flush=True)
    studio.start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        page.block_thread()
    finally:
        studio.close()
        page.close(verbose=False)
        if not studio.settled:  # a thread still loads in C++, which crashes when the interpreter is taken down under it
            sys.stdout.flush()
            os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
