"""Which of a peer's candidates (RFC 8839 5.1) are addresses of a TURN server.

Checks may come from anywhere, so candidates are not needed to reach a peer; but an address that a
peer has named as relayed says how its media travel. Peers that name none are taken for direct.
"""

from __future__ import annotations

import re
from typing import Final

MAX_RELAYED: Final = 16
"""Addresses remembered of one peer: two families, three ways to each of a few TURN servers."""
_RELAYED = re.compile(
    r"^a=candidate:\S{1,32} \d{1,3} udp \d{1,10} ([0-9A-Fa-f.:]{2,45}) (\d{1,5}) typ relay\b",
    re.MULTILINE | re.IGNORECASE,
)


def relayed_addresses(text: str) -> frozenset[tuple[str, int]]:
    """IP address and port of the first `MAX_RELAYED` relayed candidates of an offer or fragment."""
    found: set[tuple[str, int]] = set()
    for match in _RELAYED.finditer(text):
        if len(found) == MAX_RELAYED:
            break
        found.add((match[1].lower(), int(match[2])))
    return frozenset(found)
