"""API: a term's draft, its edits, and what they would come to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from ..coordinator.draft_state import DraftView
from ..coordinator.drafts import counts_of
from ..coordinator.lessons import unknown_lesson
from ..domain.edit_files import command_from, occurrence_to_dict, series_to_dict
from ..domain.edit_series import unknown_series
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.plan_diff import DiffEntry, to_dict
from ..domain.problems import ProblemError
from ..domain.series import Series
from ..domain.timetable import Occurrence
from .api_lessons import MAX_LIST_DAYS
from .draft_models import (
    MAX_LISTED,
    CheckOut,
    CommandIn,
    ConflictOut,
    DiffOut,
    DraftDays,
    DraftOut,
    EditOut,
    FreeFor,
    FreeOut,
    FreesOut,
    Page,
    RuleTargetOut,
    SeenIn,
    TargetOut,
    TargetsOf,
    TargetsOut,
    blocks_out,
    edit_out,
    part_of,
    rule_target_out,
    step_out,
    target_out,
    warnings_out,
)
from .routes import ApiRoute, Call

MAX_STEPS: Final = 100
_WEEK: Final = timedelta(days=7)


def _term(call: Call[Any, Any]) -> TermId:
    return TermId(call.path("term"))


async def _draft(call: Call[Any, Any]) -> DraftView:
    return await call.services.timetable.draft(_term(call))


async def read_draft(call: Call[None, DraftDays]) -> DraftOut:
    """The draft of a term, with the lessons of some days as they would be."""
    view = await _draft(call)
    # A month of a whole programme is thousands of lessons to write down.
    return await asyncio.to_thread(_draft_out, view, call.query)


def _draft_out(view: DraftView, days: DraftDays) -> DraftOut:
    lessons = _lessons_between(view, days)
    return DraftOut(
        term=view.term,
        revision=view.revision,
        steps=[step_out(s) for s in view.steps[-MAX_STEPS:]],
        steps_total=len(view.steps),
        conflicts=[
            ConflictOut(step=c.step, lesson=c.occurrence, series=c.series)
            for c in view.conflicts[:MAX_LISTED]
        ],
        changes=counts_of(view.diff),
        blocks=blocks_out(view.blocks[:MAX_LISTED]),
        blocks_total=len(view.blocks),
        warnings=warnings_out(view.warnings[:MAX_LISTED]),
        warnings_total=len(view.warnings),
        lessons=[occurrence_to_dict(o) for o in lessons],
        series=[series_to_dict(s) for s in view.copy.series.values()] if lessons else [],
    )


def _lessons_between(view: DraftView, days: DraftDays) -> list[Occurrence]:
    if days.first is None and days.last is None:
        return []
    first, last = days.first or days.last, days.last or days.first
    assert first is not None
    assert last is not None
    if last < first or last - first >= timedelta(days=MAX_LIST_DAYS):
        raise ProblemError(
            "period",
            f"结束日期 {last} 须不早于开始日期 {first}，且最多 {MAX_LIST_DAYS} 天。",
            f"The period from {first} to {last} must have 1 to {MAX_LIST_DAYS} days.",
            field="to",
            value=last.isoformat(),
        )
    found = [o for o in view.copy.occurrences.values() if first <= o.date <= last]
    return sorted(found, key=lambda o: (o.starts_at, o.id))


async def add_step(call: Call[CommandIn, None]) -> EditOut:
    """Edit the draft. 409 `draft_changed` if others touched the same since `seen`; its `value`
    lists who did what."""
    given = call.body.command
    commands = [command_from(c) for c in (given if isinstance(given, list) else [given])]
    answer = await call.services.timetable.edit(
        _term(call), commands, seen=call.body.seen, actor=call.user.login, key=call.key
    )
    return edit_out(answer)


async def undo(call: Call[SeenIn, None]) -> EditOut:
    """Take back one's own last step, unless somebody touched the same later."""
    return edit_out(
        await call.services.timetable.undo(
            _term(call), seen=call.body.seen, actor=call.user.login, key=call.key
        )
    )


async def redo(call: Call[SeenIn, None]) -> EditOut:
    """Do again what one took back last."""
    return edit_out(
        await call.services.timetable.redo(
            _term(call), seen=call.body.seen, actor=call.user.login, key=call.key
        )
    )


async def discard(call: Call[SeenIn, None]) -> EditOut:
    """Throw the whole draft away; all of it must have been seen."""
    return edit_out(
        await call.services.timetable.discard(
            _term(call), seen=call.body.seen, actor=call.user.login, key=call.key
        )
    )


async def read_diff(call: Call[None, Page]) -> DiffOut:
    """What publishing the draft would change: new, moved, cancelled, changed, old and new."""
    view = await _draft(call)
    return DiffOut(
        revision=view.revision,
        changes=counts_of(view.diff),
        total=len(view.diff),
        entries=await asyncio.to_thread(_entries, part_of(view.diff, call.query)),
    )


def _entries(part: Sequence[DiffEntry]) -> list[dict[str, Any]]:
    return [to_dict(e) for e in part]


