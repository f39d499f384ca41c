"""API: lessons as planned and as they are, their evidence, coverage, and the roster."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from ..coordinator.lessons import NewLesson
from ..coordinator.ports import IngestStatus
from ..coordinator.views import Interval, LessonView, SeatTimeline, SeatView, Timeline
from ..domain.bundle import plan_to_dict
from ..domain.ids import ClassId, ClassroomId, OccurrenceId, SeatId, TeacherId
from ..domain.problems import ProblemError, ProblemKind
from ..domain.second_opinion import Verdict
from ..domain.timetable import Change, Mode, Plan
from .api_terminals import Place
from .fields import Day, Id, Instant, Line
from .routes import ApiRoute, Call, In, Out, Query

# A month of a whole city is some thousand lines; more is asked for month by month.
MAX_LIST_DAYS: Final = 31
# One lesson reaches some dozens of rooms (design/1); the programme has 48.
MAX_SEATS: Final = 200


class SeatIn(In):
    """A remote classroom that takes part, its class and the pupils expected."""

    classroom: Id
    school_class: Id | None = Field(None, alias="class")
    expected: Annotated[int, Field(ge=0, le=200)] | None = None


class LessonIn(In):
    """A lesson to plan. `periods` is how many 课时 it counts for."""

    title: Line
    subject: Line
    teacher: Id
    classroom: Id
    starts_at: Instant
    ends_at: Instant
    periods: Annotated[int, Field(ge=1, le=12)] = 1
    grade: Annotated[int, Field(ge=1, le=12)] | None = None
    school_class: Id | None = Field(None, alias="class")
    seats: Annotated[list[SeatIn], Field(min_length=1, max_length=MAX_SEATS)]


class CancelIn(In):
    """Why, whether it counts as excused, and which seat if not the whole lesson."""

    reason: Line
    excused: bool
    seat: Id | None = None


class Days(Query):
    """Civil days in the programme's zone, both included."""

    first: Day = Field(alias="from")
    last: Day = Field(alias="to")


class IngestOut(Out):
    """The recording host (录播主机) of the room now; `reason` says why there is no stream."""

    source: str
    state: str
    reason: str | None


class HostOut(Out):
    """Who gives the lesson, from where, and whether it is heard."""

    school: Place
    classroom: Place
    teacher: Place
    school_class: str | None = Field(alias="class")
    online: bool
    media: bool
    ingest: IngestOut | None


class ChangeOut(Out):
    """What was changed after planning."""

    kind: str
    at: datetime
    by: str
    reason: str
    excused: bool
    seat: str | None
    to: str | None


class SeatOut(Out):
    """A remote classroom as it is now."""

    id: str
    school: Place
    classroom: Place
    school_class: str | None = Field(alias="class")
    expected: int | None
    withdrawn: bool
    online: bool
    receiving: bool
    line: str
    present: int | None
    hand_at: datetime | None
    called_on: bool
    path: str | None
    rtt_ms: float | None
    loss: float | None
    selfcheck: dict[str, Any] | None
    selfcheck_at: datetime | None


class LessonSummary(Out):
    """A lesson in a list. `ends_at` includes extensions."""

    id: str
    mode: str
    title: str
    subject: str
    grade: int | None
    date: date
    starts_at: datetime
    ends_at: datetime
    periods: int
    state: str
    host: HostOut
    seats_due: int
    seats_online: int
    seats_receiving: int


class LessonOut(LessonSummary):
    """A lesson as it is now."""

    planned_ends_at: datetime
    opened_at: datetime | None
    live_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    extended_s: int
    muted: bool
    seats: list[SeatOut]
    changes: list[ChangeOut]


class LessonsOut(Out):
    """Lessons by start."""

    lessons: list[LessonSummary]


class Span(Out):
    """`[from, to)`."""

    from_at: datetime = Field(alias="from")
    to_at: datetime = Field(alias="to")


class SampleOut(Span):
    """A raw sample: packets sent to the seat, and of those the ones it acknowledged."""

    id: str
    sent: int
    acked: int
    bytes: int


class SecondOpinionOut(Out):
    """What the seat's own terminal says of the planned time, in seconds; nothing counts by it.

    `verdict`: `agrees`, `less` or `more` (received, than the relay has it). `observed_s` both speak
    about, and agree about `agreed_s`; `relay_only_s` and `terminal_only_s` only one counts as
    received; `unobserved_s` was delivered while the terminal noted nothing.
    """

    verdict: str
    observed_s: int
    agreed_s: int
    relay_only_s: int
    terminal_only_s: int
    unobserved_s: int


class SeatTimelineOut(Out):
    """What a seat received and what that counts for."""

    seat: str
    delivered: list[Span]
    credited_s: int
    rho: float
    state: str
    cause: str | None
    samples: list[SampleOut]
    second_opinion: SecondOpinionOut | None


