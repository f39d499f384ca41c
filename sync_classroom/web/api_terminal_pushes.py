"""API: what was pushed to a terminal's classroom, and what the terminal says of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import ConfigDict

from ..coordinator.push_receiving import Entry
from .access import TERMINAL
from .push_file import cached_url, file_url
from .routes import ApiRoute, Call, In, Out


class QuietOut(Out):
    """The present or next hours in which a terminal fetches by itself."""

    begins: datetime
    ends: datetime


class PushOut(Out):
    """One push to this classroom; `href` answers with its bytes, `sha256` is what they must have.

    `cached` is where the school's cache answers with the same bytes, null without a cache.
    `duration_s`, `expires_at` and the instants of its progress are null where unknown.
    """

    push: str
    target: str
    title: str
    subject: str
    reason: str
    class_name: str
    kind: str
    media_type: str
    name: str
    bytes: int
    sha256: str
    duration_s: float | None
    href: str
    cached: str | None
    sent_at: datetime
    expires_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    completed_at: datetime | None
    reminded_at: datetime | None


class InboxOut(Out):
    """Everything pushed to this classroom that is not over, newest first.

    `quota_bytes` is how much a terminal keeps of it; `quiet` null: it fetches only when asked.
    """

    now: datetime
    quota_bytes: int
    kbps: int
    quiet: QuietOut | None
    pushes: list[PushOut]


class CopiesIn(In):
    """What a terminal says of its copies; docs/terminal-protocol.md says what is in them."""

    # Each copy is looked at by itself, so that a bad one costs no good one.
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    sent: int
    copies: list[Any]


class NotTakenOut(Out):
    """A copy's word that is not taken and need not be said again."""

    push: str | None
    target: str | None
    code: str
    zh: str
    en: str


class CopiesOut(Out):
    """How many facts were new, and what was refused."""

    stored: int
    refused: list[NotTakenOut]


async def inbox(call: Call[None, None]) -> InboxOut:
    """The terminal's inbox."""
    found = await call.services.receiver.inbox(call.request[TERMINAL])
    quiet = None if found.quiet is None else QuietOut(begins=found.quiet[0], ends=found.quiet[1])
    names = {str(c.id): c.name for c in call.services.roster.current().classes.values()}
    return InboxOut(
        now=call.services.clock(),
        quota_bytes=found.quota_bytes,
        kbps=found.kbps,
        quiet=quiet,
        pushes=[
            _push(e, names.get(e.target.school_class or "", ""), found.cache) for e in found.entries
        ],
    )


async def said(call: Call[CopiesIn, None]) -> CopiesOut:
    """Write down what is new; whatever was answered need not be said again."""
    taken = await call.services.receiver.take(
        call.request[TERMINAL], call.body.model_dump(mode="python")
    )
    return CopiesOut(
        stored=taken.stored,
        refused=[
            NotTakenOut(push=e.push, target=e.target, code=e.code, zh=e.zh, en=e.en)
            for e in taken.refused
        ],
    )


def _push(entry: Entry, class_name: str, cache: tuple[str, str] | None) -> PushOut:
    order, version, progress = entry.order, entry.version, entry.progress
    assert order.sent_at is not None
    return PushOut(
        push=order.id, target=entry.target.id, title=entry.resource.details.title,
        subject=entry.resource.details.subject, reason=order.reason, class_name=class_name,
        kind=version.kind, media_type=version.media_type, name=version.name, bytes=version.bytes,
        sha256=version.sha256, duration_s=version.duration_s,
        href=file_url(order.id, entry.target.id),
        cached=cache and cached_url(*cache, version.sha256, order.id), sent_at=order.sent_at,
        expires_at=order.expires_at, delivered_at=progress.delivered_at,
        opened_at=progress.opened_at, completed_at=progress.completed_at,
        reminded_at=entry.reminded_at,
    )  # fmt: skip


ROUTES: Final = (
    ApiRoute(
        "api.terminal.pushes", "GET", "/api/terminal/pushes", inbox,
        "What was pushed to the terminal's classroom", answer=InboxOut,
    ),
    ApiRoute(
        "api.terminal.pushes.said", "POST", "/api/terminal/pushes", said,
        "What a terminal says of its copies", body=CopiesIn, answer=CopiesOut,
        problems=(413, 429),
    ),
)  # fmt: skip
