"""Which addresses and names of hosts belong to the open internet. Pure."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "metadata", "metadata.goog", "instance-data"})
PRIVATE_SUFFIXES = (".localhost", ".localdomain", ".local", ".internal")
_SPECIAL = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))
"""Set aside for protocols and clouds; older Pythons take parts of them for public."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def is_private_name(host: str) -> bool:
    """Whether a name stands for this machine or its own network, wherever it is looked up."""
    return host in PRIVATE_NAMES or host.endswith(PRIVATE_SUFFIXES)


def is_public(address: Address) -> bool:
    """Whether the address, and the one it may carry inside, belongs to the open internet."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = _carried(address)
        if carried is not None and not is_public(carried):
            return False
        if address.ipv4_mapped is not None:
            return True
    if isinstance(address, ipaddress.IPv4Address) and any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
