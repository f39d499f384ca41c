"""Calls for help: kept with what is known of the room, shown to operators, answered to the room."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from ..domain.accounts import User
from ..domain.help_calls import (
    MAX_CALLS,
    STALE_AFTER,
    CallTurn,
    HelpCall,
    call_turn,
    waits,
)
from ..domain.ids import ActId, ClassroomId
from ..domain.messages import Help, selfcheck_json
from ..domain.problems import ProblemError, ProblemKind
from .hub import PRESENCE, Connection, LineReport, TerminalHub
from .ports import AccountStore, Bus
from .services import Clock
from .terminal_ports import HelpStore

# Some dozens of rooms may call when the city's line goes; all of them are on one page.
LISTED: Final = 200


class CallStore(HelpStore, AccountStore, Protocol):
    """Calls, and who people are."""


class HelpDesk:
    """Takes calls from terminals and answers from operators."""

    def __init__(
        self, store: CallStore, bus: Bus, hub: TerminalHub, *, clock: Clock, zone: ZoneInfo
    ) -> None:
        self._store = store
        self._bus = bus
        self._hub = hub
        self._clock = clock
        self._zone = zone

    async def call(self, connection: Connection, help_: Help) -> None:
        """Keep a room's call with the state of its terminal; a repeat is the same call.

        ProblemError while another call of the room waits, or after too many.
        """
        classroom, at = connection.terminal.classroom, self._clock()
        ident = _call_id(classroom, help_.id)
        if await self._store.get_help_call(ident) is not None:
            return
        since = at - STALE_AFTER
        said = await self._store.help_calls(classroom=classroom, since=since, limit=MAX_CALLS)
        turn = call_turn(tuple(said), at)
        if turn is not CallTurn.NOW:
            raise _waiting() if turn is CallTurn.WAITING else _too_many()
        call = HelpCall(
            ident, classroom, connection.terminal.id, help_.lesson, at, help_.text,
            self._state(connection, help_),
        )  # fmt: skip
        await self._store.add_help_call(call)
        await self._spread(call)

    async def answer(self, call: ActId, user: User) -> bool:
        """Note that somebody has taken a call on, and tell the room; False if it was answered.

        ProblemError if there is no such call.
        """
        at = self._clock()
        answered = await self._store.answer_help_call(call, by=user.login, at=at)
        found = await self._store.get_help_call(call)
        if found is None:
            raise ProblemError(
                "unknown_help_call",
                "没有这条求助，可能已按保存期限删除。请刷新本页。",
                "There is no such call; it may have been deleted in time. Reload this page.",
                kind=ProblemKind.NOT_FOUND,
                value=call,
            )
        if answered:
            await self._spread(found)
        return answered

    async def latest(self, *, before: datetime | None, limit: int = LISTED) -> Sequence[HelpCall]:
        """The latest calls, newest first."""
        return await self._store.help_calls(before=before, limit=limit)

    async def waiting(self) -> Sequence[HelpCall]:
        """Calls nobody has answered, the longest waiting first."""
        now = self._clock()
        calls = await self._store.help_calls(since=now - STALE_AFTER, limit=LISTED)
        return [call for call in reversed(calls) if waits(call, now)]

    async def last_of(self, classroom: ClassroomId) -> dict[str, Any] | None:
        """The `help` message about a room's last call; None if there was none of late."""
        since = self._clock() - STALE_AFTER
        found = await self._store.help_calls(classroom=classroom, since=since, limit=1)
        return await self._message(found[0]) if found else None

    async def _spread(self, call: HelpCall) -> None:
        await self._hub.tell(call.classroom, await self._message(call))
        await self._bus.publish(PRESENCE, {"type": "help", "classroom": call.classroom})

    async def _message(self, call: HelpCall) -> dict[str, Any]:
        by = call.answered_by
        names = {u.login: u.name for u in await self._store.users()} if by is not None else {}
        return {
            "type": "help",
            "at": self._instant(call.at),
            "answered_at": self._instant(call.answered_at),
            "by": None if by is None else names.get(by, by),
        }

    def _state(self, connection: Connection, help_: Help) -> dict[str, Any]:
        terminal, check = connection.terminal, connection.checked
        return {
            "version": connection.version,
            "label": terminal.label,
            "selfcheck": selfcheck_json(check) if check is not None else terminal.selfcheck,
            "line": _line(self._hub.line_of(terminal.classroom)),
            "errors": [{"ago_s": e.ago_s, "text": e.text} for e in help_.errors],
        }

    def _instant(self, at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(self._zone).isoformat()


def _call_id(classroom: ClassroomId, command: str) -> ActId:
    text = "\0".join((classroom, command))
    return ActId(f"help:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}")


def _line(line: LineReport | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {"state": line.state, "kbps": line.kbps, "loss": line.loss, "path": line.path}


def _waiting() -> ProblemError:
    return ProblemError(
        "help_waiting",
        "已经求助，正在等人接手。",
        "A call for help is waiting to be answered already.",
        kind=ProblemKind.CONFLICT,
    )


def _too_many() -> ProblemError:
    return ProblemError(
        "too_many_help_calls",
        f"本教室 12 小时内已求助 {MAX_CALLS} 次，请打电话联系运维员。",
        f"This room has called {MAX_CALLS} times in 12 hours. Please telephone the operator.",
        kind=ProblemKind.CONFLICT,
    )
