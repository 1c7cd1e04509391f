import pytest

from runyard.agents.errors import BadRequest, NotReachable
from runyard.agents.origins import Resolve, origin

PUBLIC = "93.184.216.34"


def at(*addresses: str) -> Resolve:
    return lambda _host, _port: [*addresses]


def test_a_name_is_pinned_to_its_public_addresses_alone() -> None:
    found = origin(
        "https://Code.Example./acme/shop.git", allow_private=False, resolve=at(PUBLIC, "10.0.0.1", "2606:4700::1")
    )
    assert found.url == "https://code.example:443/acme/shop.git"
    assert found.pin == f"code.example:443:{PUBLIC},[2606:4700::1]"


def test_an_address_needs_no_pin() -> None:
    assert origin(f"https://{PUBLIC}:8443/x", allow_private=False).pin == ""
    assert origin("https://[2606:4700::1]/x", allow_private=False).url == "https://[2606:4700::1]:443/x"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop",
        "ssh://git@host.example/x",
        "git://host.example/x",
        "file:///etc",
        "ext::sh -c id",
        "http://host.example/x",
        "https://",
        "https://me@host.example/x",
        "https://me:sesame@host.example/x",
        "https://host.example/x?y",
        "https://host.example/x#y",
        "https://host.example:port/x",
        "https://host.example/a b",
        "https://host.example/\\x",
        "https://-x/y",
        "https://0x7f000001/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://localhost/x",
        "https://db.internal/x",
        "https://[::1]/x",
        "https://[fe80::1%25eth0]/x",
        "https://169.254.169.254/x",
        "https://host.example/" + "x" * 2048,
    ],
)
def test_other_urls_are_refused_without_a_lookup(url: str) -> None:
    def never(_host: str, _port: int) -> list[str]:
        raise AssertionError("looked up")

    with pytest.raises(BadRequest):
        origin(url, allow_private=False, resolve=never)


def test_a_name_with_private_addresses_only_is_refused() -> None:
    for address in ("10.0.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "169.254.169.254"):
        with pytest.raises(BadRequest, match="private"):
            origin("https://host.example/x", allow_private=False, resolve=at(address))
        assert origin("https://host.example/x", allow_private=True, resolve=at(address)).pin


def test_plain_http_is_for_this_machine_only_where_private_addresses_are_allowed() -> None:
    assert origin("http://127.0.0.1:8000/x", allow_private=True).scheme == "http"
    for addresses in ((PUBLIC,), ("10.0.0.1",), ("127.0.0.1", PUBLIC)):
        with pytest.raises(BadRequest, match="https"):
            origin("http://host.example/x", allow_private=True, resolve=at(*addresses))


def test_a_name_nobody_knows_may_be_tried_again() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(NotReachable, match="not known"):
        origin("https://host.example/x", allow_private=False, resolve=unknown)
