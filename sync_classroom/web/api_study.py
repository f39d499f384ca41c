"""API: lesson study in a meeting — what is watched and where it is, comments at moments of it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ..coordinator.study import Change
from ..domain import study
from ..domain.ids import OccurrenceId
from ..domain.problems import ProblemError
from .api_meetings import MeetingOut, PageIn, asker, meeting_out
from .fields import Id
from .routes import ApiRoute, Call, Out

_LONGEST_MS: Final = 86_400_000
Milliseconds = Annotated[int, Field(ge=0, le=_LONGEST_MS)]


class StudyIn(PageIn):
    """What the leader does: `watch` needs `lesson` and `file`, `jump` needs `to_ms`, `pace` needs
    `rate` (percent)."""

    act: Literal["watch", "close", "play", "pause", "jump", "pace"]
    lesson: Id | None = None
    file: Annotated[str, Field(max_length=200)] | None = None
    to_ms: Milliseconds | None = None
    rate: int | None = None


class CommentIn(PageIn):
    """A comment at a moment of the recording that is watched; the same `key` is stored once."""

    mark_ms: Milliseconds
    text: Annotated[str, Field(max_length=4 * study.MAX_COMMENT)]
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class CommentOut(Out):
    """Somebody's words at a moment of a lesson."""

    number: int
    lesson: str
    mark_ms: int
    text: str
    name: str
    peer: str


class CommentsOut(Out):
    """Comments in the order of the lesson."""

    comments: list[CommentOut]


class OfferedOut(Out):
    """A recorded file that the leader may choose."""

    lesson: str
    file: str
    title: str
    subject: str
    date: str
    source: str
    duration_s: float


class OfferedListOut(Out):
    """Files of lessons in which the leader's school takes part, newest first."""

    files: list[OfferedOut]


async def act(call: Call[StudyIn, None]) -> MeetingOut:
    """The leader does something, and everybody's page follows."""
    session, who = await asker(call)
    body, service = call.body, call.services.study
    if body.act == "watch":
        lesson, file = _given(body.lesson, "lesson"), _given(body.file, "file")
        await service.watch(session, who, body.client, OccurrenceId(lesson), file)
    else:
        await service.lead(session, who, body.client, _change(body))
    state = await call.services.meetings.state(session, who)
    return await meeting_out(call, session, state)


def _change(body: StudyIn) -> Change:
    if body.act == "jump":
        to_ms = _given(body.to_ms, "to_ms")
        return lambda s, now: study.jump(s, to_ms, now)
    if body.act == "pace":
        rate = _given(body.rate, "rate")
        return lambda s, now: study.pace(s, rate, now)
    if body.act == "play":
        return study.play
    if body.act == "pause":
        return study.pause
    return lambda s, _: study.close(s)


def _given(value: Any, name: str) -> Any:
    if value is None:
        raise ProblemError(
            "invalid_input",
            f"缺少 {name}。",
            f"{name} is missing.",
            field=name,
        )
    return value


async def offered(call: Call[None, None]) -> OfferedListOut:
    """What the leader may choose."""
    session, who = await asker(call)
    found = await call.services.study.offered(session, who)
    return OfferedListOut(
        files=[
            OfferedOut(
                lesson=each.lesson.id, file=each.file.name, title=each.lesson.title,
                subject=each.lesson.subject, date=each.lesson.date.isoformat(),
                source=each.file.source, duration_s=each.file.duration_s,
            )
            for each in found
        ]
    )  # fmt: skip


async def comment(call: Call[CommentIn, None]) -> CommentsOut:
    """Comment at a moment; all comments."""
    session, who = await asker(call)
    body = call.body
    await call.services.study.comment(
        session, who, body.client, body.mark_ms, body.text, key=body.key
    )
    return await _comments(call, session)


async def comments(call: Call[None, None]) -> CommentsOut:
    """All comments."""
    session, _ = await asker(call)
    return await _comments(call, session)


async def _comments(call: Call[Any, None], session: Any) -> CommentsOut:
    return CommentsOut(
        comments=[
            CommentOut(
                number=c.number, lesson=c.lesson, mark_ms=c.mark_ms, text=c.text, name=c.name,
                peer=c.by,
            )
            for c in await call.services.study.comments(session)
        ]
    )  # fmt: skip


_AT: Final = "/api/research/{session}"
ROUTES: Final = (
    ApiRoute(
        "api.study.act", "POST", f"{_AT}/study", act, "Watch a lesson together: the leader's acts",
        body=StudyIn, answer=MeetingOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.study.offered", "GET", f"{_AT}/study/recordings", offered,
        "Recordings the leader may choose", answer=OfferedListOut, problems=(401, 403, 404),
    ),
    ApiRoute(
        "api.study.comment", "POST", f"{_AT}/comments", comment, "Comment at a time mark",
        body=CommentIn, answer=CommentsOut, problems=(401, 403, 404, 409),
    ),
    ApiRoute(
        "api.study.comments", "GET", f"{_AT}/comments", comments, "Comments in the lesson's order",
        answer=CommentsOut, problems=(401, 403, 404),
    ),
)  # fmt: skip
