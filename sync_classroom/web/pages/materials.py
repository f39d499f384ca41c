"""Files of a research session: added by whoever leads it, read by those invited and by guests."""

from __future__ import annotations

from aiohttp import web

from ...coordinator.research import Session
from ...domain.accounts import User
from ...domain.problems import ProblemError
from ..keys import USER
from ..meeting_guest import attendee
from .frame import Frame, posted, see_other
from .library import file_response
from .research import may_change, require_planner, session_of, session_page
from .route import ANYBODY, PLANNERS, PageRoute


async def add(request: web.Request) -> web.StreamResponse:
    """A resource of the library, perhaps uploaded just now, belongs to the session from now on."""
    frame = Frame.of(request)
    form = await posted(request)
    session = await session_of(request)
    require_planner(frame.user, session)
    try:
        await frame.services.materials.add(session, form.text("resource"), actor=frame.user.login)
    except ProblemError as problem:
        form.wrong("resource", frame.say(problem))
        return await session_page(frame, session, form, status=409)
    return see_other(f"/research/{session.id}", done="saved")


async def remove(request: web.Request) -> web.StreamResponse:
    """It belongs to the session no more."""
    frame = Frame.of(request)
    await posted(request)
    session = await session_of(request)
    require_planner(frame.user, session)
    await frame.services.materials.remove(session, request.match_info["resource"])
    return see_other(f"/research/{session.id}", done="saved")


async def serve(request: web.Request) -> web.StreamResponse:
    """The file, by range; `?download` to keep."""
    services = Frame.of(request).services
    session = await session_of(request)
    reader = await _reader(request, session)
    begins = request.http_range.start in (None, 0)
    version, path = await services.materials.read(
        session, request.match_info["resource"], actor=reader if begins else None
    )
    return file_response(version, path, download="download" in request.query)


async def _reader(request: web.Request, session: Session) -> str:
    """What the access log calls whoever asks; ProblemError unless invited, or in charge."""
    user: User | None = request.get(USER)
    if user is not None and may_change(user, session):
        return user.login
    return (await attendee(request, session)).account


ROUTES = (
    PageRoute("material-add", "POST", "/research/{session}/materials", add, PLANNERS),
    PageRoute(
        "material-remove", "POST", "/research/{session}/materials/{resource}/remove", remove,
        PLANNERS,
    ),
    PageRoute("material-file", "GET", "/research/{session}/materials/{resource}", serve, ANYBODY),
)  # fmt: skip
