"""What a weekly rule went through: who changed it when, in which version or not published yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Final

from ...domain.ids import SeriesId
from ...domain.lineage import lineage
from ...domain.plan_change import RuleChange
from ...domain.plan_diff import DiffEntry, DiffKind, from_dict, series_entry
from ...domain.series import Series
from ...domain.working_copy import Step
from ..i18n import mark
from .frame import Frame
from .timetable_desk import Desk
from .timetable_diff import KIND_WORDS, Difference, Words

#: Of a rule's history; nobody changes a rule more often, and every version has its own page.
MOST_CHANGES: Final = 40
_BOUNDS: Final = frozenset({"first", "last", "excluded"})


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the rules that were once one. `current` is the one the editor is open for."""

    id: SeriesId
    text: str
    dates: str
    current: bool


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One change. `version` is None for what only the draft has; `lessons` came or went with it."""

    at: datetime
    by: str
    version: int | None
    what: str
    when: str
    differences: tuple[Difference, ...]
    lessons: int
    reason: str


@dataclass(frozen=True, slots=True)
class RuleHistory:
    """`stages` are oldest first, empty if there is only this rule; `lines` are newest first."""

    stages: tuple[Stage, ...]
    lines: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one rule, with how many lessons went along, by whose wish and why."""

    entry: DiffEntry
    lessons: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Act:
    """Everything that one step or one version did to the rules."""

    at: datetime
    version: int | None
    done: Mapping[SeriesId, _Done]


async def history_of(frame: Frame, desk: Desk, series: Series) -> RuleHistory:
    """The history of a rule of the draft, with that of the rules it was once one with."""
    rules = lineage(series, desk.draft.copy.series.values())
    ids = {r.id for r in rules}
    people = await people_of(frame)
    acts = [a for s in reversed(desk.draft.steps) if (a := _of_step(s, ids)) is not None]
    acts += _of_versions(await frame.services.timetable.rule_history(ids))
    words = Words(frame, desk.names, {})
    lines = [line for act in acts for line in _lines(frame, words, act, rules, people)]
    stages = [_stage(frame, words, r, desk, current=r.id == series.id) for r in rules]
    return RuleHistory(tuple(stages) if len(stages) > 1 else (), tuple(lines[:MOST_CHANGES]))


async def people_of(frame: Frame) -> Mapping[str, str]:
    """Names by login; whoever has left is called by the login."""
    return {u.login: u.name for u in await frame.services.store.users()}


def _of_step(step: Step, ids: set[SeriesId]) -> _Act | None:
    done = {}
    for ident in ids & step.after.series.keys():
        entry = series_entry(ident, step.before.series[ident], step.after.series[ident])
        if entry is not None:
            lessons = (o for o in step.after.occurrences.values() if o is not None)
            count = sum(o.slot is not None and o.slot.series == ident for o in lessons)
            done[ident] = _Done(entry, count, step.by, step.reason)
    return None if step.undone or not done else _Act(step.at, None, done)


def _of_versions(changes: Iterable[RuleChange]) -> list[_Act]:
    acts = []
    for version, found in groupby(changes, key=lambda c: c.version):
        done = {}
        for each in found:
            entry = from_dict(each.change.entry)
            assert entry.series is not None, "asked for by its rule"
            reason = each.change.reason or version.note
            done[entry.series] = _Done(entry, each.lessons, each.change.by, reason)
        acts.append(_Act(version.at, version.no, done))
    return acts


def _lines(
    frame: Frame, words: Words, act: _Act, rules: Sequence[Series], people: Mapping[str, str]
) -> Iterable[RuleLine]:
    before = {after.id: ended.id for ended, after in pairwise(rules)}
    # Where one act ends a rule and begins the next, that is one change, told from old to new.
    begun = {
        i: act.done[before[i]]
        for i, each in act.done.items()
        if each.entry.kind is DiffKind.SERIES_NEW and before.get(i) in act.done
    }
    ended = {before[i] for i in begun}
    for ident, each in act.done.items():
        if ident in ended:
            continue
        entry, what = each.entry, frame.t(KIND_WORDS[each.entry.kind])
        lessons = each.lessons
        if ident in begun:
            # A lesson that moves is one of the rule it leaves and one of that it goes over to.
            lessons = max(lessons, begun[ident].lessons)
            if isinstance(entry.new, Series) and entry.new.first is not None:
                day = frame.format.day(entry.new.first)
                what = frame.t(mark("从 %(day)s 起改"), day=day)
            entry = _between(begun[ident].entry, entry)
        line = words.line(entry)
        yield RuleLine(
            act.at,
            people.get(each.by, each.by),
            act.version,
            what,
            "" if line.differences else line.when,
            line.differences,
            lessons,
            each.reason,
        )


def _between(ended: DiffEntry, begun: DiffEntry) -> DiffEntry:
    """From how the rule was to what goes on of it, without the dates on which one became two."""
    old, new = ended.old, begun.new
    if not isinstance(old, Series) or not isinstance(new, Series):
        return begun
    entry = series_entry(new.id, old, new)
    assert entry is not None, "their ids differ"
    return replace(entry, fields=tuple(f for f in entry.fields if f not in _BOUNDS))


def _stage(frame: Frame, words: Words, rule: Series, desk: Desk, *, current: bool) -> Stage:
    term = desk.choice.term
    dates = frame.format.date_range(rule.first or term.first_day, rule.last or term.last_day)
    return Stage(rule.id, words.when(rule), dates, current)
