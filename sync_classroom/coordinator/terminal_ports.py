"""What the coordinator keeps of terminals: devices, their codes, and their calls for help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ..domain.accounts import EnrolmentCode, Terminal
from ..domain.help_calls import HelpCall
from ..domain.ids import ActId, ClassroomId, TerminalId


class TerminalStore(Protocol):
    """Enrolment codes and enrolled devices."""

    async def add_code(self, code: EnrolmentCode) -> None:
        """Store a fresh enrolment code."""
        ...

    async def redeem_code(
        self, code_hash: bytes, terminal: Terminal, *, now: datetime
    ) -> Terminal | None:
        """Use the code once: store `terminal` with the code's classroom, revoke that classroom's
        former terminal. None if the code is unknown, used or expired. One transaction."""
        ...

    async def terminal_by_token(self, token_hash: bytes) -> Terminal | None:
        """The terminal that holds this token and is not revoked."""
        ...

    async def terminals(self) -> Sequence[Terminal]:
        """Every terminal that is not revoked, by classroom id."""
        ...

    async def touch_terminal(
        self,
        terminal: TerminalId,
        *,
        seen_at: datetime,
        page_version: str | None = None,
        selfcheck: Mapping[str, Any] | None = None,
    ) -> None:
        """Remember when it was last seen and, if given, its version and self-check."""
        ...

    async def revoke_terminal(self, terminal: TerminalId, *, now: datetime) -> bool:
        """Withdraw a device's token; False if there was nothing to withdraw."""
        ...


class HelpStore(Protocol):
    """Calls for help."""

    async def add_help_call(self, call: HelpCall) -> None:
        """Keep a call; one whose id is there already is left as it is."""
        ...

    async def get_help_call(self, call: ActId) -> HelpCall | None:
        """One call."""
        ...

    async def help_calls(
        self,
        *,
        classroom: ClassroomId | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int,
    ) -> Sequence[HelpCall]:
        """The latest calls, newest first: of one room, in `[since, before)`, aware."""
        ...

    async def answer_help_call(self, call: ActId, *, by: str, at: datetime) -> bool:
        """Note who answered; False if it was answered before, or is unknown."""
        ...
