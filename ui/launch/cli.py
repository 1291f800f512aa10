"""The command `serve`: reads the arguments, checks the names in them, serves the page, and loads in the background."""

import contextlib
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from common.errors import ReadableError
from common.folders import data_path
from common.hosts import is_loopback
from common.messages import _
from common.terminal import log_to_stderr, make_output_safe, printable_line
from composer import Composer
from composer.commands import JudgeKeyOption, JudgeOption, KeyOption, MmprojOption, ServedOption, UrlOption
from composer.conversations import ConversationStore
from composer.drafts import DraftStore
from composer.errors import ConversationsUnavailable, DraftsUnavailable, SettingsError
from composer.models import (
    ENDPOINT,
    LoadProgress,
    Model,
    find_local_model,
    is_address,
    is_known_model,
    is_local_name,
    load_model,
    path_of,
    unknown_model,
)
from composer.settings import Settings, load_settings
from retrieval import NAMED_GALLERIES, open_gallery
from retrieval.errors import GalleryNotFound
from ui.launch.logins import read_logins
from ui.launch.quick_import import import_gradio
from ui.launch.version import VersionOption

if TYPE_CHECKING:
    from ui.studio import ModelChoice

S = TypeVar("S", DraftStore, ConversationStore)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    folder: Annotated[str | None, typer.Option(help="A model folder, a .gguf file, or a model's name.")] = None,
    model: Annotated[
        str | None, typer.Option(help="A model's name (`python -m composer models` lists them), or a hub's OWNER/NAME.")
    ] = None,
    num_gpus: Annotated[
        int | None, typer.Option("--num_gpus", "--num-gpus", help="Graphics cards to use; 0 means the CPU only.")
    ] = None,
    hub: Annotated[
        str | None, typer.Option(metavar="huggingface|modelscope", help="Where a model that is named comes from.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Take the hub's newest version of it.")] = False,
    offload: Annotated[bool, typer.Option("--offload", help="Layers beyond the cards stay in main memory.")] = False,
    quantization: Annotated[
        str | None, typer.Option(metavar="nf4|int8", help="Pack 16-bit weights into 4 or 8 bits while they load.")
    ] = None,
    base_url: UrlOption = None,
    api_key_file: KeyOption = None,
    served_name: ServedOption = None,
    judge: JudgeOption = None,
    judge_key_file: JudgeKeyOption = None,
    mmproj: MmprojOption = None,
    gallery: Annotated[
        str | None, typer.Option(help="A gallery of pictures, path or address; without it, the drawings inside.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1: this machine only).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (7860).")] = None,
    share: Annotated[bool, typer.Option("--share", help="Also make a public address through Gradio.")] = False,
    root_path: Annotated[
        str | None, typer.Option("--root_path", "--root-path", help="Where a proxy shows the page, such as /writer.")
    ] = None,
    allowed_host: Annotated[
        str | None,
        typer.Option("--allowed_host", "--allowed-host", help="The proxy's public name; several with commas."),
    ] = None,
    trust_local: Annotated[
        bool,
        typer.Option("--trust_local", "--trust-local", help="Who comes through a proxy here may change the gallery."),
    ] = False,
    lock_model: Annotated[
        bool | None,
        typer.Option(
            "--lock_model/--no_lock_model",
            "--lock-model/--no-lock-model",
            help="Whether the page's model is fixed; by default who sits at this machine may choose another one.",
        ),
    ] = None,
    auth: Annotated[
        str | None, typer.Option(metavar="FILE", help="Lines name:password; only these people may enter.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the page: auto (the browser's), en, zh or another catalogue's.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of drafts and conversations; the user's own if left out.")
    ] = None,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Answer programs that speak MCP, such as assistants (needs its package).")
    ] = False,
    version: VersionOption = False,
    private: Annotated[bool, typer.Option("--private", help="No public address, which is the default anyway.")] = False,
) -> None:
    """Serve the page until it is stopped.

    What is not given comes from the environment (XCOMPOSER_PORT=8080 …), then from configs/app.yaml.
    """
    make_output_safe()
    log_to_stderr("%(levelname)s %(name)s: %(message)s")
    try:
        settings = load_settings(
            folder=folder,
            model=model,
            num_gpus=num_gpus,
            hub=hub,
            update=update or None,
            offload=offload or None,
            quantization=quantization,
            base_url=base_url,
            api_key_file=api_key_file,
            served_name=served_name,
            judge=judge,
            judge_key_file=judge_key_file,
            mmproj=mmproj,
            gallery=gallery,
            host=host,
            port=port,
            share=False if private else share or None,
            root_path=root_path,
            allowed_host=allowed_host,
            trust_local=trust_local or None,
            lock_model=lock_model,
            auth=auth,
            language=language,
            data=data,
            mcp=mcp or None,
        )
        check_names(settings.wanted_model, settings.gallery)
        check_server(settings)
        if settings.judge is not None:
            check_names(settings.judge, None)
        check_mcp(settings.mcp)
        run(settings, read_logins(settings.auth))
    except ReadableError as error:
        print(printable_line(error.text(language or "en")), file=sys.stderr)
        raise typer.Exit(2) from error


