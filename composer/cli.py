"""composer: write | illustrate | rewrite | export | chat | drafts | models | download | doctor | plan | convert

Results go to stdout, progress to stderr. Exit status 0: done; 1: it failed, a sentence on stderr says why; 2: the
command itself cannot be understood (unknown option, model or gallery, bad value); 130: stopped with Ctrl-C. No
tracebacks for what a person can mend.
"""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.messages import _, languages
from common.terminal import json_line, piped_text, printable, typed_text
from composer import errors
from composer.article import Article
from composer.chat import CHATTING, Conversation
from composer.commands import (
    NO_OPTIONS,
    FolderOption,
    GalleryOption,
    GpusOption,
    HubOption,
    ModelOptions,
    OffloadOption,
    OwnOption,
    close,
    convert,
    drafts,
    export_article,
    follow,
    load,
    load_judge,
    loading_steps,
    models,
    plan,
    readable_errors,
    rewrite,
    say,
    stop_on_interrupt,
    with_model_options,
)
from composer.events import STEPS, ArticleReady, Report
from composer.exporting import image_names, to_markdown, write_folder
from composer.illustrating import FITS, OwnPictures
from composer.models import Picture
from composer.pipeline import Composer, Options
from composer.prompts import TONES, read_length
from composer.settings import Settings, load_settings
from composer.writing import read_request

if TYPE_CHECKING:
    from retrieval.base import PictureGallery

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Write illustrated articles and chat about pictures."
)
app.command()(models)
app.command()(plan)
app.command()(convert)
app.command()(rewrite)
app.add_typer(drafts, name="drafts")
app.command("export")(export_article)


def _known_language(value: str) -> str:
    if value not in languages():
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(map(repr, languages()))}.")
    return value


LanguageOption = Annotated[
    str,
    typer.Option(
        "--language",
        metavar=f"<{'|'.join(languages())}>",
        callback=_known_language,
        help="Language of what is printed.",
    ),
]


@app.command()
@with_model_options(judge=True)
def write(
    title: Annotated[str, typer.Argument(help="Title, or an instruction; '-' reads it from standard input.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for article.md, article.json and images/.")],
    pictures: Annotated[
        int | None, typer.Option("--pictures", help="Number of pictures, 0 to 30; automatic if left out.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="auto, en or zh.")] = "auto",
    length: Annotated[
        str, typer.Option("--length", help="short, medium, long or a number of words (Chinese: characters).")
    ] = "medium",
    tone: Annotated[str, typer.Option("--tone", help=", ".join(TONES) + ", or words of yours.")] = "",
    own: OwnOption = None,
    readers: Annotated[str, typer.Option("--readers", help="For whom it is written, in a few words.")] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="Makes the same text again.")] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", min=0, max=2, help="0 always takes the likeliest word; of the model if left out."
        ),
    ] = None,
    beams: Annotated[
        int | None, typer.Option("--beams", min=1, max=16, help="Beams of a beam search, where the model has it.")
    ] = None,
    repetition_penalty: Annotated[
        float | None,
        typer.Option("--repetition_penalty", "--repetition-penalty", min=1, max=10, help="1 does not penalize."),
    ] = None,
    select: Annotated[
        bool,
        typer.Option("--select/--no-select", help="The model chooses among the pictures found, or the first is taken."),
    ] = True,
    folder: FolderOption = None,
    gallery: GalleryOption = None,
    num_gpus: GpusOption = None,
    hub: HubOption = None,
    offload: OffloadOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object about the result.")] = False,
    chosen: ModelOptions = NO_OPTIONS,
) -> None:
    """Write an illustrated article."""
    with readable_errors():
        settings = load_settings(
            folder=folder, gallery=gallery, num_gpus=num_gpus, hub=hub, offload=offload or None, **chosen
        )
        options = Options(
            pictures=pictures,
            language=language,  # type: ignore[arg-type]  # `checked` refuses other values with a sentence
            select=select,
            length=read_length(length),
            tone=tone,
            readers=readers,
        ).checked()
        text = piped_text() if title == "-" else typed_text(title)
        read_request(text)  # an empty title is not worth loading a model for
        _check_out(out)  # nor is a place where nothing can be saved
        given = _own_pictures(own)
        opened = None if pictures == 0 else _open_gallery(settings)
        start = time.perf_counter()
        model, judge = load(settings), load_judge(settings) if opened is not None else None
        load_seconds = time.perf_counter() - start
        composer = Composer(model, opened, judge)
        sampling = composer.sampling.with_choices(
            temperature=temperature, beams=beams, repetition_penalty=repetition_penalty, seed=seed
        )
        options = replace(options, sampling=sampling)
        with stop_on_interrupt() as stop, given as pictures_given:
            done = follow(composer.compose(text, options, own=pictures_given, stop=stop))
        model_name = model.name
        close(model, judge)
        if not done.article.sections:
            raise typer.Exit(130 if done.stopped else 1)
        _save(done, out, summary(done.article, model_name, done.report, load_seconds), as_json)


