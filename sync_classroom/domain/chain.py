"""The facts' chain: each fact seals those before it, so none can be changed or left out unseen.

A head is the SHA-256 of the head before it and of the fact's canonical text, in order of arrival.
A day goes on where the day before it ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date
from typing import Final

from .facts import Fact, fact_to_dict

FIRST_HEAD: Final = hashlib.sha256(b"sync-classroom/facts/1").hexdigest()
"""What the first fact of all is chained to."""


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class ChainLink:
    """The facts that arrived on one day (UTC): `begins` is the head before them, `head` after."""

    day: date
    count: int
    begins: str
    head: str


def canonical(fact: Fact) -> bytes:
    """The fact's one text: JSON with its keys in order, without blanks, instants in UTC."""
    written = fact_to_dict(fact, UTC)
    return _ENCODE(written).encode()


def chained(head: str, facts: Iterable[Fact]) -> str:
    """The head after `facts`, which come in order of arrival."""
    digest = bytes.fromhex(head)
    for fact in facts:
        digest = hashlib.sha256(digest + canonical(fact)).digest()
    return digest.hex()
