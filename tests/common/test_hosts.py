"""Which names a server answers to, and whose pages may call it."""

import pytest

from common.hosts import AllowedHosts


@pytest.mark.parametrize(
    ("listens", "names", "header", "allowed"),
    [
        ("127.0.0.1", [], "127.0.0.1:7860", True),
        ("127.0.0.1", [], "LOCALHOST:7860", True),
        ("127.0.0.1", [], "[::1]:7860", True),
        ("::1", [], "[::1]", True),
        ("127.0.0.1", [], "evil.example:7860", False),
        ("127.0.0.1", [], "127.0.0.1.evil.example", False),
        ("127.0.0.1", [], "192.168.1.7", False),
        ("127.0.0.1", [], "", False),
        ("127.0.0.1", ["studio.example"], "Studio.example", True),
        ("127.0.0.1", ["studio.example:8443"], "studio.example", True),
        ("127.0.0.1", ["*"], "anything.example", True),
        ("0.0.0.0", [], "192.168.1.7:7860", True),
        ("::", [], "[2001:db8::1]:7860", True),
        ("0.0.0.0", [], "evil.example", False),
        ("pc.home", [], "pc.home:7860", True),
    ],
)
def test_only_names_it_was_started_for(listens: str, names: list[str], header: str, allowed: bool) -> None:
    assert AllowedHosts(listens, names).allows(header) is allowed


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"host": "127.0.0.1:7860"}, ""),
        ({"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"}, ""),
        ({"host": "127.0.0.1:7860", "origin": "https://studio.example"}, ""),
        ({"host": "127.0.0.1:7860", "x-forwarded-host": "studio.example", "origin": "https://studio.example"}, ""),
        ({"host": "127.0.0.1:7860", "x-forwarded-host": "other.example", "origin": "https://other.example"}, ""),
        ({"host": "127.0.0.1:7860", "x-forwarded-host": "other.example", "origin": "null"}, "origin null"),
        ({}, "host "),
        ({"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:3000"}, "origin http://127.0.0.1:3000"),
        ({"host": "127.0.0.1:7860", "origin": "http://evil.example"}, "origin http://evil.example"),
        ({"host": "127.0.0.1:7860", "origin": "null"}, "origin null"),
        ({"host": "evil.example", "origin": "http://evil.example"}, "host evil.example"),
    ],
)
def test_pages_of_others_are_refused(headers: dict[str, str], refused: str) -> None:
    assert AllowedHosts("127.0.0.1", ["studio.example"]).refuses(headers) == refused


def test_a_page_without_an_address_is_foreign_also_where_no_name_was_said() -> None:
    hosts = AllowedHosts("127.0.0.1", [""])  # an option that is left out
    assert hosts.is_foreign_page({"host": "127.0.0.1:8000", "origin": "null"})
