"""The command `models`: what can be loaded by name, what other programs keep on this machine, and its servers."""

from typing import Annotated, Any

import typer

from common.messages import Text, _, languages
from common.terminal import json_line, printable
from composer.commands.terminal import readable_errors
from composer.models import KnownModel, LocalModel, LocalServer, Proposal


def _known_language(value: str) -> str:
    if value not in languages():
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(map(repr, languages()))}.")
    return value


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    discover: Annotated[
        bool, typer.Option("--discover", help="Also ask the usual ports of this machine for servers.")
    ] = False,
    language: Annotated[
        str,
        typer.Option(
            "--language",
            metavar=f"<{'|'.join(languages())}>",
            callback=_known_language,
            help="Language of what is printed.",
        ),
    ] = "en",
) -> None:
    """List the models that can be loaded by name: known ones, and those of other programs on this machine."""
    from composer.models import find_servers, known_models, local_models, propose

    with readable_errors():
        known, local = known_models(), local_models()
        servers = find_servers() if discover else []
        proposal = propose(local)
        if as_json:
            rows = [_known_row(model) for model in known]
            rows += [_local_row(model, proposal) for model in local]
            rows += [row for server in servers for row in _server_rows(server)]
            typer.echo(json_line(rows))
            return
        lines = [line for model in known for line in _known_lines(model, language)]
        lines += [line for model in local for line in _local_lines(model, language)]
        lines += [line for server in servers for line in _server_lines(server, language)]
        if discover and not servers:
            lines.append(_("No server answers at the usual ports.").text(language))
        if proposal is not None:
            lines.append(proposal.why.text(language))
        typer.echo(printable("\n".join(lines)))


def _known_row(model: KnownModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "description": model.description.get("en", ""),
        "available": model.available,
        "why": model.why.text(),
    }


def _local_row(model: LocalModel, proposal: Proposal | None) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.engine,
        "store": model.store,
        "available": model.loadable,
        "why": model.why.text() if model.why else "",
        "sees_pictures": model.sees,
        "chat_template": model.chat_template,
        "bytes": model.size,
        "memory_bytes": model.memory,
        "quantization": model.quantization,
        "architecture": model.architecture,
        "context_tokens": model.context_tokens,
        "path": str(model.path),
        "mmproj": str(model.mmproj) if model.mmproj else None,
        "proposed": proposal is not None and proposal.model.name == model.name,
    }


def _server_rows(server: LocalServer) -> list[dict[str, Any]]:
    about = {"kind": "server", "store": server.program, "needs_key": server.needs_key}
    why = server.why.text() if server.why else ""
    names = [server.name_of(model) for model in server.models] or [server.address]
    return [{"name": name, "available": server.why is None, "why": why, **about} for name in names]


def _known_lines(model: KnownModel, language: str) -> list[str]:
    return [
        f"{_mark(model.available)} {model.name}  ({model.kind})",
        f"    {model.description.get(language) or model.description.get('en', '')}",
        f"    {model.why.text(language)}",
    ]


def _local_lines(model: LocalModel, language: str) -> list[str]:
    lines = [f"{_mark(model.loadable)} {model.name}  ({model.store})"]
    facts: list[Text | str] = [_("sees pictures") if model.sees else _("text only")]
    if not model.chat_template:
        facts.append(_("no chat template"))
    facts += [each for each in (model.quantization, f"{model.size / 1e9:.1f} GB" if model.size else "") if each]
    if model.memory:
        facts.append(_("needs about {memory:.1f} GB", memory=model.memory / 1e9))
    facts.append(str(model.path))
    lines.append("    " + " · ".join(fact.text(language) if isinstance(fact, Text) else fact for fact in facts))
    if model.why is not None:
        lines.append(f"    {model.why.text(language)}")
    return lines


def _server_lines(server: LocalServer, language: str) -> list[str]:
    lines = [f"{_mark(server.why is None)} {server.address}  ({server.program})"]
    lines += [f"    --model {server.name_of(model)}" for model in server.models]
    if server.why is not None:
        lines.append(f"    {server.why.text(language)}")
    return lines


def _mark(usable: bool) -> str:
    return "✓" if usable else "–"
