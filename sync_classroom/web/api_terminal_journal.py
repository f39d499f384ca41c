"""API: what a terminal noted itself while it was in lessons, sent when it can."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ConfigDict

from .access import TERMINAL
from .routes import ApiRoute, Call, In, Out


class JournalIn(In):
    """A terminal's samples; docs/terminal-protocol.md says what is in them."""

    # Each sample is looked at by itself, so that a bad one costs no good one.
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    spool: str
    sent: int
    lost: int
    samples: list[Any]


class RefusedOut(Out):
    """A sample that is not taken and need not be sent again; `n` null: it had no number."""

    n: int | None
    code: str
    zh: str
    en: str


class TakenOut(Out):
    """How many samples were new, how many known already, and which were refused."""

    stored: int
    known: int
    refused: list[RefusedOut]


async def take(call: Call[JournalIn, None]) -> TakenOut:
    """Store what is new; whatever was answered need not be sent again."""
    taken = await call.services.journals.take(
        call.request[TERMINAL], call.body.model_dump(mode="python")
    )
    return TakenOut(
        stored=taken.stored,
        known=taken.known,
        refused=[RefusedOut(n=e.n, code=e.code, zh=e.zh, en=e.en) for e in taken.refused],
    )


ROUTES: Final = (
    ApiRoute(
        "api.terminal.journal", "POST", "/api/terminal/journal", take,
        "Samples of a terminal's own journal", body=JournalIn, answer=TakenOut,
        problems=(413, 429),
    ),
)  # fmt: skip
