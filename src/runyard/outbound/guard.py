"""Where requests may go: what a URL may look like, and which addresses its host may resolve to."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from runyard.domain.addresses import Address, is_private_name, is_public
from runyard.domain.errors import Invalid
from runyard.settings import Settings

Reach = Literal["loopback", "public", "any"]
"""Where one request may go in the place of what the settings say of all: to this machine only, to the open internet, or
wherever its host is. Whoever says so has looked at the URL; its port may be any."""
LONGEST = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_NUMERIC = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+)){0,3}")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A URL taken apart: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query; never empty."""

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def check_url(url: str, settings: Settings) -> None:
    """Raise `Invalid` for a URL that requests may not go to; addresses behind a name are judged at each connect."""
    target(url, settings)


def target(url: str, settings: Settings, reach: Reach | None = None) -> Target:
    """The URL taken apart. Raises `Invalid` when requests may not go there."""
    if len(url) > LONGEST:
        raise Invalid(f"an endpoint URL has at most {LONGEST} characters")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise Invalid("an endpoint URL consists of printable ASCII; percent-encode the rest")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise Invalid("the endpoint is not a URL; it looks like https://host/path") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise Invalid("an endpoint URL begins with http:// or https://")
    if "@" in parts.netloc:
        raise Invalid("an endpoint URL carries no user name or password; use secrets instead")
    if port is None:
        port = DEFAULT_PORTS[parts.scheme]
    _check_port(port, ("*",) if reach is not None else settings.endpoint_ports)
    host = _host(host.removesuffix("."), settings, reach)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=parts.scheme, host=host, port=port, path=path)


def is_allowed(address: str, settings: Settings, reach: Reach | None = None) -> bool:
    """Whether requests may go to this (resolved) address."""
    if reach == "any" or (settings.allow_private_endpoints and reach != "loopback"):
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback if reach == "loopback" else is_public(found)


def _check_port(port: int, ports: tuple[str, ...]) -> None:
    if "*" not in ports and str(port) not in ports:
        allowed = ", ".join(ports)
        raise Invalid(f"endpoints may not use port {port}; allowed are {allowed} (RUNYARD_ENDPOINT_PORTS)")
    if port == 0:
        raise Invalid("an endpoint needs a port other than 0")


def _host(host: str, settings: Settings, reach: Reach | None) -> str:
    """The host as it is connected to. Raises `Invalid`."""
    literal = _literal(host)
    if literal is not None:
        if not is_allowed(str(literal), settings, reach):
            raise Invalid(f"endpoints may not be at the private address {literal} (RUNYARD_ALLOW_PRIVATE_ENDPOINTS)")
        return str(literal)
    labels = host.split(".")
    if len(host) > 253 or labels[-1].isdigit() or not all(map(_LABEL.fullmatch, labels)):
        raise Invalid("an endpoint URL needs the name or address of a host")
    if is_private_name(host) and not settings.allow_private_endpoints and reach in (None, "public"):
        raise Invalid(f"endpoints may not be at the private host {host} (RUNYARD_ALLOW_PRIVATE_ENDPOINTS)")
    return host


def _literal(host: str) -> Address | None:
    """The address the host is written as, in any notation that a resolver would take; None when it is a name."""
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host) if "%" not in host else _no_host()
        except ValueError:
            return _no_host()
    if not _NUMERIC.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return _no_host()


def _no_host() -> Address:
    raise Invalid("an endpoint URL needs the name or address of a host")
