"""Turning a browser into a classroom's terminal, once, by a code an administrator reads out."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from ..domain.accounts import EnrolmentCode, Terminal
from ..domain.ids import ClassroomId, TerminalId
from ..domain.problems import ProblemError, ProblemKind
from ..domain.roster import Roster
from .accounts import token_hash
from .terminal_ports import TerminalStore
from .throttle import Throttle, address_key

log = structlog.get_logger(__name__)

# 32 letters that nobody confuses when they are read out: no 0/O, no 1/I.
ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LETTERS: Final = 8
CODE_LIFETIME: Final = timedelta(minutes=15)
TOKEN_BYTES: Final = 32
MAX_LABEL: Final = 120
# What people put between the letters when they write a code down.
_SEPARATORS: Final = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014\u3000\t")


class Dismiss(Protocol):
    """What enrolment needs of the hub: send a classroom's devices away."""

    async def dismiss(self, classroom: ClassroomId, *, keep: TerminalId | None) -> None:
        """Close every connection of the classroom except that of the terminal `keep`."""
        ...


def normalise_code(text: str) -> str | None:
    """The code as it was made, from what was typed in either case with separators; else None."""
    code = text.translate(_SEPARATORS).upper()
    if len(code) != CODE_LETTERS or not set(code) <= set(ALPHABET):
        return None
    return code


def _code_hash(code: str) -> bytes:
    return hashlib.sha256(b"enrolment " + code.encode("ascii")).digest()


class EnrolmentService:
    """Codes, devices and their tokens. `roster` gives the current roster."""

    def __init__(
        self,
        store: TerminalStore,
        hub: Dismiss,
        roster: Callable[[], Roster],
        clock: Callable[[], datetime],
        *,
        throttle: Throttle,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._hub = hub
        self._roster = roster
        self._clock = clock
        self._throttle = throttle
        self._monotonic = monotonic

    async def make_code(self, classroom: ClassroomId, *, actor: str) -> tuple[str, datetime]:
        """A fresh code of 8 letters for this classroom and when it expires."""
        roster = self._roster()
        room = roster.classrooms.get(classroom)
        if room is None:
            raise ProblemError(
                "classroom_unknown",
                f"没有编号为 {classroom} 的教室。请在终端页查看教室编号。",
                f"There is no classroom {classroom}; the terminals page lists the ids.",
                kind=ProblemKind.NOT_FOUND,
                field="classroom",
                value=classroom,
            )
        now = self._clock()
        today = now.astimezone(ZoneInfo(roster.timezone)).date()
        if room.retired_on is not None and room.retired_on <= today:
            raise ProblemError(
                "classroom_retired",
                f"教室 {room.name} 已于 {room.retired_on} 停用，不能注册终端。",
                f"The classroom {room.name} was retired on {room.retired_on}; it takes no terminals"
                " any more.",
                kind=ProblemKind.CONFLICT,
                field="classroom",
                value=classroom,
            )
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))
        expires_at = now + CODE_LIFETIME
        await self._store.add_code(
            EnrolmentCode(_code_hash(code), classroom, actor, now, expires_at)
        )
        log.info("enrolment.code_made", classroom=classroom, actor=actor)
        return code, expires_at

    async def enrol(self, code: str, *, label: str, address: str) -> tuple[Terminal, str]:
        """Use a code once: (the terminal, its token). The classroom's former terminal is dismissed.

        Raises ProblemError `code_wrong` (403; unknown, used and expired are not told apart) or
        `too_many_tries` (429).
        """
        where = address_key(address)
        self._throttle.require("enrol", where, self._monotonic())
        normal = normalise_code(code)
        terminal = None
        now = self._clock()
        token = secrets.token_urlsafe(TOKEN_BYTES)
        if normal is not None:
            terminal = await self._store.redeem_code(
                _code_hash(normal),
                Terminal(
                    id=TerminalId(f"t-{secrets.token_hex(8)}"),
                    # The store puts the code's classroom here.
                    classroom=ClassroomId(""),
                    token_hash=token_hash(token),
                    enrolled_at=now,
                    label=_printable(label),
                ),
                now=now,
            )
        if terminal is None:
            raise ProblemError(
                "code_wrong",
                "注册码不对、已用过或已过期。请让管理员在终端页重新生成一个（15 分钟内有效）。",
                "The code is wrong, used or expired. Ask an administrator for a new one; it is"
                " valid for 15 minutes.",
                kind=ProblemKind.FORBIDDEN,
                field="code",
                value=code[:20],
            )
        self._throttle.give_back("enrol", where, self._monotonic())
        await self._hub.dismiss(terminal.classroom, keep=terminal.id)
        log.info("enrolment.enrolled", classroom=terminal.classroom, terminal=terminal.id)
        return terminal, token

    async def terminal(self, token: str) -> Terminal | None:
        """The device that holds this token, unless it was revoked."""
        return await self._store.terminal_by_token(token_hash(token))

    async def revoke(self, terminal: TerminalId) -> None:
        """Withdraw a device's token and close its connection, wherever that is."""
        known = {t.id: t for t in await self._store.terminals()}.get(terminal)
        if known is None or not await self._store.revoke_terminal(terminal, now=self._clock()):
            raise ProblemError(
                "terminal_unknown",
                "没有这台终端，或它已被吊销。请刷新终端页。",
                "There is no such terminal, or it is revoked already; reload the page.",
                kind=ProblemKind.NOT_FOUND,
                field="terminal",
                value=terminal,
            )
        # Whoever is enrolled for the room by now keeps its connection.
        heirs = [t.id for t in await self._store.terminals() if t.classroom == known.classroom]
        await self._hub.dismiss(known.classroom, keep=heirs[0] if heirs else None)
        log.info("enrolment.revoked", classroom=known.classroom, terminal=terminal)


def _printable(label: str) -> str:
    return "".join(c for c in label if c.isprintable())[:MAX_LABEL].strip()
