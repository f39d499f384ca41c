"""The meeting page of a research session, and how a guest comes in by a link that works once."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from ...domain.ids import OccurrenceId
from ...domain.meeting import LISTENERS, MAX_NAME, PLACES
from ...domain.problems import ProblemError, ProblemKind
from ...domain.recordings import Told
from ...domain.study import MAX_COMMENT, RATES
from ..i18n import mark
from ..meeting_guest import attendee, keep_pass
from .forms import Form
from .frame import Frame, posted, see_other
from .research import require_planner, session_of, session_page
from .route import ANYBODY, PLANNERS, PageRoute

#: What everybody in the meeting reads beside the dot; nothing while it is off.
RECORDING_WORDS: Final = {
    Told.STARTING: mark("主持人要求录制，马上开始录制发言席和共享的屏幕；旁听的人不录。"),
    Told.ON: mark("正在录制：发言席的声音和画面、共享的屏幕；旁听的人不录。"),
    Told.FULL: mark("录制暂停：服务器的磁盘已满，有空间后自动继续。"),
    Told.FAILED: mark("没有录上：媒体服务拒绝了录制，请主持人告诉管理员。"),
}


async def meeting(request: web.Request) -> web.StreamResponse:
    """The meeting, for whoever is invited or holds a guest's pass."""
    frame = Frame.of(request)
    session = await session_of(request)
    if session.id != request.match_info["session"]:
        return see_other(f"/research/{session.id}/meeting")
    try:
        who = await attendee(request, session)
    except ProblemError as problem:
        if problem.kind is not ProblemKind.UNAUTHENTICATED:
            raise
        return see_other("/sign-in?" + urlencode({"next": request.path}))
    return frame.render(
        "meeting.html",
        session=session,
        o=session.occurrence,
        who=who,
        leader=frame.roster.teachers[session.occurrence.host.teacher],
        relay=frame.services.settings.relay_url,
        places=PLACES,
        most=PLACES + LISTENERS,
        rates=RATES,
        files=await frame.services.materials.of(session),
        comment_max=MAX_COMMENT,
        told=await frame.services.meeting_recorder.told(session),
        recording_words={told.value: frame.t(words) for told, words in RECORDING_WORDS.items()},
    )


async def invite(request: web.Request) -> web.StreamResponse:
    """Make a guest's link, which is shown this once."""
    frame = Frame.of(request)
    form = await posted(request)
    session = await session_of(request)
    require_planner(frame.user, session)
    try:
        token = await frame.services.meetings.invite_guest(
            session, form.text("guest"), actor=frame.user.login
        )
    except ProblemError as problem:
        form.wrong("guest", frame.say(problem))
        return await session_page(frame, session, form, status=422)
    link = f"{frame.services.settings.public_url}/research/guest/{token}"
    return await session_page(frame, session, Form(), link=link)


async def door(request: web.Request) -> web.StreamResponse:
    """What a guest's link opens: the session's name, and a field for theirs."""
    frame = Frame.of(request)
    guest = await frame.services.meetings.guest_link(request.match_info["token"])
    return await _door(frame, guest.session, Form.filled(name=guest.label))


async def come_in(request: web.Request) -> web.StreamResponse:
    """Use the link, once, and go to the meeting."""
    frame = Frame.of(request)
    form = await posted(request)
    token = request.match_info["token"]
    try:
        guest, own = await frame.services.meetings.redeem(token, form.get("name"))
    except ProblemError as problem:
        if problem.field != "name":
            raise
        form.wrong("name", frame.say(problem))
        guest = await frame.services.meetings.guest_link(token)
        return await _door(frame, guest.session, form, status=422)
    response = see_other(f"/research/{guest.session}/meeting")
    keep_pass(request, response, own)
    return response


async def _door(
    frame: Frame, ident: OccurrenceId, form: Form, *, status: int = 200
) -> web.Response:
    session = await frame.services.research.session(ident)
    return frame.render(
        "meeting_door.html",
        status=status,
        session=session,
        o=session.occurrence,
        leader=frame.roster.teachers[session.occurrence.host.teacher],
        form=form,
        here=frame.request.path,
        name_max=MAX_NAME,
    )


ROUTES = (
    PageRoute("research-guest", "GET", "/research/guest/{token}", door, ANYBODY),
    PageRoute("research-guest-enter", "POST", "/research/guest/{token}", come_in, ANYBODY),
    PageRoute("research-invite", "POST", "/research/{session}/guests", invite, PLANNERS),
    PageRoute("meeting", "GET", "/research/{session}/meeting", meeting, ANYBODY),
)