class TimelineOut(Out):
    """The evidence of one lesson."""

    lesson: str
    planned: Span
    host: list[Span]
    seats: list[SeatTimelineOut]
    gaps: list[Span]


class RosterOut(Out):
    """Schools, rooms, classes, teachers, terms and bell sets, in the layout of `plan.json`."""

    timezone: str
    target_classrooms: int
    schools: list[dict[str, Any]]
    classrooms: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    teachers: list[dict[str, Any]]
    terms: list[dict[str, Any]]
    days: list[dict[str, Any]]
    bell_sets: list[dict[str, Any]]


def _host(view: LessonView) -> HostOut:
    school, room, teacher = view.host_school, view.host_classroom, view.teacher
    return HostOut(
        school=Place(id=school.id, name=school.name),
        classroom=Place(id=room.id, name=room.name),
        teacher=Place(id=teacher.id, name=teacher.name),
        school_class=view.occurrence.host.school_class,
        online=view.host_online,
        media=view.host_media,
        ingest=_ingest(view.ingest),
    )


def _ingest(found: IngestStatus | None) -> IngestOut | None:
    if found is None:
        return None
    return IngestOut(source=found.source, state=found.state, reason=found.reason)


def _summary(view: LessonView) -> dict[str, Any]:
    lesson, due = view.occurrence, view.due_seats
    return {
        "id": lesson.id,
        "mode": lesson.mode.value,
        "title": lesson.title,
        "subject": lesson.subject,
        "grade": lesson.grade,
        "date": lesson.date,
        "starts_at": lesson.starts_at,
        "ends_at": view.ends_at,
        "periods": lesson.periods,
        "state": view.run.state.value,
        "host": _host(view),
        "seats_due": len(due),
        "seats_online": sum(s.online for s in due),
        "seats_receiving": sum(s.receiving for s in due),
    }


def _seat(view: SeatView) -> SeatOut:
    same = ("withdrawn", "online", "receiving", "line", "present", "hand_at", "called_on", "path")
    return SeatOut(
        id=view.seat.id,
        school=Place(id=view.school.id, name=view.school.name),
        classroom=Place(id=view.classroom.id, name=view.classroom.name),
        school_class=view.seat.school_class,
        expected=view.seat.expected,
        rtt_ms=view.rtt_ms,
        loss=view.loss,
        selfcheck=dict(view.selfcheck) if view.selfcheck is not None else None,
        selfcheck_at=view.selfcheck_at,
        **{name: getattr(view, name) for name in same},
    )


def _change(change: Change) -> ChangeOut:
    return ChangeOut(
        kind=change.kind.value,
        at=change.at,
        by=change.by,
        reason=change.reason,
        excused=change.excused,
        seat=change.seat,
        to=change.to,
    )


def _lesson(view: LessonView) -> LessonOut:
    run = view.run
    return LessonOut(
        **_summary(view),
        planned_ends_at=view.occurrence.ends_at,
        opened_at=run.opened_at,
        live_at=run.live_at,
        ended_at=run.ended_at,
        end_reason=run.end_reason.value if run.end_reason else None,
        extended_s=run.extended_s,
        muted=view.floor.muted,
        seats=[_seat(s) for s in view.seats],
        changes=[_change(c) for c in view.occurrence.changes],
    )


def _spans(intervals: tuple[Interval, ...]) -> list[Span]:
    return [Span(from_at=a, to_at=b) for a, b in intervals]


def _second_opinion(line: SeatTimeline) -> SecondOpinionOut | None:
    kept = line.second.kept
    said = kept if line.second.opinion.verdict is Verdict.NONE else line.second.opinion
    if said is None:
        return None
    return SecondOpinionOut(
        verdict=said.verdict.value,
        observed_s=said.observed_s,
        agreed_s=said.agreed_s,
        relay_only_s=said.relay_only_s,
        terminal_only_s=said.terminal_only_s,
        unobserved_s=said.unobserved_s,
    )


def _seat_timeline(line: SeatTimeline) -> SeatTimelineOut:
    return SeatTimelineOut(
        seat=line.seat,
        delivered=_spans(line.delivered),
        credited_s=line.credited_s,
        rho=line.rho,
        state=line.state,
        cause=line.cause,
        samples=[
            SampleOut(
                id=s.id, from_at=s.from_at, to_at=s.to_at, sent=s.sent, acked=s.acked, bytes=s.bytes
            )
            for s in line.samples
        ],
        second_opinion=_second_opinion(line),
    )


def timeline_out(timeline: Timeline) -> TimelineOut:
    """The evidence of one lesson as JSON."""
    lesson = timeline.view.occurrence
    return TimelineOut(
        lesson=lesson.id,
        planned=Span(from_at=lesson.starts_at, to_at=lesson.ends_at),
        host=_spans(timeline.host),
        seats=[_seat_timeline(s) for s in timeline.seats],
        gaps=_spans(timeline.gaps),
    )