def check_names(model: str, gallery: str | None) -> None:
    """Refuses what cannot exist before anything is started.

    Raises UnknownModel, ModelFilesMissing, ModelFilesBroken, GalleryNotFound.
    """
    here = path_of(model).exists()
    if is_local_name(model) and not here:
        find_local_model(model)
    if not is_known_model(model) and not here:
        raise unknown_model(model)
    if gallery is None or "://" in gallery or gallery.lower() in NAMED_GALLERIES:
        return
    if not Path(gallery).expanduser().exists():
        raise GalleryNotFound(place=gallery)


def check_server(settings: Settings) -> None:
    """Refuses an address or a key that cannot be used before anything is started: of the model, and of the judge.
    Raises SettingsError."""
    wanted, judge = settings.wanted_model, settings.judge or ""
    if wanted == ENDPOINT or is_address(wanted):
        from composer.models.endpoint import read_address, read_key

        read_address(settings.base_url if wanted == ENDPOINT else wanted.partition("#")[0])
        read_key(settings.api_key_file)
    if is_address(judge):
        from composer.models.endpoint import read_address, read_key

        read_address(judge.partition("#")[0], "judge", "judge_key_file")
        read_key(settings.judge_key_file, "judge_key_file")


def check_mcp(mcp: bool) -> None:
    """Raises SettingsError where tools are asked for and cannot be."""
    if mcp and importlib.util.find_spec("mcp") is None:
        raise SettingsError(
            name="mcp",
            value="true",
            reason=_("it needs the package mcp. Install it with: pip install 'mcp>=1.30,<2'"),
        )


def model_choice(settings: Settings, logins: list[tuple[str, str]] | None) -> "ModelChoice":
    """Who may choose another model on the page: where several people share it, nobody who has not been let."""
    if settings.lock_model is not None:
        return "nobody" if settings.lock_model else "everybody"
    return "here" if is_loopback(settings.host) and not logins and not settings.share else "nobody"


def open_store(kind: Callable[[Path], S], folder: Path | None) -> tuple[S | None, ReadableError | None]:
    """A store of what people make, or why there is none: the page works without, and says so."""
    try:
        store = kind(folder or data_path())
    except (DraftsUnavailable, ConversationsUnavailable) as error:
        print(printable_line(error.text()), file=sys.stderr)
        return None, error
    if store.recovered is not None:
        print(printable_line(store.recovered.sentence.text()), file=sys.stderr)
    return store, None


def warmed_up(model: Model) -> Model:
    """The model, with what every article begins with computed; closed where it fails at that. Raises what it raises."""
    try:
        Composer(model, None).warm_up()
    except BaseException:
        model.close()
        raise
    return model


@contextlib.contextmanager
def readable_address(settings: Settings) -> Iterator[None]:
    """Raises SettingsError where the page's address cannot be had."""
    try:
        yield
    except OSError as error:
        raise SettingsError(
            name="host:port",
            value=f"{settings.host}:{settings.port}",
            reason=_("the port is in use (another one: --port NUMBER), or this machine has no such address (--host)."),
        ) from error


def run(settings: Settings, logins: list[tuple[str, str]] | None) -> None:
    """Serves the page; model and gallery load meanwhile. Raises SettingsError where the address cannot be had."""
    with readable_address(settings):  # before anything is loaded for seconds
        family, *_kind, address = socket.getaddrinfo(settings.host.strip("[]"), settings.port, type=socket.SOCK_STREAM)[
            0
        ]
        socket.create_server(address, family=family).close()
    import_gradio()
    from ui.launch.server import serve as serve_page
    from ui.studio import Studio

    def load(progress: Callable[[LoadProgress], None]) -> Model:
        model = load_model(
            settings.wanted_model, num_gpus=settings.num_gpus, progress=progress, **settings.model_options
        )
        return warmed_up(model)

    def load_judge() -> Model | None:
        if settings.judge is None:
            return None
        return load_model(settings.judge, num_gpus=settings.num_gpus, **settings.judge_options)

    def load_named(name: str, *, quantization: str | None, progress: Callable[[LoadProgress], None]) -> Model:
        options = settings.other_options(name) | ({"quantization": quantization} if quantization else {})
        return warmed_up(load_model(name, num_gpus=settings.num_gpus, progress=progress, **options))

    drafts, drafts_problem = open_store(DraftStore, settings.data)
    conversations, conversations_problem = open_store(ConversationStore, settings.data)
    studio = Studio(
        load,
        lambda: open_gallery(settings.gallery),
        load_judge=load_judge,
        language=settings.language,
        shared=settings.share,
        trust_local=settings.trust_local,
        load_named=load_named,
        model_choice=model_choice(settings, logins),
        drafts=drafts,
        drafts_problem=drafts_problem,
        conversations=conversations,
        conversations_problem=conversations_problem,
    )
    with readable_address(settings):
        page, local, public = serve_page(
            studio,
            host=settings.host,
            port=settings.port,
            share=settings.share,
            auth=logins,
            root_path=settings.root_path,
            allowed_hosts=settings.allowed_hosts,
            mcp=settings.mcp,
        )
    print(f"XComposer Studio is at {local}", flush=True)
    if public:
        print(f"and for everybody at {public}" + ("" if logins else " (no password: see --auth)"), flush=True)
    if settings.mcp:
        print(f"Its tools (MCP) are at {local}gradio_api/mcp", flush=True)
    studio.start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        page.block_thread()
    finally:
        studio.close()
        page.close(verbose=False)
        if studio.loads:  # a thread still loads in C++, which crashes when the interpreter is taken down under it
            sys.stdout.flush()
            os._exit(0)
