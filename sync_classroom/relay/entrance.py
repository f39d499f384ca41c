"""Whether a room or a session may begin now: the table's size, the relay's load, a drain."""

from __future__ import annotations

from collections import Counter
from typing import Final

from .drain import Drain
from .load import BUSY_RETRY_S, Gate, Place
from .session import SessionRefusedError
from .settings import RelaySettings

FULL_RETRY_S: Final = 30
"""A full relay has room again when a lesson ends, which is not a matter of seconds."""
DRAINING_RETRY_S: Final = 5
"""A relay that drains is replaced as soon as it is empty; the next one starts within a second."""


class Entrance:
    """Raises `SessionRefusedError` for those who may not begin, and counts them by its code."""

    def __init__(self, settings: RelaySettings) -> None:
        self._max_rooms, self._max_sessions = settings.max_rooms, settings.max_sessions
        self.drain = Drain()
        self.gate = Gate(settings.max_load)
        self.refused: Counter[str] = Counter()

    def refusal(
        self, code: str, message: str, retry_after_s: int | None = None
    ) -> SessionRefusedError:
        """A refusal that is counted."""
        self.refused[code] += 1
        return SessionRefusedError(code, message, retry_after_s)

    def check_room(self, rooms: int) -> None:
        """Whether a room may be made beside so many: `draining`, `full`."""
        if self.drain.active:
            text = "this relay takes no new rooms; use another"
            raise self.refusal("draining", text, DRAINING_RETRY_S)
        if rooms >= self._max_rooms:
            text = f"all {self._max_rooms} rooms are in use (setting max_rooms)"
            raise self.refusal("full", text, FULL_RETRY_S)

    def check_session(self, place: Place, now: float, *, sessions: int, present: bool) -> None:
        """Whether a session may begin beside so many: `full`, `busy`.

        `present`: it takes the place of one of the same peer.
        """
        if sessions >= self._max_sessions:
            text = f"all {self._max_sessions} sessions are in use (setting max_sessions)"
            raise self.refusal("full", text, FULL_RETRY_S)
        if not self.gate.admits(place, now, present=present):
            text = f"this relay is at {self.gate.load:.0%} of what it can do (setting max_load)"
            raise self.refusal("busy", text, BUSY_RETRY_S)
