"""What the draft's API takes and answers, and how domain values become that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from ..coordinator.drafts import EditAnswer
from ..domain.bookings import Clash
from ..domain.edit_files import occurrence_to_dict, series_to_dict
from ..domain.suggestions import Obstacle, RuleTarget, Target
from ..domain.warnings import PlanWarning
from ..domain.working_copy import Step
from .fields import Day, Id
from .routes import In, Out, Query

# Lists that are longer say how long they are; nobody reads the rest, a program asks page by page.
MAX_LISTED: Final = 500
MAX_PAGE: Final = 500
MAX_FREE: Final = 20
# A rule of 24 rooms in the way of another one's term has a thousand; the first say what it is.
MAX_OBSTACLES: Final = 100

T = TypeVar("T")

Seen = Annotated[int, Field(ge=0, le=2**31 - 1)]


class CommandIn(In):
    """A command, such as `{"do": "move_lesson", "lesson": "…", "place": {…}}`, or a list of them
    that is one step. `seen` is the revision of the draft that was looked at."""

    seen: Seen
    command: dict[str, Any] | Annotated[list[dict[str, Any]], Field(min_length=1, max_length=500)]


class SeenIn(In):
    """The revision of the draft that was looked at."""

    seen: Seen


class DraftDays(Query):
    """Lessons are listed for these days, both included, at most 31; none without them."""

    first: Day | None = Field(None, alias="from")
    last: Day | None = Field(None, alias="to")


class Page(Query):
    """A part of a long list."""

    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 200


class TargetsOf(Query):
    """A lesson of the draft, and the week of the term to look at, its own without one; or a rule of
    the draft (`series`), which is judged over the whole term."""

    lesson: Id | None = None
    series: Id | None = None
    week: Annotated[int, Field(ge=1, le=60)] | None = None


class FreeFor(Query):
    """A lesson of the draft."""

    lesson: Id
    limit: Annotated[int, Field(ge=1, le=MAX_FREE)] = 5


class ResourceOut(Out):
    """What is booked twice."""

    kind: str
    id: str


class BlockOut(Out):
    """Two lessons that book the same; the same one twice if it does so by itself."""

    resource: ResourceOut
    lessons: list[str]
    from_at: datetime = Field(alias="from")
    to_at: datetime = Field(alias="to")


class WarningOut(Out):
    """A rule that a lesson, or a seat of it, does not keep."""

    rule: str
    lesson: str
    seat: str | None


class StepOut(Out):
    """One edit of the draft and what it is about."""

    seq: int
    by: str
    at: datetime
    command: str
    reason: str
    undone: bool
    lessons: list[str]
    series: list[str]


class ConflictOut(Out):
    """What a step could not change, because what is published was changed meanwhile."""

    step: int
    lesson: str | None
    series: str | None


class DraftOut(Out):
    """A draft as it is now. Lists are cut at 500 (`steps`: the last 100); totals are whole."""

    term: str
    revision: int
    steps: list[StepOut]
    steps_total: int
    conflicts: list[ConflictOut]
    changes: dict[str, int]
    blocks: list[BlockOut]
    blocks_total: int
    warnings: list[WarningOut]
    warnings_total: int
    lessons: list[dict[str, Any]]
    series: list[dict[str, Any]]


class EditOut(Out):
    """What an edit left. `lessons` and `series` are those it touched and that are there now,
    `gone` the ids of those that are not; `blocks` and `warnings` are of these lessons."""

    revision: int
    step: StepOut | None
    lessons: list[dict[str, Any]]
    series: list[dict[str, Any]]
    gone: list[str]
    blocks: list[BlockOut]
    warnings: list[WarningOut]


class DiffOut(Out):
    """A part of what publishing would change, of `total` entries."""

    revision: int
    changes: dict[str, int]
    total: int
    entries: list[dict[str, Any]]


class CheckOut(Out):
    """Clashes and warnings of the whole term as drafted."""

    revision: int
    blocks: list[BlockOut]
    blocks_total: int
    warnings: list[WarningOut]
    warnings_total: int


class ObstacleOut(Out):
    """Why a lesson cannot go somewhere; what is taken, by which lesson, wanted for which seat."""

    why: str
    kind: str | None
    resource: str | None
    lesson: str | None
    seat: str | None


class TargetOut(Out):
    """One period of one date, judged for a lesson."""

    date: date
    period: int | None
    starts_at: datetime
    ends_at: datetime
    free: bool
    obstacles: list[ObstacleOut]
    warnings: list[WarningOut]


class RuleObstacleOut(ObstacleOut):
    """What is in the way of one of a rule's lessons, and when; it names no seat."""

    date: date


