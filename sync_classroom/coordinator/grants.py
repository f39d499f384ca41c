"""The relay tokens a terminal holds: which room, direction and source, from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from ..domain.ids import ClassroomId
from ..domain.timetable import Occurrence, Seat
from ..domain.turn import Turn
from .meeting_layout import MEETING_LINES
from .rooms import WALL_SLOTS, WATCH_GROUP, watched
from .services import Clock
from .tokens import TokenMinter

# docs/terminal-protocol.md: a terminal that loses the server runs today's lessons on its tokens.
TOKEN_BEFORE: Final = timedelta(minutes=15)
TOKEN_AFTER: Final = timedelta(minutes=30)
CHECK_TOKEN: Final = timedelta(minutes=2)
# The relay's clock may differ from ours a little.
CHECK_SKEW: Final = timedelta(minutes=1)

# docs/terminal-protocol.md "Media": m-lines a terminal offers, (audio, video).
HOST_LINES: Final = (1, 1 + WALL_SLOTS)
SEAT_LINES: Final = (2, 3)
CHECK_LINES: Final = (1, 1)


class Grants:
    """Makes `grants` objects. The same lesson and seat always give the same tokens."""

    def __init__(
        self,
        tokens: TokenMinter,
        *,
        relay_url: str,
        clock: Clock,
        zone: ZoneInfo,
        turn: Turn | None = None,
    ) -> None:
        self._tokens = tokens
        self._turn = turn or Turn()
        self._relay_url = relay_url
        self._clock = clock
        self._zone = zone

    def of_host(self, occurrence: Occurrence) -> dict[str, Any]:
        """What the host may do in its lesson: camera and screen out, called-on and wall in."""
        return self._grants(
            occurrence.id,
            ("host", "host"),
            ("camera", "screen"),
            HOST_LINES,
            (occurrence.starts_at - TOKEN_BEFORE, occurrence.ends_at + TOKEN_AFTER),
            makes_room=True,
        )

    def of_seat(self, occurrence: Occurrence, seat: Seat) -> dict[str, Any]:
        """What a seat may do: its own picture and voice out, the lesson in."""
        return self._grants(
            occurrence.id,
            (seat.id, seat.id),
            ("seat",),
            SEAT_LINES,
            (occurrence.starts_at - TOKEN_BEFORE, occurrence.ends_at + TOKEN_AFTER),
        )

    def of_wall(self, occurrence: Occurrence, viewer: str) -> list[dict[str, Any]]:
        """To receive the small pictures of host and seats, in groups: see `rooms.watched`."""
        return [
            {
                **self._watching(occurrence, f"{WATCH_GROUP}{n}:{viewer}", (0, len(group))),
                "sources": list(group),
            }
            for n, group in enumerate(watched(occurrence))
        ]

    def of_look(self, occurrence: Occurrence, viewer: str) -> dict[str, Any]:
        """To receive a lesson as its rooms do, without being one of them."""
        grants = self._watching(occurrence, f"viewer:look:{viewer}", SEAT_LINES)
        return {**grants, "sources": ["camera", "screen", "called"]}

    def _watching(
        self, occurrence: Occurrence, peer: str, lines: tuple[int, int]
    ) -> dict[str, Any]:
        valid = (self._clock() - CHECK_SKEW, occurrence.ends_at + TOKEN_AFTER)
        return self._grants(occurrence.id, (peer, peer), (), lines, valid)

    def of_meeting(self, occurrence: Occurrence, peer: str, *, sends: bool) -> dict[str, Any]:
        """What somebody may do in a meeting: see and hear it, and with a place send too."""
        return self._grants(
            occurrence.id,
            (peer, peer),
            ("seat", "screen") if sends else (),
            MEETING_LINES,
            (occurrence.starts_at - TOKEN_BEFORE, occurrence.ends_at + TOKEN_AFTER),
        )

    def of_check(self, classroom: ClassroomId) -> dict[str, Any]:
        """The self-check room, where a terminal hears and sees itself; 2 minutes.

        It listens under another name than it speaks: a peer is never sent its own source.
        """
        now = self._clock()
        room = f"check:{classroom}"
        grants = self._grants(
            room,
            (room, f"viewer:{classroom}"),
            ("camera",),
            CHECK_LINES,
            (now - CHECK_SKEW, now + CHECK_TOKEN),
            makes_room=True,
        )
        return {"room": room, **grants}

    def _grants(
        self,
        room: str,
        peers: tuple[str, str],
        sources: Sequence[Literal["camera", "screen", "seat"]],
        lines: tuple[int, int],
        valid: tuple[datetime, datetime],
        *,
        makes_room: bool = False,
    ) -> dict[str, Any]:
        speaks, listens = peers
        not_before, expires = valid
        publish = [
            {
                "source": source,
                "token": self._tokens.publish(
                    room,
                    speaks,
                    source,
                    not_before=not_before,
                    expires=expires,
                    makes_room=makes_room,
                ),
            }
            for source in sources
        ]
        subscribe = self._tokens.subscribe(room, listens, not_before=not_before, expires=expires)
        return {
            "url": self._relay_url,
            "expires_at": expires.astimezone(self._zone).isoformat(),
            "publish": publish,
            "subscribe": {"token": subscribe, "audio": lines[0], "video": lines[1]},
            "ice_servers": self._turn.ice_servers(listens, expires),
        }
