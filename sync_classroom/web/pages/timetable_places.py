"""Where a lesson or a rule can go: every period of a week judged, and free ones nearby."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ...domain.ids import OccurrenceId, SeatId, SeriesId
from ...domain.series import Series
from ...domain.suggestions import (
    Hindrance,
    Nearness,
    Obstacle,
    Suggestion,
    Target,
    free_places,
    targets,
)
from ...domain.timetable import Mode, Occurrence, Seat, Slot
from ..i18n import mark
from .frame import Frame
from .timetable_desk import Desk, warning_text

MOST_SUGGESTIONS: Final = 6
_WHY: Final = {
    Hindrance.PAST: mark("已经过去"),
    Hindrance.OUTSIDE_TERM: mark("不在本学期内"),
    Hindrance.HOST_NOT_TEACHING: mark("主讲校当天不上课"),
    Hindrance.NO_PERIODS_LEFT: mark("后面的节次不够"),
    Hindrance.TOO_LONG: mark("跨度太长，一节课排不下"),
}
_NEAR: Final = {
    Nearness.SAME_DAY: mark("同一天"),
    Nearness.SAME_WEEK: mark("同一周"),
    Nearness.OTHER_WEEK: mark("别的周"),
}


@dataclass(frozen=True, slots=True)
class FreePlace:
    """A suggestion in words, with what the move would say."""

    date: str
    period: int
    text: str
    near: str
    warned: str


def judged(frame: Frame, desk: Desk, lesson: Occurrence, *, rule: bool) -> list[dict[str, Any]]:
    """Every period of the host school in the week, for script: where it can go, or why not.

    `rule`: it stands for a weekly rule, whose own lessons are in nobody's way.
    """
    own = lesson.slot.series if rule and lesson.slot is not None else None
    found = targets(
        lesson,
        desk.choice.monday,
        desk.choice.sunday,
        index=desk.draft.index,
        calendar=desk.plan.calendar,
        roster=desk.plan.roster,
        zone=desk.plan.zone,
        now=frame.now,
    )
    return [_answer(frame, desk, target, lesson, own) for target in found]


def suggested(frame: Frame, desk: Desk, lesson: Occurrence) -> list[FreePlace]:
    """Free places nearby, best first."""
    found = free_places(
        lesson,
        index=desk.draft.index,
        calendar=desk.plan.calendar,
        roster=desk.plan.roster,
        zone=desk.plan.zone,
        now=frame.now,
        limit=MOST_SUGGESTIONS,
    )
    return [_suggestion(frame, s) for s in found if s.place.period is not None]


def stand_in(desk: Desk, series: Series) -> Occurrence | None:
    """A lesson of a rule in the week shown, to ask about; None if the host school has no bells."""
    for day in (desk.choice.monday + timedelta(days=n) for n in range(7)):
        bells = desk.plan.calendar.day(series.host.school, day).bell_set
        periods = bells.periods if bells is not None else ()
        if len(periods) < series.span:
            continue
        ident = OccurrenceId(f"{series.id}-?")
        return Occurrence(
            id=ident,
            mode=Mode.LIVE,
            title=series.title,
            subject=series.subject,
            date=day,
            starts_at=datetime.combine(day, periods[0].start, desk.plan.zone),
            ends_at=datetime.combine(day, periods[series.span - 1].end, desk.plan.zone),
            periods=series.periods,
            host=series.host,
            seats=tuple(
                Seat(SeatId(f"{ident}-{n}"), s.classroom, s.school_class, s.expected)
                for n, s in enumerate(series.seats)
            ),
            slot=Slot(series.id, day),
        )
    return None


def _answer(
    frame: Frame, desk: Desk, target: Target, lesson: Occurrence, own: SeriesId | None
) -> dict[str, Any]:
    lessons = desk.draft.copy.occurrences
    ways = [o for o in target.obstacles if not _of_rule(o, own, lessons)]
    # For a rule, a day gone by in the week one happens to look at says nothing of the others.
    if own is not None:
        ways = [o for o in ways if o.why is not Hindrance.PAST]
    why = [obstacle_text(frame, desk, o) for o in ways]
    but = [warning_text(frame, w, {lesson.id: lesson}, desk.names) for w in target.warnings]
    return {
        "date": target.place.date.isoformat(),
        "weekday": target.place.date.isoweekday(),
        "period": target.place.period,
        "start": f"{target.starts_at.astimezone(desk.plan.zone):%H:%M}",
        "end": f"{target.ends_at.astimezone(desk.plan.zone):%H:%M}",
        "free": not ways,
        "hard": any(o.why is not Hindrance.TAKEN for o in ways),
        "swap": _other_whole(target, ways, lesson, lessons),
        "why": frame.t(mark("；")).join(dict.fromkeys(why)),
        "but": frame.t(mark("；")).join(dict.fromkeys(but)),
    }


def _other_whole(
    target: Target,
    ways: Sequence[Obstacle],
    lesson: Occurrence,
    lessons: Mapping[OccurrenceId, Occurrence],
) -> OccurrenceId | None:
    """The one lesson in the way, if the two could take each other's times."""
    others = {o.lesson for o in ways if o.why is Hindrance.TAKEN}
    if len(others) != 1 or any(o.why is not Hindrance.TAKEN for o in ways):
        return None
    other = lessons.get(others.pop() or OccurrenceId(""))
    if other is None or other.id == lesson.id or other.periods != lesson.periods:
        return None
    whole = (other.starts_at, other.ends_at) == (target.starts_at, target.ends_at)
    return other.id if whole else None


def _of_rule(
    obstacle: Obstacle, own: SeriesId | None, lessons: Mapping[OccurrenceId, Occurrence]
) -> bool:
    lesson = lessons.get(obstacle.lesson) if obstacle.lesson is not None else None
    return (
        own is not None
        and lesson is not None
        and lesson.slot is not None
        and lesson.slot.series == own
    )


def obstacle_text(frame: Frame, desk: Desk, obstacle: Obstacle) -> str:
    """`教师 王老师已有：语文`; what is in the way in one sentence."""
    if obstacle.kind is None or obstacle.resource is None:
        return frame.t(_WHY[obstacle.why])
    resource = desk.names.resource(obstacle.kind, obstacle.resource)
    if obstacle.why is Hindrance.NOT_BOOKABLE:
        return frame.t(mark("%(resource)s当天未启用或不在项目内"), resource=resource)
    other = desk.draft.copy.occurrences.get(obstacle.lesson) if obstacle.lesson else None
    if other is None:
        return frame.t(mark("%(resource)s已被占用"), resource=resource)
    return frame.t(
        mark("%(resource)s已有：%(subject)s，%(teacher)s"),
        resource=resource,
        subject=other.subject,
        teacher=desk.names.teacher(other.host.teacher),
    )


def _suggestion(frame: Frame, suggestion: Suggestion) -> FreePlace:
    place = suggestion.place
    assert place.period is not None
    return FreePlace(
        place.date.isoformat(),
        place.period,
        frame.t(
            mark("%(day)s 第 %(n)s 节 %(span)s"),
            day=frame.format.day(place.date),
            n=place.period,
            span=frame.format.span(suggestion.starts_at, suggestion.ends_at),
        ),
        frame.t(_NEAR[suggestion.reason]),
        frame.t(mark("占用部分学校课间")) if suggestion.warnings else "",
    )