def _unknown_lesson(lesson: str) -> ProblemError:
    return ProblemError(
        "lesson_unknown",
        f"没有编号为 {lesson} 的课次。请从今天的课次列表中打开。",
        f"There is no lesson {lesson}; open it from the list.",
        kind=ProblemKind.NOT_FOUND,
        field="lesson",
        value=lesson,
    )


def checked_days(days: Days, limit: int, *, to: str = "to") -> tuple[date, date]:
    """First and last day, if they are in order and at most `limit` days; `to` names the last."""
    if days.last < days.first or days.last - days.first >= timedelta(days=limit):
        raise ProblemError(
            "period",
            f"结束日期 {days.last} 须不早于开始日期 {days.first}，且最多 {limit} 天。",
            f"The period from {days.first} to {days.last} must have 1 to {limit} days.",
            field=to,
            value=days.last.isoformat(),
        )
    return days.first, days.last


async def list_lessons(call: Call[None, Days]) -> LessonsOut:
    """Lessons of some days."""
    views = await call.services.lessons.list_views(*checked_days(call.query, MAX_LIST_DAYS))
    return LessonsOut(lessons=[LessonSummary(**_summary(v)) for v in views])


async def create_lesson(call: Call[LessonIn, None]) -> LessonOut:
    """Plan a lesson; the same Idempotency-Key returns the lesson made first."""
    body = call.body
    made = await call.services.lessons.create(
        NewLesson(
            title=body.title,
            subject=body.subject,
            teacher=TeacherId(body.teacher),
            classroom=ClassroomId(body.classroom),
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            periods=body.periods,
            grade=body.grade,
            school_class=ClassId(body.school_class) if body.school_class else None,
            seats=[
                (
                    ClassroomId(s.classroom),
                    ClassId(s.school_class) if s.school_class else None,
                    s.expected,
                )
                for s in body.seats
            ],
            mode=Mode.LIVE,
        ),
        actor=call.user.login,
        key=call.key,
    )
    return await lesson_view(call, made.id)


async def lesson_view(call: Call[Any, Any], lesson: str) -> LessonOut:
    """The answer of every operation on one lesson: the lesson as it is now."""
    view = await call.services.lessons.view(OccurrenceId(lesson))
    if view is None:
        raise _unknown_lesson(lesson)
    return _lesson(view)


async def read_lesson(call: Call[None, None]) -> LessonOut:
    """A lesson as it is now."""
    return await lesson_view(call, call.path("lesson"))


async def cancel_lesson(call: Call[CancelIn, None]) -> LessonOut:
    """Withdraw a lesson or one seat of it."""
    made = await call.services.lessons.cancel(
        OccurrenceId(call.path("lesson")),
        seat=SeatId(call.body.seat) if call.body.seat else None,
        excused=call.body.excused,
        reason=call.body.reason,
        actor=call.user.login,
        key=call.key,
    )
    return await lesson_view(call, made.id)


async def read_timeline(call: Call[None, None]) -> TimelineOut:
    """The evidence of a lesson, seat by seat."""
    timeline = await call.services.evidence.timeline(OccurrenceId(call.path("lesson")))
    if timeline is None:
        raise _unknown_lesson(call.path("lesson"))
    return timeline_out(timeline)


async def read_roster(call: Call[None, None]) -> RosterOut:
    """The roster."""
    plan = plan_to_dict(Plan(roster=call.services.roster.current()))
    return RosterOut(**{name: plan[name] for name in RosterOut.model_fields})


ROUTES: Final = (
    ApiRoute(
        "api.lessons.list", "GET", "/api/lessons", list_lessons, "Lessons of at most 31 days",
        query=Days, answer=LessonsOut,
    ),
    ApiRoute(
        "api.lessons.create", "POST", "/api/lessons", create_lesson, "Plan a lesson",
        body=LessonIn, answer=LessonOut, status=201, problems=(404, 409), idempotent=True,
    ),
    ApiRoute(
        "api.lessons.read", "GET", "/api/lessons/{lesson}", read_lesson, "A lesson as it is now",
        answer=LessonOut, problems=(404,),
    ),
    ApiRoute(
        "api.lessons.timeline", "GET", "/api/lessons/{lesson}/timeline", read_timeline,
        "The evidence of a lesson", answer=TimelineOut, problems=(404,),
    ),
    ApiRoute(
        "api.lessons.cancel", "POST", "/api/lessons/{lesson}/cancel", cancel_lesson,
        "Cancel a lesson or one seat", body=CancelIn, answer=LessonOut, problems=(404, 409),
        idempotent=True,
    ),
    ApiRoute("api.roster", "GET", "/api/roster", read_roster, "The roster", answer=RosterOut),
)  # fmt: skip