@app.command()
@with_model_options(judge=True)
def illustrate(
    file: Annotated[str, typer.Argument(help="A .md, .txt, .docx or .html file; '-' reads text from standard input.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for article.md, article.json and images/.")],
    pictures: Annotated[
        int | None, typer.Option("--pictures", help="Number of pictures, 0 to 30; automatic if left out.")
    ] = None,
    select: Annotated[
        bool,
        typer.Option("--select/--no-select", help="The model chooses among the pictures found, or the first is taken."),
    ] = True,
    own: OwnOption = None,
    folder: FolderOption = None,
    gallery: GalleryOption = None,
    num_gpus: GpusOption = None,
    hub: HubOption = None,
    offload: OffloadOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object about the result.")] = False,
    chosen: ModelOptions = NO_OPTIONS,
) -> None:
    """Illustrate a text of your own; not a word of it is changed."""
    from composer.importing import read_path, read_text

    with readable_errors():
        settings = load_settings(
            folder=folder, gallery=gallery, num_gpus=num_gpus, hub=hub, offload=offload or None, **chosen
        )
        options = Options(pictures=pictures, select=select).checked()
        brought = read_text(piped_text()) if file == "-" else read_path(typed_text(file))
        _check_out(out)
        if file != "-" and Path(file).resolve() == (out.expanduser() / "article.md").resolve():
            raise errors.InputError(_("'{file}' would be overwritten; choose another folder for --out.", file=file))
        for note in brought.notes:
            say(note.text())
        given = _own_pictures(own)
        opened = _open_gallery(settings)
        start = time.perf_counter()
        model, judge = load(settings), load_judge(settings)
        load_seconds = time.perf_counter() - start
        composer = Composer(model, opened, judge)
        with stop_on_interrupt() as stop, given as pictures_given:
            done = follow(composer.illustrate(brought.article, options, own=pictures_given, stop=stop))
        model_name = model.name
        close(model, judge)
        _save(done, out, summary(done.article, model_name, done.report, load_seconds), as_json)


@app.command()
@with_model_options()
def chat(
    question: Annotated[str, typer.Argument(help="The question; '-' reads it from standard input.")],
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="A picture to ask about; may be repeated.")
    ] = None,
    folder: FolderOption = None,
    num_gpus: GpusOption = None,
    hub: HubOption = None,
    offload: OffloadOption = False,
    seed: Annotated[int | None, typer.Option("--seed", help="Makes the same answer again.")] = None,
    instructions: Annotated[
        str, typer.Option("--system", help="The system prompt: how the model should answer, or who it should be.")
    ] = "",
    chosen: ModelOptions = NO_OPTIONS,
) -> None:
    """Ask one question, about pictures or not; the answer is printed as it comes."""
    with readable_errors():
        text = piped_text() if question == "-" else typed_text(question)
        if not text.strip() and not image:
            raise errors.InputError(_("Please type a question."))
        pictures = [Picture.open(path) for path in image or []]
        model = load(load_settings(folder=folder, num_gpus=num_gpus, hub=hub, offload=offload or None, **chosen))
        describer = None
        if pictures and not model.capabilities.sees_pictures:
            from composer.models import PictureDescriber

            say(f"{model.name} does not see; the pictures are described to it by labels and the text found in them.")
            describer = PictureDescriber()
        with stop_on_interrupt() as stop:
            conversation = Conversation(model, describer, instructions=typed_text(instructions))
            for piece in conversation.ask(text, pictures, replace(CHATTING, seed=seed), stop):
                print(printable(piece), end="", flush=True)
        print()
        model.close()


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="A name of `python -m composer models`.")],
    hub: HubOption = None,
    update: Annotated[
        bool, typer.Option("--update", help="Take the hub's present version, not the one downloaded first.")
    ] = False,
) -> None:
    """Fetch a model's files, or go on where that stopped; prints their folder."""
    from composer.models import download_model

    with readable_errors():
        settings = load_settings(hub=hub, update=update or None)
        print(printable(str(download_model(name, loading_steps(), hub=settings.hub, update=settings.update))))


