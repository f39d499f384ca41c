"""Where a lesson or a rule can go: every period of a week judged, and free ones nearby."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ...domain.ids import OccurrenceId
from ...domain.series import Series, lesson_window, occurrence_of
from ...domain.suggestions import (
    Hindrance,
    Nearness,
    Obstacle,
    RuleTarget,
    Suggestion,
    Target,
)
from ...domain.timetable import Occurrence
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


def judged(frame: Frame, desk: Desk, lesson: Occurrence) -> list[dict[str, Any]]:
    """Every period of the host school in the week, for script: where it can go, or why not."""
    return [_answer(frame, desk, target, lesson) for target in _of_week(frame, desk, lesson)]


def judged_rule(frame: Frame, desk: Desk, series: Series) -> list[dict[str, Any]]:
    """The same for a rule: at the times of the week shown, judged over all its lessons to come."""
    lesson = _stand_in(desk, series)
    if lesson is None:
        return []
    found = desk.draft.rule_places(series, zone=desk.plan.zone, now=frame.now)
    whole = {(target.weekday, target.period): target for target in found}
    return [
        {
            **_answer(frame, desk, target, lesson),
            **_of_term(
                frame,
                desk,
                whole.get((target.place.date.isoweekday(), target.place.period or 0)),
            ),
        }
        for target in _of_week(frame, desk, lesson)
    ]


def _of_week(frame: Frame, desk: Desk, lesson: Occurrence) -> tuple[Target, ...]:
    return desk.draft.places(lesson, desk.choice.monday, zone=desk.plan.zone, now=frame.now)


def suggested(frame: Frame, desk: Desk, lesson: Occurrence) -> list[FreePlace]:
    """Free places nearby, best first."""
    found = desk.draft.free_places(
        lesson, zone=desk.plan.zone, now=frame.now, limit=MOST_SUGGESTIONS
    )
    return [_suggestion(frame, s) for s in found if s.place.period is not None]


def _stand_in(desk: Desk, series: Series) -> Occurrence | None:
    """A lesson of a rule in the week shown, to ask about; None if the host school has no bells."""
    for day in (desk.choice.monday + timedelta(days=n) for n in range(7)):
        bells = desk.plan.calendar.day(series.host.school, day).bell_set
        periods = bells.periods if bells is not None else ()
        if len(periods) < series.span:
            continue
        window = lesson_window(bells, periods[0].no, series.span, day, desk.plan.zone)
        if window is not None:
            return occurrence_of(series, day, *window)
    return None


def _answer(frame: Frame, desk: Desk, target: Target, lesson: Occurrence) -> dict[str, Any]:
    ways = target.obstacles
    why = [obstacle_text(frame, desk, o) for o in ways]
    but = [warning_text(frame, w, {lesson.id: lesson}, desk.names) for w in target.warnings]
    return {
        "date": target.place.date.isoformat(),
        "weekday": target.place.date.isoweekday(),
        "period": target.place.period,
        "start": f"{target.starts_at.astimezone(desk.plan.zone):%H:%M}",
        "end": f"{target.ends_at.astimezone(desk.plan.zone):%H:%M}",
        "free": target.free,
        "hard": any(o.why is not Hindrance.TAKEN for o in ways),
        "swap": _other_whole(target, ways, lesson, desk.draft.copy.occurrences),
        "why": frame.t(mark("；")).join(dict.fromkeys(why)),
        "but": frame.t(mark("；")).join(dict.fromkeys(but)),
    }


def _of_term(frame: Frame, desk: Desk, target: RuleTarget | None) -> dict[str, Any]:
    """What the term says of a rule's place, whatever happens to be in the week one looks at."""
    if target is None:
        why = frame.t(mark("本学期往后没有这样的上课日"))
        return {"free": False, "hard": True, "swap": None, "why": why}
    days = sorted({*target.without_period, *(on for on, _ in target.obstacles)})
    why = ""
    if days:
        first = [obstacle_text(frame, desk, o) for on, o in target.obstacles if on == days[0]]
        why = frame.t(
            mark("%(day)s：%(why)s（往后共 %(n)s 天）"),
            day=frame.format.day(days[0]),
            why=frame.t(mark("；")).join(
                dict.fromkeys(first or [frame.t(_WHY[Hindrance.NO_PERIODS_LEFT])])
            ),
            n=len(days),
        )
    return {"free": target.free, "hard": False, "swap": None, "why": why}


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
