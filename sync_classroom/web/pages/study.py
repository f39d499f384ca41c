"""The recording that a meeting watches together: for those who are in it, as long as it is watched.

Whoever fetches it is in the access log.
"""

from __future__ import annotations

from aiohttp import web

from ...domain.ids import OccurrenceId
from ..meeting_guest import attendee
from .frame import Frame
from .recording import recorded_file
from .research import session_of
from .route import ANYBODY, PageRoute


async def serve(request: web.Request) -> web.StreamResponse:
    """The file, with ranges."""
    services = Frame.of(request).services
    session = await session_of(request)
    who = await attendee(request, session)
    lesson, name = OccurrenceId(request.match_info["lesson"]), request.match_info["name"]
    begins = request.http_range.start in (None, 0)
    recording = await services.study.readable(session, who, lesson, name, begins=begins)
    return await recorded_file(services.settings.recordings, recording, name)


ROUTES = (
    PageRoute("study-file", "GET", "/research/{session}/study/{lesson}/{name}", serve, ANYBODY),
)
