"""python -m retrieval: make a gallery of one's pictures, search it, look after it, serve it."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.messages import Text, _, _n
from common.terminal import (
    json_line,
    log_to_stderr,
    printable_line,
    terminal_language,
    typed_text,
)
from retrieval.base import Hit, PictureGallery
from retrieval.cli_report import PROGRAM, progress_bar, readable_errors, report_ingest, report_left_out
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.gallery import Gallery
    from retrieval.milvus import MilvusGallery

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)

GalleryPlace = Annotated[
    str | None,
    typer.Option(
        "--gallery",
        "-g",
        envvar="XCOMPOSER_GALLERY",
        help="Folder, https:// or milvus:// address, or 'openverse'. Default: the embedded drawings.",
    ),
]
FolderPlace = Annotated[str, typer.Option("--gallery", "-g", envvar="XCOMPOSER_GALLERY", help="Folder of the gallery.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def main() -> None:
    """Runs the command line."""
    with readable_errors():
        app()


@contextmanager
def _open_folder(place: str, **options: Any) -> "Iterator[Gallery]":
    from retrieval.gallery import Gallery

    _check_is_folder_gallery(place)
    with Gallery.open(place, **options) as gallery:
        yield gallery


def _check_is_folder_gallery(place: str) -> None:
    from retrieval import NAMED_GALLERIES

    if "://" in place or place.endswith(".db") or place.lower() in NAMED_GALLERIES:
        sentence = _("'{place}' is no folder; this is done with a gallery's folder, on the machine where it lies.")
        raise RetrievalError(sentence, place=place)


@app.command()
def index(
    folders: Annotated[
        list[str], typer.Argument(help="Folders of pictures, also s3://, https:// and others. They are only read.")
    ],
    gallery: FolderPlace,
    encoder: Annotated[
        str | None,
        typer.Option(help="labels, clip, an open_clip name, hf-hub:REPO, local-dir:FOLDER or ARCHITECTURE=FILE."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on and follow changes until interrupted.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Reading processes; 0: as many as cores.")] = 0,
    prune: Annotated[bool, typer.Option("--prune", help="Drop all pictures of an empty or absent folder.")] = False,
    read_text: Annotated[
        bool | None,
        typer.Option(
            "--read-text/--no-read-text", help="Read the text in the gallery's pictures, too, from now on; or no more."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out, as a line of .gitignore: 'private/' or '*.png'. May be given several times."),
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another program that is indexing.")] = 0,
    ray: Annotated[
        str | None, typer.Option(help="Read and encode on a Ray cluster: auto, host:6379 or ray://host:10001.")
    ] = None,
    copies: Annotated[
        Path | None, typer.Option(help="Where copies of pictures at addresses are kept; default: with the gallery.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring folders of pictures into a gallery, or up to date."""
    from retrieval.gallery import Gallery
    from retrieval.ingest import IngestOptions, IngestReport, Watcher, overlapping
    from retrieval.ingest.cluster import RayReader
    from retrieval.sources.folders import copied_roots, split

    milvus = gallery.startswith("milvus://") or gallery.endswith(".db")
    if milvus and (watch or wait or read_text):
        raise typer.BadParameter("--watch, --wait and --read-text are for a gallery in a folder, not for Milvus.")
    if not milvus:
        _check_is_folder_gallery(gallery)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    here, addresses = split(folders)
    if addresses and watch:
        raise typer.BadParameter("--watch follows folders of this machine only.")
    roots = list(overlapping(here))
    for root in roots if watch or not prune else ():
        _check_folder(root)
    rules, elsewhere = tuple(exclude or ()), RayReader(ray) if ray else None
    options = IngestOptions(workers, prune=prune, exclude=rules, read_text=read_text, elsewhere=elsewhere)
    waiting: dict[str, Any] = {"wait": wait} if wait else {}
    total = IngestReport()
    with ExitStack() as stack:
        opened = _milvus(gallery, encoder) if milvus else Gallery.open(gallery, create=True, encoder=encoder)
        stack.enter_context(closing(opened))
        watcher = None
        if watch and isinstance(opened, Gallery):
            done = partial(report_ingest, gallery=opened, as_json=as_json)
            watcher = stack.enter_context(Watcher(opened, roots, done=done, options=options))
        stop, place = partial(bool, stopped), copies or _copies_of(opened)
        for root in chain(roots, copied_roots(addresses, place, total, stop, progress_bar, prune=prune)):
            with progress_bar(str(root)) as progress:
                total.merge(opened.add(root, progress=progress, stop=stop, options=options, **waiting))
        report_ingest(total, opened, as_json)
        if watcher and not stopped:
            signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
            signal.signal(signal.SIGINT, lambda *_: watcher.stop())
            watching = _("Watching {folders}; press Ctrl-C to end.", folders=list(map(str, roots)))
            print(printable_line(watching.text(terminal_language())), file=sys.stderr)
            watcher.run()
    signal.signal(signal.SIGINT, before)
    if total.stopped:
        stopped_early = _("Stopped. What was read is kept; index again to go on.")
        print(stopped_early.text(terminal_language()), file=sys.stderr)
        sys.exit(130)


