"""Which tools there are, how they are described, and what of an endpoint's answer a language model gets."""

import inspect
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gradio as gr
from gradio.utils import get_function_description
from mcp.types import CallToolResult, ContentBlock, ResourceLink, TextContent, Tool, ToolAnnotations
from pydantic import AnyUrl, TypeAdapter

# name of the tool -> the endpoint that it calls
TOOLS = {
    "write_article": "compose",
    "illustrate_text": "illustrate",
    "search_gallery": "search",
    "chat": "chat",
    "export": "export",
}

ADDRESSES = ("src", "thumb", "zip", "file")  # fields that hold an address relative to the page's
# What only the page shows: other pictures that would have fitted, and why one was chosen. It is most of an article,
# and a model would have to read it and to write it again for `export`.
LEFT_OUT = ("candidates", "evidence", "looked_for", "elements", "state", "seconds", "tokens")


def describe_tools(endpoints: Mapping[str, Callable[..., Any]]) -> list[Tool]:
    """The tools, described by the signatures and docstrings of the functions behind the endpoints."""
    described = []
    for name, endpoint in TOOLS.items():
        function = endpoints[endpoint]
        description, arguments, _returns = get_function_description(function)
        first = next(iter(inspect.signature(function).parameters.values()))
        called = partial(function, None) if first.annotation is gr.Request else function  # Gradio adds it
        schema = TypeAdapter[Any](called).json_schema()  # type: ignore[arg-type]  # a function's arguments
        for argument, field in schema["properties"].items():
            field.pop("title", None)
            field["description"] = arguments[argument]
        # nothing is kept between calls, and nothing but the gallery is looked at
        hints = ToolAnnotations(readOnlyHint=True, destructiveHint=False, openWorldHint=False)
        described.append(Tool(name=name, description=description, inputSchema=schema, annotations=hints))
    return described


def tool_result(value: Any, page: str) -> CallToolResult:
    """What an endpoint answered, as JSON with addresses that can be fetched; a text alone is that text. A file is
    linked as well.

    page: its address, without a slash at the end.
    """
    if isinstance(value, str):
        return CallToolResult(content=[TextContent(type="text", text=value)])
    answer = _for_models(value, page)
    structured = answer if isinstance(answer, dict) else {"pictures": answer}
    content: list[ContentBlock] = [TextContent(type="text", text=json.dumps(structured, ensure_ascii=False))]
    if "file" in structured:
        content.append(
            ResourceLink(
                type="resource_link",
                uri=AnyUrl(structured["file"]),
                name=structured["name"],
                mimeType=structured["media_type"],
                size=structured["bytes"],
            )
        )
    return CallToolResult(content=content, structuredContent=structured)


def _for_models(value: Any, page: str) -> Any:
    """Without what is empty, which an article that is handed back need not name; an empty gap is no missing one."""
    if isinstance(value, list):
        return [_for_models(one, page) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: f"{page}/{one}" if name in ADDRESSES else _for_models(one, page)
        for name, one in value.items()
        if name not in LEFT_OUT and (one not in (None, "", [], {}) or (one == "" and name == "gap"))
    }
