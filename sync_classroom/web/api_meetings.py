"""API: coming into the meeting of a research session, sending in it, sharing a screen, leaving; and
who attended."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..coordinator.meetings import Attendee
from ..coordinator.research import Session
from ..domain.ids import ActId, OccurrenceId
from .meeting_guest import attendee
from .routes import ApiRoute, Call, In, Out


class PageIn(In):
    """`client` is what the page calls itself: the same for as long as it is open."""

    client: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class JoinIn(PageIn):
    """`anyway`: take part here instead of with another page of the same meeting."""

    anyway: bool = False


class ShareIn(PageIn):
    """Whether the screen is shared from now on."""

    on: bool


class RecordIn(PageIn):
    """Whether the meeting is recorded from now on."""

    on: bool


class PersonOut(Out):
    """Somebody in the meeting. `peer` is their name at the relay, `school` empty for a guest."""

    peer: str
    name: str
    school: str
    leads: bool


class WatchedOut(Out):
    """One file of a lesson's recording; from when to when on the recording's time."""

    lesson: str
    file: str
    title: str
    start_ms: int
    end_ms: int


class StudyOut(Out):
    """Lesson study: at the server's instant `now_ms` it is at `position_ms`, and goes on from there
    at `rate` percent if it is `playing`. `comments` is how many there are. `watched` null: nothing
    just now. `version` counts what its leader did."""

    version: int
    now_ms: int
    playing: bool
    position_ms: int
    rate: int
    comments: int
    watched: WatchedOut | None


class MeetingOut(Out):
    """A meeting as it is now. `room` is what the relay's WHIP and WHEP are asked for. `places` are
    the peers who may send, by place (null: free); slot k of what a page receives is place k, the
    last slot the shared screen. `version` counts what happened to places, screen and speaker:
    answers may overtake each other. `state` is the lesson's. `grants` come with an answer that
    changes what its asker may do, as for terminals (docs/terminal-protocol.md). `study` is null
    where nothing was ever watched together. `recording` says whether it is recorded: `off`,
    `starting`, `on` (also while it is being stopped), `full` (asked for, and there is no room),
    `failed`; null where nothing can be recorded."""

    me: str
    room: str
    leads: bool
    state: str
    over: bool
    starts_at: str
    ends_at: str
    now: str
    version: int
    places: list[str | None]
    screen: str | None
    speaker: str | None
    people: list[PersonOut]
    names: dict[str, PersonOut]
    study: StudyOut | None
    recording: Literal["off", "starting", "on", "full", "failed"] | None
    grants: dict[str, Any] | None = None


class AttendanceOut(Out):
    """Seconds by teacher within the planned time, from media facts; whoever was there at all."""

    attendance: dict[str, int]


async def asker(call: Call[Any, None]) -> tuple[Session, Attendee]:
    """The session in the address, and who asks as one who meets in it."""
    session = await call.services.research.session(OccurrenceId(call.path("session")))
    return session, await attendee(call.request, session)


async def meeting_out(call: Call[Any, None], session: Session, state: dict[str, Any]) -> MeetingOut:
    """A meeting's state, with what is watched in it and whether it is recorded."""
    study = await call.services.study.state(session)
    recording = await call.services.meeting_recorder.told(session)
    return MeetingOut.model_validate({**state, "study": study, "recording": recording})


async def join(call: Call[JoinIn, None]) -> Out:
    """Come into the meeting."""
    session, who = await asker(call)
    meetings = call.services.meetings
    state = await meetings.join(session, who, call.body.client, anyway=call.body.anyway)
    return await meeting_out(call, session, state)


async def here(call: Call[PageIn, None]) -> Out:
    """The page is still there."""
    session, who = await asker(call)
    state = await call.services.meetings.here(session, who, call.body.client)
    return await meeting_out(call, session, state)


async def send(call: Call[PageIn, None]) -> Out:
    """Take a place."""
    session, who = await asker(call)
    state = await call.services.meetings.send(session, who, call.body.client)
    return await meeting_out(call, session, state)


async def listen(call: Call[PageIn, None]) -> Out:
    """Give the place up."""
    session, who = await asker(call)
    state = await call.services.meetings.listen(session, who, call.body.client)
    return await meeting_out(call, session, state)


async def share(call: Call[ShareIn, None]) -> Out:
    """Share the screen, or stop."""
    session, who = await asker(call)
    meetings = call.services.meetings
    state = await meetings.share(session, who, call.body.client, on=call.body.on)
    return await meeting_out(call, session, state)


async def record(call: Call[RecordIn, None]) -> Out:
    """The leader has the meeting recorded, or stops it."""
    session, who = await asker(call)
    body, services = call.body, call.services
    await services.meeting_recorder.record(session, who, body.client, on=body.on)
    return await meeting_out(call, session, await services.meetings.state(session, who))


async def leave(call: Call[PageIn, None]) -> None:
    """Leave the meeting."""
    session, who = await asker(call)
    await call.services.meetings.leave(session, who, call.body.client)


async def finish(call: Call[PageIn, None]) -> None:
    """The leader ends the meeting for all; once for a page, however often it asks."""
    session, who = await asker(call)
    act = ActId(f"finish:{call.body.client}")
    await call.services.meetings.finish(session, who, act)


async def attendance(call: Call[None, None]) -> AttendanceOut:
    """Who was there how long, some seconds old at most."""
    session = await call.services.research.session(OccurrenceId(call.path("session")))
    seconds = await call.services.evidence.attendance(session.occurrence)
    return AttendanceOut(attendance={str(t): s for t, s in seconds.items()})


_AT = "/api/research/{session}"
ROUTES = (
    ApiRoute(
        "api.meeting.attendance", "GET", f"{_AT}/attendance", attendance,
        "Who was there how long", answer=AttendanceOut, problems=(404,),
    ),
    ApiRoute(
        "api.meeting.join", "POST", f"{_AT}/join", join, "Come into a session's meeting",
        body=JoinIn, answer=MeetingOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.meeting.here", "POST", f"{_AT}/here", here, "Still in the meeting: how it is now",
        body=PageIn, answer=MeetingOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.meeting.send", "POST", f"{_AT}/send", send, "Take one of the 12 places to send from",
        body=PageIn, answer=MeetingOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.meeting.listen", "POST", f"{_AT}/listen", listen, "Give the place up",
        body=PageIn, answer=MeetingOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.meeting.share", "POST", f"{_AT}/share", share, "Share the screen, or stop",
        body=ShareIn, answer=MeetingOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.meeting.record", "POST", f"{_AT}/record", record, "Record the meeting, or stop",
        body=RecordIn, answer=MeetingOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.meeting.leave", "POST", f"{_AT}/leave", leave, "Leave the meeting", body=PageIn,
        problems=(401, 403, 404),
    ),
    ApiRoute(
        "api.meeting.finish", "POST", f"{_AT}/finish", finish, "End the meeting for all",
        body=PageIn, problems=(401, 403, 404, 409),
    ),
)  # fmt: skip
