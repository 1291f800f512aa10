"""Where a server is and which key it wants: read from what a person set, refused with a sentence.

Knows nothing of what the server can do.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from common.messages import _
from composer.errors import SettingsError

_VERSION = re.compile(r"v\d+(?:beta\d*)?", re.IGNORECASE)  # how the path of an OpenAI-compatible API ends

_OPERATIONS = ("/chat/completions", "/completions", "/models")  # what a person may have copied with the address
KEY_OPTION = "api_key_file"  # names the file of a server's key


@dataclass(frozen=True, slots=True)
class Address:
    """A server. `api` holds the OpenAI-compatible paths, `root` those of the server's own kind; neither ends in "/"."""

    api: str  # "http://127.0.0.1:8000/v1"
    root: str  # "http://127.0.0.1:8000"

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.api).netloc

    @property
    def on_this_machine(self) -> bool:
        host = urlsplit(self.api).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def encrypted(self) -> bool:
        return self.api.startswith("https://")


def read_address(text: str | None, setting: str = "base_url", key_option: str = KEY_OPTION) -> Address:
    """The address of a server; the "/v1" at its end may be left out.

    setting: what the error calls it. key_option: by which a person names the file of the key. Raises SettingsError.
    """
    given = (text or "").strip()
    if not given:
        raise SettingsError(
            name=setting,
            value="",
            reason=_("a server needs an address, such as http://127.0.0.1:8000/v1 (--base_url URL)."),
        )
    try:
        parts = urlsplit(given)
        host, _port, server = parts.hostname, parts.port, parts.netloc
    except ValueError:
        host, server = None, given
    if "@" in server:  # before anything else is said of the address, which would show it
        raise SettingsError(
            name=setting,
            value=f"…@{given.rpartition('@')[2]}",
            reason=_(
                "a password in an address ends up in logs. Put the key in a file: --{option} FILE.", option=key_option
            ),
        )
    if host is None or parts.scheme not in ("http", "https"):
        raise SettingsError(
            name=setting, value=given, reason=_("it is no address of a server, such as http://127.0.0.1:8000/v1.")
        )
    if parts.query or parts.fragment:
        raise SettingsError(
            name=setting, value=given.split("?")[0], reason=_("the address of a server has no part after '?' or '#'.")
        )
    path = parts.path.rstrip("/")
    for end in _OPERATIONS:
        path = path.removesuffix(end)
    above, _slash, last = path.rpartition("/")
    before = f"{parts.scheme}://{parts.netloc}"
    if _VERSION.fullmatch(last):
        return Address(before + path, before + above)
    return Address(f"{before}{path}/v1", before + path)


def read_key(file: str | Path | None, setting: str = KEY_OPTION) -> SecretStr | None:
    """The key in a file: its only line. None where no file was named.

    setting: what the error calls it. Raises SettingsError.
    """
    if file is None or not str(file).strip():
        return None
    path = Path(file).expanduser()
    try:
        key = path.read_text("utf-8-sig").strip()  # Windows' editor begins a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SettingsError(
            name=setting, value=path, reason=_("the file cannot be read: {reason}.", reason=reason)
        ) from error
    if not key or not re.fullmatch(r"[!-~]+", key):  # what a header may hold
        raise SettingsError(
            name=setting, value=path, reason=_("the file must hold the key and nothing else, on one line.")
        )
    return SecretStr(key)
