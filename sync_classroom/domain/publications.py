"""Reports asked for, publications that never change, and restatements that say what became of them.

A publication keeps what it said (`Basis`): later facts, adjustments, plan changes and rules never
touch it, but a restatement sets old and new beside each other and says why they differ.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from .bundle import plan_to_dict
from .definitions import kind_name
from .report import ReportKind
from .roster import Term
from .snapshot import differences
from .timetable import Plan

FORMATS: Final = ("pdf", "xlsx", "csv")
LANGUAGES: Final = ("zh", "en")
# Differences of single seats can be thousands; all count, so many are kept.
MOST_DIFFERENCES: Final = 500
_DIGEST_CHARS: Final = 16
# A month that was missed longer ago than this was missed on purpose: the server was not there yet.
MISSED_DAYS: Final = 100
_DAY: Final = timedelta(days=1)


class ReportState(StrEnum):
    """Where a report stands. A removed one is a row without files."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REMOVED = "removed"


UNFINISHED: Final = frozenset({ReportState.QUEUED, ReportState.RUNNING})


@dataclass(frozen=True, slots=True)
class Report:
    """One report that somebody, or the calendar, asked for.

    `place` is the coordinator whose data folder has (or will have) the files. `percent` and `step`
    are how far a running one is. `files` are `{name: {"bytes", "sha256"}}`, `sha256` the hashes of
    the bundle's files, `held` the held rate's numerator and denominator. `failure` is
    `{"code", "zh", "en"}`.
    """

    id: str
    key: str
    kind: ReportKind
    first: date
    last: date
    language: str
    formats: tuple[str, ...]
    by: str
    at: datetime
    place: str
    state: ReportState = ReportState.QUEUED
    step: str = ""
    percent: int = 0
    done_at: datetime | None = None
    cut_off: datetime | None = None
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    held: tuple[int, int] | None = None
    failure: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What figures rest on, small enough to keep for ever.

    `figures` are those of `audit` with their seats, `facts` counts by kind, `adjustments` ids with
    who and why, `lessons` a digest of each, `roster` one of the rest of the plan.
    """

    figures: Mapping[str, Any]
    facts: Mapping[str, int]
    adjustments: Mapping[str, str]
    lessons: Mapping[str, str]
    roster: str

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "figures": dict(self.figures),
            "facts": dict(self.facts),
            "adjustments": dict(self.adjustments),
            "lessons": dict(self.lessons),
            "roster": self.roster,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Basis:
        """From `to_dict`."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Publication:
    """A report that was published: immutable. `basis` may be left out of lists."""

    no: int
    report: str
    kind: ReportKind
    first: date
    last: date
    language: str
    cut_off: datetime
    at: datetime
    by: str
    note: str
    sha256: Mapping[str, str]
    files: Mapping[str, Mapping[str, Any]]
    place: str
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """Why figures differ from what was published; everything empty: they do not differ by these.

    `facts` are facts more (or fewer) by kind, `adjustments` new ones with who and why, `lessons`
    how many were added, removed, changed, `rules` `(published, now)` names with versions.
    """

    facts: Mapping[str, int] = field(default_factory=dict)
    adjustments: Sequence[str] = ()
    lessons: Mapping[str, int] = field(default_factory=dict)
    roster: bool = False
    rules: tuple[str, str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it is stored and answered."""
        return {
            "facts": dict(self.facts),
            "adjustments": list(self.adjustments),
            "lessons": dict(self.lessons),
            "roster": self.roster,
            "rules": None if self.rules is None else list(self.rules),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Why:
        """From `to_dict`."""
        rules = stored["rules"]
        return cls(
            stored["facts"],
            tuple(stored["adjustments"]),
            stored["lessons"],
            stored["roster"],
            None if rules is None else (rules[0], rules[1]),
        )


@dataclass(frozen=True, slots=True)
class Restatement:
    """A publication computed again: `differences` of `total`, those of sums first, and why.

    A difference is `{"path", "published", "found", "because"}`, `because` being `evidence` (facts,
    adjustments, plan) or `rules`.
    """

    publication: int
    at: datetime
    by: str
    total: int
    differences: Sequence[Mapping[str, Any]]
    why: Why
    seq: int = 0


def basis_of(
    figures: Mapping[str, Any],
    plan: Plan,
    facts: Mapping[str, int],
    adjustments: Mapping[str, str],
) -> Basis:
    """What figures rest on, from the plan they were computed with."""
    written = plan_to_dict(plan)
    lessons = {o["id"]: _digest(o) for o in written.pop("occurrences")}
    # JSON has no tuples and only text as keys: compared with what was stored, it must be the same.
    plain = json.loads(json.dumps(figures))
    return Basis(plain, dict(facts), dict(adjustments), lessons, _digest(written))


def compare(published: Basis, same_rules: Basis, now: Basis) -> tuple[list[dict[str, Any]], Why]:
    """What differs from a publication and why.

    `same_rules` is computed now with the published rules, `now` with those in force, so that what
    the evidence changed is told from what new rules changed.
    """
    found = [
        {**d.to_dict(), "because": "evidence"}
        for d in differences(published.figures, same_rules.figures)
    ]
    # Of what the rules changed: the rules themselves are named in `why`.
    found += [
        {**d.to_dict(), "because": "rules"}
        for d in differences(same_rules.figures, now.figures)
        if not d.path.startswith("rules.")
    ]
    found.sort(key=lambda d: _rank(d["path"]))
    return found, _why(published, now)


#: Which differences a reader wants first; single seats last, what is not named before them.
_ORDER: Final = ("totals", "by_school", "causes", "by_subject", "by_week", "by_classroom")


def _rank(path: str) -> int:
    group = path.partition(".")[0]
    if group == "seats":
        return len(_ORDER) + 1
    return _ORDER.index(group) if group in _ORDER else len(_ORDER)


def _why(published: Basis, now: Basis) -> Why:
    kinds = sorted({*published.facts, *now.facts})
    counts = {k: now.facts.get(k, 0) - published.facts.get(k, 0) for k in kinds}
    old, new = published.lessons, now.lessons
    lessons = Counter(
        "added" if ident not in old else "removed" if ident not in new else "changed"
        for ident in {*old, *new}
        if old.get(ident) != new.get(ident)
    )
    rules = _rules(published), _rules(now)
    return Why(
        facts={k: n for k, n in counts.items() if n},
        adjustments=tuple(
            now.adjustments[i] for i in sorted(now.adjustments) if i not in published.adjustments
        ),
        lessons=dict(sorted(lessons.items())),
        roster=published.roster != now.roster,
        rules=None if published.figures["rules"] == now.figures["rules"] else rules,
    )


def _rules(basis: Basis) -> str:
    rules = basis.figures["rules"]
    return f"{rules['name']} {rules['version']}"


def restated_in(
    report: Report, publications: Iterable[Publication], latest: Mapping[int, Restatement]
) -> list[dict[str, Any]]:
    """What a report says of publications that share a day with it and do not hold any more.

    `latest` is the last restatement of each publication by its number; it is told by its sums.
    """
    return [
        {
            "publication": f"No. {p.no} · {p.first} – {p.last} · {p.at:%Y-%m-%d}",
            "differences": [
                dict(d) for d in latest[p.no].differences if not str(d["path"]).startswith("seats")
            ],
            "why_zh": why_in_words(latest[p.no].why, "zh"),
            "why_en": why_in_words(latest[p.no].why, "en"),
        }
        for p in publications
        if p.first <= report.last and report.first <= p.last
        if p.no in latest and latest[p.no].total
    ]


def why_in_words(why: Why, language: str) -> str:
    """The reasons as one sentence, for a report."""
    zh = language == "zh"
    parts = []
    for kind, n in why.facts.items():
        name = kind_name(kind, language)
        parts.append(
            f"截止后到达的事实：{name} {n:+} 条" if zh else f"facts after the cut-off: {name} {n:+}"
        )
    parts += [f"人工认定：{text}" if zh else f"adjustment: {text}" for text in why.adjustments]
    words = {"added": "新增", "removed": "去掉", "changed": "改动"}
    for what, n in why.lessons.items():
        parts.append(f"计划{words[what]}课次 {n} 节" if zh else f"{n} lessons {what} in the plan")
    if why.roster:
        parts.append("名册或校历改动" if zh else "the roster or the calendar changed")
    if why.rules is not None:
        parts.append(f"规则由 {why.rules[0]} 改为 {why.rules[1]}" if zh
                     else f"rules {why.rules[0]} became {why.rules[1]}")  # fmt: skip
    return ("；" if zh else "; ").join(parts)


def _digest(value: Any) -> str:
    data = json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:_DIGEST_CHARS]


def due_reports(today: date, terms: Iterable[Term]) -> list[tuple[ReportKind, date, date]]:
    """Months and terms that are over, but not for longer than `MISSED_DAYS`; oldest first."""
    since = today - MISSED_DAYS * _DAY
    found = []
    last = today.replace(day=1) - _DAY
    while last >= since:
        found.append((ReportKind.MONTH, last.replace(day=1), last))
        last = last.replace(day=1) - _DAY
    found += [
        (ReportKind.TERM, t.first_day, t.last_day) for t in terms if since <= t.last_day < today
    ]
    return sorted(found, key=lambda r: (r[2], r[1]))


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of the month a day is in."""
    first = day.replace(day=1)
    return first, (first + 31 * _DAY).replace(day=1) - _DAY
