"""The tools of the Model Context Protocol: what a language model's program can have this page do.

Knows MCP and the endpoints for programs, which it calls over HTTP as any program does; nothing of how they work.
Needs the package `mcp`.
"""

from ui.mcp.server import ToolServer

__all__ = ["ToolServer"]