class RuleTargetOut(Out):
    """One weekday (1 is Monday) and period, judged for the `lessons` a rule would have there from
    now on. `without_period` are dates on which the school's bells have no such period; `obstacles`
    are the first 100 of `obstacles_total`, by date."""

    weekday: int
    period: int
    lessons: int
    free: bool
    without_period: list[date]
    obstacles: list[RuleObstacleOut]
    obstacles_total: int


class TargetsOut(Out):
    """For a lesson `targets`: every period of the host school in one week. For a rule
    `rule_targets`: every weekday and period the school has in the term."""

    lesson: str | None
    series: str | None
    revision: int
    targets: list[TargetOut]
    rule_targets: list[RuleTargetOut]


class FreeOut(Out):
    """One place that is free for a lesson and all its seats, and how near it is."""

    date: date
    period: int | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    warnings: list[WarningOut]


class FreesOut(Out):
    """Free places, best first."""

    lesson: str
    revision: int
    places: list[FreeOut]


def blocks_out(clashes: Iterable[Clash]) -> list[BlockOut]:
    """Clashes as JSON."""
    return [
        BlockOut(
            resource=ResourceOut(kind=c.kind.value, id=c.resource),
            lessons=list(c.occurrences),
            from_at=c.from_at,
            to_at=c.to_at,
        )
        for c in clashes
    ]


def warnings_out(warnings: Iterable[PlanWarning]) -> list[WarningOut]:
    """Warnings as JSON."""
    return [WarningOut(rule=w.rule.value, lesson=w.occurrence, seat=w.seat) for w in warnings]


def step_out(step: Step) -> StepOut:
    """A step as JSON."""
    return StepOut(
        seq=step.seq,
        by=step.by,
        at=step.at,
        command=step.command,
        reason=step.reason,
        undone=step.undone,
        lessons=sorted(step.after.occurrences)[:MAX_LISTED],
        series=sorted(step.after.series)[:MAX_LISTED],
    )


def edit_out(answer: EditAnswer) -> EditOut:
    """What an edit left, as JSON."""
    step = answer.step
    # An undone step left what it had found.
    left = None if step is None else step.before if step.undone else step.after
    lessons = {} if left is None else left.occurrences
    series = {} if left is None else left.series
    return EditOut(
        revision=answer.revision,
        step=None if step is None else step_out(step),
        lessons=[occurrence_to_dict(o) for o in lessons.values() if o is not None],
        series=[series_to_dict(s) for s in series.values() if s is not None],
        gone=[str(i) for i, o in (*lessons.items(), *series.items()) if o is None],
        blocks=blocks_out(answer.blocks[:MAX_LISTED]),
        warnings=warnings_out(answer.warnings[:MAX_LISTED]),
    )


def target_out(target: Target) -> TargetOut:
    """A judged place as JSON."""
    return TargetOut(
        date=target.place.date,
        period=target.place.period,
        starts_at=target.starts_at,
        ends_at=target.ends_at,
        free=target.free,
        obstacles=[ObstacleOut(**_obstacle(o)) for o in target.obstacles],
        warnings=warnings_out(target.warnings),
    )


def rule_target_out(target: RuleTarget) -> RuleTargetOut:
    """A judged place of a rule as JSON."""
    return RuleTargetOut(
        weekday=target.weekday,
        period=target.period,
        lessons=target.lessons,
        free=target.free,
        without_period=list(target.without_period),
        obstacles=[
            RuleObstacleOut(date=on, **_obstacle(o)) for on, o in target.obstacles[:MAX_OBSTACLES]
        ],
        obstacles_total=len(target.obstacles),
    )


def _obstacle(obstacle: Obstacle) -> dict[str, Any]:
    return {
        "why": obstacle.why.value,
        "kind": obstacle.kind and obstacle.kind.value,
        "resource": obstacle.resource,
        "lesson": obstacle.lesson,
        "seat": obstacle.seat,
    }


def part_of(entries: Sequence[T], page: Page) -> Sequence[T]:
    """The page that was asked for."""
    return entries[page.offset : page.offset + page.limit]
