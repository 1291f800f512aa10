"""Which addresses a connection may reach, looked at before a byte is sent."""

import socket
import threading
from pathlib import Path

import pytest

from retrieval.errors import RetrievalError
from retrieval.sources.connections import AddressRefused, AddressRule
from retrieval.sources.download import Downloader


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("224.0.0.1", False),
        ("2606:2800:220:1::1", True),
    ],
)
def test_public_hosts_may_not_lead_to_private_addresses(address: str, fine: bool) -> None:
    rule = AddressRule(public_only=True)
    if fine:
        rule.check(address)
    else:
        with pytest.raises(AddressRefused):
            rule.check(address)


def test_a_private_host_may_be_private_until_it_was_public_once() -> None:
    rule = AddressRule()
    rule.check("192.168.1.7")
    rule.check("127.0.0.1")
    with pytest.raises(AddressRefused):
        rule.check("169.254.169.254")  # never, whatever the host
    rule.check("93.184.216.34")
    with pytest.raises(AddressRefused):
        rule.check("192.168.1.7")


def test_a_connection_to_a_refused_address_sends_nothing(tmp_path: Path) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(1000))

        thread = threading.Thread(target=accept)
        thread.start()
        downloader = Downloader(f"http://localhost:{listener.getsockname()[1]}", public_only=True, folder=tmp_path)
        with pytest.raises(RetrievalError, match="must not be asked"):
            downloader.json("v1/info")
        thread.join(5)
    assert received == [b""]