def _milvus(place: str, encoder: str | None) -> "MilvusGallery":
    from retrieval.milvus import MilvusGallery

    return MilvusGallery(place, encoder, create=True)


def _copies_of(opened: "Gallery | MilvusGallery") -> Path:
    """Where copies of pictures at addresses are kept: with a gallery in a folder, in the cache for Milvus."""
    own = getattr(opened, "place", None)
    return own / "remote" if isinstance(own, Path) else opened.local_gallery.with_suffix(".pictures")  # type: ignore[union-attr]


def _check_folder(folder: Path) -> None:
    from retrieval.errors import FolderUnreadable

    if folder.is_dir():
        return
    reason: Text = _("there is no such folder")
    if folder.exists():
        reason = _("it is a file, and folders are indexed. Give the folder it lies in: {folder}", folder=folder.parent)
    raise FolderUnreadable(place=folder, reason=reason)


@app.command()
def search(
    query: Annotated[str | None, typer.Argument(help="Words, or a sum of wishes: 'dog + beach - people'.")] = None,
    gallery: GalleryPlace = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many pictures.")] = 4,
    image: Annotated[Path | None, typer.Option(help="Search with a picture instead of words.")] = None,
    like: Annotated[str | None, typer.Option(help="Id of a picture: more like it.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Id of a picture to leave out.")] = None,
    tag: Annotated[str, typer.Option(help="Only pictures with this tag.")] = "",
    folder: Annotated[Path | None, typer.Option(help="Only pictures in this folder.")] = None,
    after: Annotated[str, typer.Option(help="Only pictures of this date or later, YYYY-MM-DD.")] = "",
    before: Annotated[str, typer.Option(help="Only pictures before this date, YYYY-MM-DD.")] = "",
    orientation: Annotated[str, typer.Option(help="landscape, portrait or square.")] = "",
    min_width: Annotated[int, typer.Option(min=0, help="Pixels.")] = 0,
    min_height: Annotated[int, typer.Option(min=0, help="Pixels.")] = 0,
    licence: Annotated[str, typer.Option(help="Beginning of the licence, e.g. 'CC BY'.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find pictures by words, by a picture, or by likeness."""
    from retrieval import open_gallery
    from retrieval.records import Filters

    if sum(given is not None for given in (query, image, like)) != 1 or not (query is None or query.strip()):
        raise typer.BadParameter("Give words, or --image FILE, or --like ID.")
    if orientation not in ("", "landscape", "portrait", "square"):
        raise typer.BadParameter("It is landscape, portrait or square.", param_hint="--orientation")
    filters = Filters(
        tag=typed_text(tag),
        folder=str(folder.expanduser().resolve()) if folder else "",  # as `index` names it
        after=_date(after, "--after"),
        before=_date(before, "--before"),
        orientation=orientation,  # type: ignore[arg-type]  # checked above
        min_width=min_width,
        min_height=min_height,
        licence=typed_text(licence),
    )
    opened = open_gallery(gallery)
    hits = _search(opened, query, image, like, k, exclude or [], None if filters == Filters() else filters)
    if as_json:
        keys = ("id", "path", "score", "caption", "credit", "licence", "likely")
        print(json_line([{key: getattr(hit, key) for key in keys} | {"path": _file(opened, hit)} for hit in hits]))
    else:
        hits = sorted(hits, key=lambda hit: not hit.likely)
        language = terminal_language()
        for number, hit in enumerate(hits):
            if not hit.likely and (number == 0 or hits[number - 1].likely):
                print((_("Less likely:") if number else _("Nothing fits well. Less likely:")).text(language))
            print(printable_line(f"{hit.score:7.3f}  {hit.id}  {hit.caption or _('(no words)').text(language)}"))
            print(printable_line(f"         {_file(opened, hit)}"))
        if not hits:
            print(_("Nothing found.").text(language), file=sys.stderr)


def _file(opened: PictureGallery, hit: Hit) -> str:
    """The file of a picture found: a person's own, where the hit's is a copy that browsers can show."""
    from retrieval.editable import EditableGallery

    return opened.picture(hit.id).path if isinstance(opened, EditableGallery) else hit.path


def _date(text: str, option: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no date; write YYYY-MM-DD.", param_hint=option) from None


def _search(
    opened: PictureGallery,
    query: str | None,
    image: Path | None,
    like: str | None,
    k: int,
    exclude: list[str],
    filters: Any,
) -> list[Hit]:
    from retrieval.editable import FilteredGallery
    from retrieval.pictures import load_picture

    searched = load_picture(image) if image else typed_text(query or "")
    if not isinstance(opened, FilteredGallery):
        if filters is not None or like is not None:
            raise RetrievalError(
                _("This gallery has no filters and no --like. Name one of your own pictures with --gallery.")
            )
        return opened.search(searched, k=k, exclude=exclude)
    if like is None:
        return opened.search(searched, k=k, exclude=exclude, filters=filters)
    try:
        return opened.like(like, k=k, exclude=exclude, filters=filters)
    except KeyError:
        raise _unknown_picture(like) from None


def _unknown_picture(picture_id: str) -> RetrievalError:
    return RetrievalError(_("The gallery has no picture '{picture_id}'.", picture_id=picture_id))


@app.command()
def info(gallery: GalleryPlace = None, as_json: AsJson = False) -> None:
    """What is inside: how many pictures, which encoder, when updated, what was skipped."""
    from retrieval import open_gallery
    from retrieval.editable import EditableGallery

    opened = open_gallery(gallery)
    facts = asdict(opened.info())
    skipped = opened.skipped() if isinstance(opened, EditableGallery) else []
    if as_json:
        print(json_line(facts | {"left_out": [{"path": path, "reason": reason} for path, reason in skipped]}))
        return
    for name, value in facts.items():
        if name == "details":
            for key, detail in value.items():
                print(printable_line(f"{key:12} {detail}"))
        elif value != "":
            print(printable_line(f"{name:12} {value}"))
    report_left_out(skipped)


@app.command()
def verify(context: typer.Context, gallery: FolderPlace, as_json: AsJson = False) -> None:
    """Look whether the gallery is whole; status 1 where it is not."""
    from retrieval import maintenance

    with _open_folder(gallery) as opened:
        problems = maintenance.verify(opened)
    if as_json:
        print(json_line([asdict(problem) for problem in problems]))
    else:
        program = context.parent.command_path if context.parent else PROGRAM
        for problem in problems:
            way_out = f"{problem.hint.replace(PROGRAM, program)} --gallery {gallery}"
            print(printable_line(f"{problem.kind}: {problem.text}  ->  {way_out}"))
        count = _n("{count} problem.", "{count} problems.", count=len(problems))
        print((count if problems else _("The gallery is whole.")).text(terminal_language()))
    if problems:
        sys.exit(1)


@app.command()
def repair(gallery: FolderPlace) -> None:
    """Mend what verify finds."""
    from retrieval import maintenance

    for line in maintenance.mend(Path(gallery).expanduser().absolute()):
        print(printable_line(line))


@app.command()
def remove(
    ids: Annotated[list[str], typer.Argument(help="Ids of pictures.")], gallery: FolderPlace, as_json: AsJson = False
) -> None:
    """Take pictures out of the gallery; their files stay. Indexing their folder again brings them back."""
    with _open_folder(gallery) as opened:
        count = opened.remove(ids)
    removed = _("{count} of {all} removed.", count=count, all=len(ids))
    print(json.dumps({"removed": count}) if as_json else removed.text(terminal_language()))


@app.command()
def export(
    gallery: FolderPlace,
    out: Annotated[Path | None, typer.Option(help="File to write, JSON lines; default: stdout.")] = None,
) -> None:
    """Write everything the catalogue knows, one JSON object a picture."""
    with _open_folder(gallery) as opened:
        lines = (json.dumps(asdict(picture), ensure_ascii=False) for picture in opened.catalogue.pictures())
        if out is None:
            for line in lines:
                print(line)  # JSON has no controls in it
            return
        part = out.with_name(out.name + ".part")
        with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(line + "\n" for line in lines)
        part.replace(out)


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Pictures, each with a text file of captions beside it.")],
    encoder: Annotated[str, typer.Option(help="As for index.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Another name of `python -m evaluation retrieval`: how well an encoder finds pictures by their captions."""
    import runpy

    arguments = ["--data", str(folder), "--encoder", encoder, *(["--json"] if as_json else [])]
    sys.argv = ["evaluation", "retrieval", *arguments]
    runpy.run_module("evaluation", run_name="__main__")  # a program above this package, which does not import it


@app.command()
def serve(
    gallery: GalleryPlace = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 7801,
    token: Annotated[
        str | None, typer.Option(envvar="XCOMPOSER_GALLERY_TOKEN", help="Secret the clients must send.")
    ] = None,
    allowed_host: Annotated[
        str, typer.Option("--allowed_host", "--allowed-host", help="A proxy's public name; several with commas.")
    ] = "",
) -> None:
    """Serve a gallery over HTTP to other machines."""
    import logging

    from retrieval import open_gallery
    from retrieval.serve import serve as serve_gallery

    log_to_stderr("%(message)s")
    logging.getLogger("retrieval").setLevel(logging.INFO)  # not faiss and the like
    serve_gallery(open_gallery(gallery), host=host, port=port, token=token, allowed_hosts=allowed_host.split(","))
