"""Pandoc reads what is not Markdown: in its sandbox, without files or network, within limits of time and memory."""

import logging
import subprocess

from common.messages import _
from composer.errors import InputError

SECONDS = 60.0
_MEMORY = "-M1g"  # of pandoc's heap
_log = logging.getLogger(__name__)


def to_markdown(name: str, content: bytes, form: str) -> str:
    """The content of a file as GitHub's Markdown, its title as front matter. form: "docx" or "html".

    Raises InputError, with the file's name, where pandoc cannot read it, or is missing.
    """
    try:
        import pypandoc

        command = [
            pypandoc.get_pandoc_path(), "+RTS", _MEMORY, "-RTS", "--sandbox", "--from", form,
            "--to", "gfm-raw_html", "--standalone", "--wrap=none", "--markdown-headings=atx",
        ]  # fmt: skip
        done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise InputError(
            _("The file '{name}' took longer than {seconds} seconds to read. Copy its text instead.",
              name=name, seconds=round(SECONDS))
        ) from error  # fmt: skip
    except (ImportError, OSError) as error:
        raise InputError(
            _(
                "The file '{name}' cannot be read: {reason}. Copy its text instead.",
                name=name,
                reason=_("pandoc is missing. Install it with: pip install pypandoc_binary"),
            )
        ) from error
    if done.returncode != 0:
        _log.warning("pandoc could not read %r: %s", name, done.stderr.decode("utf-8", "replace")[:500].strip())
        raise InputError(_("The file '{name}' cannot be read; it is damaged. Copy its text instead.", name=name))
    return done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
