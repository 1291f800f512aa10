"""Connections that check the address they reached before they send anything, and that limit every wait.

An adapter for requests. Knows nothing of galleries or pictures.
"""

import contextlib
import ipaddress
import socket
import threading
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse
from urllib3.util import Retry


class AddressRefused(Exception):
    """The name leads to an address that must not be asked. It is no OSError, so that urllib3 does not retry."""


class AddressRule:
    """Which IP addresses may be asked.

    A name that led to a public address once may not lead to a private one later (DNS rebinding); a host of a person's
    own network leads to a private address from the start. Link-local addresses (169.254.169.254 hands out a cloud
    machine's secrets), multicast and unspecified ones are never asked.
    """

    def __init__(self, *, public_only: bool = False) -> None:
        self._public = public_only
        self._lock = threading.Lock()

    def check(self, address: str) -> None:
        """Raises AddressRefused."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        private = ip.is_loopback or ip.is_private
        with self._lock:
            if ip.is_link_local or ip.is_multicast or ip.is_unspecified or (self._public and not ip.is_global):
                raise AddressRefused(str(ip))
            if not private:
                self._public = True


class _CheckedConnection:
    """Mixed into urllib3's connections: checks the peer's address before a byte is sent, and limits the wait for
    headers."""

    rule: ClassVar[AddressRule]
    header_seconds: ClassVar[float]

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]  # a mixin: urllib3's method
        try:
            self.rule.check(connected.getpeername()[0])
        except BaseException:
            connected.close()
            raise
        return connected

    def getresponse(self) -> HTTPResponse:
        # the socket's own timeout starts anew with each byte; a server that drips headers would never reach it
        late = threading.Event()

        def hang_up() -> None:
            late.set()
            with contextlib.suppress(OSError):  # already closed
                # not the method of SSLSocket, which drops the layer that the other thread is reading from
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # type: ignore[attr-defined]  # a mixin

        watch = threading.Timer(self.header_seconds, hang_up)
        watch.daemon = True
        watch.start()
        try:
            response: HTTPResponse = super().getresponse()  # type: ignore[misc]  # a mixin: urllib3's method
        finally:
            watch.cancel()
        if late.is_set():  # the headers were cut off, which http.client takes for their end
            response.close()
            raise TimeoutError("the headers did not come in time")
        return response


class CheckedAdapter(HTTPAdapter):
    """Retries with back-off; every connection obeys `rule` and sends its headers within `header_seconds`."""

    def __init__(self, rule: AddressRule, header_seconds: float) -> None:
        self._settings = {"rule": rule, "header_seconds": header_seconds}
        retry = Retry(
            total=3,
            connect=2,
            read=1,
            status=2,
            backoff_factor=0.3,  # waits 0, 0.6, 1.2 seconds
            backoff_jitter=0.1,
            status_forcelist=(502, 503, 504),  # not 429: asking again is what it complains of
            allowed_methods=frozenset({"GET", "POST"}),  # a search changes nothing, so it may be sent twice
            respect_retry_after_header=False,  # it may name a day
            raise_on_status=False,
        )
        super().__init__(max_retries=retry, pool_connections=1, pool_maxsize=8)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        plain = type("CheckedConnection", (_CheckedConnection, HTTPConnection), self._settings)
        secure = type("CheckedSecureConnection", (_CheckedConnection, HTTPSConnection), self._settings)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("CheckedPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("CheckedSecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