@app.command()
@with_model_options()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    language: LanguageOption = "en",
    folder: FolderOption = None,
    gallery: GalleryOption = None,
    num_gpus: GpusOption = None,
    chosen: ModelOptions = NO_OPTIONS,
) -> None:
    """Say what is installed, what will be used, what is missing and how to get it."""
    from composer.doctor import doctor as examine

    with readable_errors():
        report = examine(load_settings(folder=folder, gallery=gallery, num_gpus=num_gpus, **chosen))
        if as_json:
            print(json_line(report.to_dict()))
        else:
            print(printable("\n".join(report.lines(language))))
    raise typer.Exit(0 if report.ok else 1)


def summary(article: Article, model: str, report: Report, load_seconds: float) -> dict[str, Any]:
    """What `write --json` and `illustrate --json` print."""
    names = image_names(article)
    pictures = []
    for section in article.illustrated:
        illustration = section.illustration
        if illustration is None or illustration.chosen is None:
            continue
        chosen = illustration.chosen
        pictures.append(
            {
                "section": section.id,
                "caption": illustration.caption,
                "image": f"images/{names[section.id]}",
                "credit": chosen.credit,
                "score": chosen.score if chosen.share is None else chosen.share,
                "fit": chosen.fit,
                "fits": None if chosen.fit is None else chosen.fit >= FITS,
            }
        )
    steps = {step: round(report.seconds.get(step, 0.0), 3) for step in STEPS}
    total = round(load_seconds + report.seconds.get("total", 0.0), 3)
    return {
        "article": article.to_dict(),
        "model": model,
        "sections": len(article.sections),
        "pictures": pictures,
        "seconds": {"load": round(load_seconds, 3), **steps, "total": total},
        "tokens": {"prefilled": report.prefilled, "reused": report.reused, "generated": report.generated},
    }


def main() -> None:
    """Runs the command line."""
    app()


# -- inside ------------------------------------------------------------------------------------------


def _save(done: ArticleReady, out: Path, result: dict[str, Any], as_json: bool) -> None:
    """Writes the article into its folder and prints where it is, or the result."""
    try:
        write_folder(done.article, out)
    except errors.ExportError:  # minutes of work are worth more than the form asked for
        print(json_line(result) if as_json else printable(to_markdown(done.article)))
        raise
    say(f"Saved to {out}")
    print(json_line(result) if as_json else printable(str(out / "article.md")))
    if done.stopped:
        raise typer.Exit(130)


def _check_out(out: Path) -> None:
    """Refuses a folder that cannot be written to, before minutes are spent on an article. Raises InputError."""
    wanted = out.expanduser().absolute()
    place = next(folder for folder in (wanted, *wanted.parents) if os.access(folder, os.F_OK))
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise errors.InputError(
            _("Nothing can be saved in '{out}': '{place}' is no folder that can be written to.", out=out, place=place)
        )


def _own_pictures(files: list[Path] | None) -> "AbstractContextManager[OwnPictures | None]":
    """Raises InputError for too many, PictureError for a file that is no picture."""
    if not files:
        return nullcontext()
    own = OwnPictures(files)
    own.check()
    return own


def _open_gallery(settings: Settings) -> "PictureGallery":
    from retrieval import open_gallery

    gallery = open_gallery(settings.gallery)
    info = gallery.info()
    say(f"Gallery: {info.name}, {info.pictures:,} pictures")
    return gallery
