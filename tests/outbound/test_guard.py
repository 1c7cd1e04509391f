"""What a URL may look like, and which addresses stand behind it."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Invalid
from runyard.outbound.guard import LONGEST, check_url, is_allowed, target
from runyard.settings import Settings

STRICT = Settings()
PRIVATE = Settings(allow_private_endpoints=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/run",
        "http://example.com:8080/run?x=1",
        "https://93.184.216.34/",
        "https://[2606:4700::1111]/x",
        "https://EXAMPLE.com.",
        "http://example.com",
    ],
)
def test_public_endpoints_are_let_through(url: str) -> None:
    check_url(url, STRICT)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com",
        "https://",
        "https:///path",
        "https://exa mple.com/",
        "https://example.com/\r\nX-Evil: 1",
        "https://example.com/\x00",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://-bad-.com/",
        "https://a..b/",
        "https://1.2.3.4.5/",
        "https://bücher.example/",
        "https://example.com/" + "x" * LONGEST,
    ],
)
def test_what_is_no_url_of_an_endpoint_is_refused_whatever_is_allowed(url: str) -> None:
    with pytest.raises(Invalid):
        check_url(url, PRIVATE)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "foo.localhost",
        "printer.local",
        "metadata.google.internal",
        "metadata",
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
    ],
)
def test_private_hosts_are_refused_in_every_notation_unless_allowed(host: str) -> None:
    with pytest.raises(Invalid, match="private"):
        check_url(f"http://{host}/", STRICT)
    check_url(f"http://{host}/", PRIVATE)


def test_ports_are_those_of_the_setting_also_where_private_addresses_are_allowed() -> None:
    for port in (80, 443, 3000, 4000, 5000, 8080, 8443, 9000):
        check_url(f"http://example.com:{port}/", STRICT)
    for port in (22, 25, 6379, 5432, 81):
        with pytest.raises(Invalid, match=f"port {port}"):
            check_url(f"http://127.0.0.1:{port}/", PRIVATE)
    check_url("http://127.0.0.1:5432/", Settings(allow_private_endpoints=True, endpoint_ports=("*",)))


def test_resolved_addresses_are_judged_with_what_they_carry_inside() -> None:
    assert is_allowed("93.184.216.34", STRICT)
    assert is_allowed("::ffff:93.184.216.34", STRICT)
    assert not is_allowed("::ffff:10.0.0.1", STRICT)
    assert not is_allowed("fe80::1%eth0", STRICT)
    assert not is_allowed("not an address", STRICT)
    assert is_allowed("10.0.0.1", PRIVATE)


def test_a_url_is_taken_apart_for_the_request_line_and_the_host_header() -> None:
    one = target("http://Example.com:8080/a/b?c=d#e", STRICT)
    assert (one.host, one.port, one.path, one.authority) == ("example.com", 8080, "/a/b?c=d", "example.com:8080")
    other = target("https://[2606:4700::1111]?q", STRICT)
    assert (other.host, other.port, other.path, other.authority) == ("2606:4700::1111", 443, "/?q", "[2606:4700::1111]")