async def check(call: Call[None, None]) -> CheckOut:
    """Every clash and warning of the draft; lists are cut at 500, totals are whole."""
    view = await _draft(call)
    return CheckOut(
        revision=view.revision,
        blocks=blocks_out(view.blocks[:MAX_LISTED]),
        blocks_total=len(view.blocks),
        warnings=warnings_out(view.warnings[:MAX_LISTED]),
        warnings_total=len(view.warnings),
    )


async def read_targets(call: Call[None, TargetsOf]) -> TargetsOut:
    """Where a lesson can go in a week, or a rule in the whole term, and why not elsewhere."""
    view, asked = await _draft(call), call.query
    if (asked.lesson is None) == (asked.series is None):
        raise ProblemError(
            "lesson_or_series",
            "请用 lesson 或 series 指明要为哪一节课或哪门课程找位置，二者只给一个。",
            "Say with one of lesson and series what to find a place for.",
            field="lesson",
            value=asked.lesson,
        )
    zone, now = call.services.zone, call.services.clock()
    if asked.series is not None:
        series = _series(view, asked.series)

        def judged() -> TargetsOut:
            found = view.rule_places(series, zone=zone, now=now)
            return _targets(view, series=series.id, rule=[rule_target_out(t) for t in found])

        return await asyncio.to_thread(judged)
    assert asked.lesson is not None
    lesson = _lesson(view, asked.lesson)
    monday = _monday(view, lesson, asked.week)

    def judged_week() -> TargetsOut:
        found = view.places(lesson, monday, zone=zone, now=now)
        return _targets(view, lesson=lesson.id, week=[target_out(t) for t in found])

    return await asyncio.to_thread(judged_week)


def _targets(
    view: DraftView,
    *,
    lesson: str | None = None,
    series: str | None = None,
    week: Sequence[TargetOut] = (),
    rule: Sequence[RuleTargetOut] = (),
) -> TargetsOut:
    return TargetsOut(
        lesson=lesson, series=series, revision=view.revision, targets=list(week),
        rule_targets=list(rule),
    )  # fmt: skip


def _monday(view: DraftView, lesson: Occurrence, week: int | None) -> date:
    if week is None:
        return lesson.date - timedelta(days=lesson.date.weekday())
    return view.roster.terms[view.term].week1_monday + (week - 1) * _WEEK


async def read_free(call: Call[None, FreeFor]) -> FreesOut:
    """Places that are free for a lesson and all its seats, best first."""
    view = await _draft(call)
    lesson = _lesson(view, call.query.lesson)
    found = await asyncio.to_thread(
        view.free_places, lesson, zone=call.services.zone, now=call.services.clock(),
        limit=call.query.limit,
    )  # fmt: skip
    return FreesOut(
        lesson=lesson.id,
        revision=view.revision,
        places=[
            FreeOut(
                date=s.place.date, period=s.place.period, starts_at=s.starts_at,
                ends_at=s.ends_at, reason=s.reason.value, warnings=warnings_out(s.warnings),
            )
            for s in found
        ],
    )  # fmt: skip


def _lesson(view: DraftView, lesson: str) -> Occurrence:
    found = view.copy.occurrences.get(OccurrenceId(lesson))
    if found is None:
        raise unknown_lesson(lesson)
    return found


def _series(view: DraftView, series: str) -> Series:
    found = view.copy.series.get(SeriesId(series))
    if found is None:
        raise unknown_series(series)
    return found


ROUTES: Final = (
    ApiRoute(
        "api.timetable.draft", "GET", "/api/timetable/{term}/draft", read_draft,
        "The draft of a term", query=DraftDays, answer=DraftOut, problems=(404,),
    ),
    ApiRoute(
        "api.timetable.edit", "POST", "/api/timetable/{term}/draft/steps", add_step,
        "Edit the draft", body=CommandIn, answer=EditOut, problems=(404, 409), idempotent=True,
    ),
    ApiRoute(
        "api.timetable.undo", "POST", "/api/timetable/{term}/draft/undo", undo,
        "Undo one's last step", body=SeenIn, answer=EditOut, problems=(404, 409), idempotent=True,
    ),
    ApiRoute(
        "api.timetable.redo", "POST", "/api/timetable/{term}/draft/redo", redo,
        "Redo one's last undone step", body=SeenIn, answer=EditOut, problems=(404, 409),
        idempotent=True,
    ),
    ApiRoute(
        "api.timetable.discard", "POST", "/api/timetable/{term}/draft/discard", discard,
        "Throw the draft away", body=SeenIn, answer=EditOut, problems=(404, 409), idempotent=True,
    ),
    ApiRoute(
        "api.timetable.diff", "GET", "/api/timetable/{term}/draft/diff", read_diff,
        "What publishing would change", query=Page, answer=DiffOut, problems=(404,),
    ),
    ApiRoute(
        "api.timetable.check", "GET", "/api/timetable/{term}/draft/check", check,
        "Clashes and warnings of the draft", answer=CheckOut, problems=(404,),
    ),
    ApiRoute(
        "api.timetable.targets", "GET", "/api/timetable/{term}/draft/targets", read_targets,
        "Where a lesson or a rule can go", query=TargetsOf, answer=TargetsOut, problems=(404,),
    ),
    ApiRoute(
        "api.timetable.free", "GET", "/api/timetable/{term}/draft/free", read_free,
        "Free places for a lesson", query=FreeFor, answer=FreesOut, problems=(404,),
    ),
)  # fmt: skip
