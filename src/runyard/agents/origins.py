"""Where repositories may be cloned from: the same rules as for all requests to the outside, and a pin on the address.

A name is resolved here and its addresses are judged; git is told to connect to those that passed and to nobody else,
so that a name which resolves differently a moment later (DNS rebinding) gains nothing.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from msgspec import Struct

from runyard.agents.errors import BadRequest, NotReachable
from runyard.domain.addresses import Address, is_private_name, is_public

_LONGEST = 2048
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_NUMERIC = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+)){0,3}")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_PORTS = {"https": 443, "http": 80}
_REMEDY = "; the operator may allow it with RUNYARD_ALLOW_PRIVATE_ENDPOINTS"

Resolve = Callable[[str, int], list[str]]


class Origin(Struct, frozen=True, kw_only=True):
    """A URL to clone from, and the addresses that its host may be reached at."""

    url: str
    scheme: str
    pin: str
    """For curl: host, port and addresses. Empty when the host is an address itself."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver has for the name."""
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})


def origin(url: str, *, allow_private: bool, resolve: Resolve = resolve) -> Origin:
    """The URL, checked. Raises `BadRequest` where one may not clone from it, `NotReachable` for an unknown host."""
    if len(url) > _LONGEST or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise BadRequest(f"The URL of a repository is printable ASCII of at most {_LONGEST} characters")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").removesuffix(".")
    except ValueError:
        raise BadRequest("That is no URL of a repository; it looks like https://host/owner/name.git") from None
    if parts.scheme not in _PORTS or (parts.scheme == "http" and not allow_private):
        raise BadRequest("Repositories are cloned over https:// only")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadRequest("The URL of a repository has no user name, password, query or fragment")
    literal = _literal(host)
    if literal is None and is_private_name(host) and not allow_private:
        raise BadRequest(f"Repositories may not be cloned from the private host {host}{_REMEDY}")
    addresses = [literal] if literal is not None else _addresses(host, port, resolve)
    allowed = [address for address in addresses if allow_private or is_public(address)]
    if not allowed:
        raise BadRequest(f"{host} is at private addresses only, where repositories may not be cloned from{_REMEDY}")
    if parts.scheme == "http" and not all(address.is_loopback for address in allowed):
        raise BadRequest("Repositories are cloned over https://, from other machines at least")
    name = f"[{host}]" if ":" in host else host
    return Origin(
        url=f"{parts.scheme}://{name}:{port}{quote(parts.path or '/', safe='/%~+,;=@!$&()*:')}",
        scheme=parts.scheme,
        pin="" if literal is not None else f"{host}:{port}:{','.join(map(_written, allowed))}",
    )


def _literal(host: str) -> Address | None:
    """The address the host is written as, in its usual form; None when it is a name. Raises `BadRequest`."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        # Other ways to write an address are for hiding one.
        if len(host) > 253 or _NUMERIC.fullmatch(host) or not all(map(_LABEL.fullmatch, labels)):
            raise BadRequest("The URL of a repository needs the name or address of a host") from None
        return None


def _addresses(host: str, port: int, resolve: Resolve) -> list[Address]:
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise NotReachable(f"The host {host} cannot be resolved: {getattr(error, 'strerror', None) or error}") from None
    return [ipaddress.ip_address(one) for one in found if "%" not in one]


def _written(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
