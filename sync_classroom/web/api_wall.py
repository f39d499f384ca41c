"""API: what a page needs to receive a live lesson without taking part in it (巡课)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from ..domain.ids import OccurrenceId
from .routes import ApiRoute, Call, In, Out


class WatchIn(In):
    """`page`: 8 to 32 hexadecimal digits that the page made up, so that two pages of one person do
    not push each other out. `look`: the lesson as its rooms see and hear it, not small pictures."""

    page: Annotated[str, Field(pattern=r"^[0-9a-f]{8,32}$")]
    look: bool = False


class LinesOut(Out):
    """A token to subscribe with, and how many audio and video m-lines to offer."""

    token: str
    audio: int
    video: int


class StreamOut(Out):
    """One WHEP session: `sources` says by video line whose picture comes in it: `camera`, `screen`,
    `called` (who has the floor) or `seat:` and the seat's id. Nothing may be published with it."""

    url: str
    expires_at: str
    publish: list[Any]
    subscribe: LinesOut
    ice_servers: list[dict[str, Any]]
    sources: list[str]


class WatchOut(Out):
    """The sessions to open."""

    streams: list[StreamOut]


async def watch(call: Call[WatchIn, None]) -> WatchOut:
    """Receive a live lesson as a watcher; written to the access log."""
    streams = await call.services.watching.watch(
        OccurrenceId(call.path("occurrence")), call.user, page=call.body.page, look=call.body.look
    )
    return WatchOut(streams=[StreamOut(**stream) for stream in streams])


ROUTES: Final = (
    ApiRoute(
        "api.wall.watch", "POST", "/api/wall/{occurrence}", watch, "Watch a live lesson",
        body=WatchIn, answer=WatchOut, problems=(404, 409),
    ),
)  # fmt: skip
