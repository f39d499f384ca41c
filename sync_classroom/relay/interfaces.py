"""The machine's own addresses, for ICE candidates when none are configured (Linux)."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from pathlib import Path
from typing import Final

_SIOCGIFADDR: Final = 0x8915  # linux/sockios.h
_IF_INET6: Final = Path("/proc/net/if_inet6")
MAX_ADDRESSES: Final = 8
"""More candidates would only make every peer's checks take longer."""


def _ipv4() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # no IPv4 address there
            found.append(socket.inet_ntoa(answer[20:24]))
    return found


def _ipv6() -> list[str]:
    try:
        lines = _IF_INET6.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    return [str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))) for line in lines]


def reachable_addresses(host: str) -> tuple[str, ...]:
    """What peers can be told when listening on `host`, a wildcard or one address.

    Link-local addresses are left out, and loopback unless there is nothing else.
    """
    listening = ipaddress.ip_address(host)
    if not listening.is_unspecified:
        return (host,)
    names = _ipv4() if listening.version == 4 else [*_ipv6(), *_ipv4()]
    addresses = [ipaddress.ip_address(name) for name in dict.fromkeys(names)]
    usable = [a for a in addresses if not a.is_link_local and not a.is_loopback]
    usable = usable or [a for a in addresses if a.is_loopback]
    return tuple(str(address) for address in usable[:MAX_ADDRESSES])
