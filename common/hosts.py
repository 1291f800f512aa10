"""Which names a server answers to, and whose pages may call it. Nothing of HTTP libraries.

A web page can give its own name an address of this machine (DNS rebinding), and can make its visitor's browser send
requests here. The first shows in the Host header, the second in Origin.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

EVERYWHERE = ("0.0.0.0", "::")  # addresses to listen on that mean all of this machine's


def host_name(header: str) -> str:
    """The name or address in a Host header, without port and brackets, in lower case."""
    name = header.partition("]")[0].strip("[") if header.startswith("[") else header.partition(":")[0]
    return name.strip().lower().rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, no port) means this machine only."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class AllowedHosts:
    """The names that a server was started for: those of this machine, where it listens, and those the owner said."""

    def __init__(self, host: str = "127.0.0.1", names: Iterable[str] = ()) -> None:
        """host: where it listens. names: public ones, such as a proxy's; "*" is every name."""
        host = host.strip("[]").lower()
        self.names = {host_name(name) if name != "*" else name for name in names if name.strip()}
        self._own = {host}
        self._any_address = host in EVERYWHERE
        if self._any_address:
            machine = socket.gethostname().lower()
            self._own |= {machine, f"{machine.partition('.')[0]}.local"}

    def allows(self, header: str) -> bool:
        """Whether a Host header names this server."""
        name = host_name(header)
        if is_loopback(name) or name in self._own or name in self.names or "*" in self.names:
            return True
        return self._any_address and _is_address(name)  # a number is no name that a page could bend

    def refuses(self, headers: Mapping[str, str]) -> str:
        """The header for which a request is refused, and its value: "host evil.example"; empty for one that is not."""
        if not self.allows(headers.get("host", "")):  # X-Forwarded-Host is a proxy's word: no page can send it unasked
            return f"host {headers.get('host', '')}"
        return f"origin {headers['origin']}" if self.is_foreign_page(headers) else ""

    def is_foreign_page(self, headers: Mapping[str, str]) -> bool:
        """Whether a page sent the request that is none of this server's: its address is not the one that was asked, and
        its name none that the owner said."""
        origin = headers.get("origin", "")
        page = urlsplit(origin)
        here = [headers.get("host", ""), *headers.get("x-forwarded-host", "").split(",")]
        if page.netloc and page.netloc.lower() in [value.strip().lower() for value in here]:
            return False
        return bool(origin) and not ("*" in self.names or (page.hostname or "") in self.names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
