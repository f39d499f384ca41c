"""What a draft or a version changes, in sentences people read before they press the button."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from ...domain.ids import SeriesId
from ...domain.plan_diff import DiffEntry, DiffKind, change_of, going_with
from ...domain.series import Series, SeriesSeat
from ...domain.timetable import Host, Occurrence, Seat
from ..i18n import mark
from .frame import Frame
from .timetable_words import Names, weekday_name, weeks_text

#: Of one kind; more are counted. A version shows the rest page by page.
MOST_LINES: Final = 200
KIND_WORDS: Final = {
    DiffKind.SERIES_NEW: mark("新课程"),
    DiffKind.SERIES_CHANGED: mark("课程有改动"),
    DiffKind.SERIES_REMOVED: mark("课程取消"),
    DiffKind.NEW: mark("新课次"),
    DiffKind.MOVED: mark("调课"),
    DiffKind.CANCELLED: mark("停课"),
    DiffKind.RESTORED: mark("恢复"),
    DiffKind.CHANGED: mark("内容有改动"),
    DiffKind.SEATS: mark("听课教室有改动"),
}
_FIELD_WORDS: Final = {
    "title": mark("课题"),
    "subject": mark("学科"),
    "grade": mark("年级"),
    "periods": mark("课时"),
    "span": mark("连上节数"),
    "first": mark("从"),
    "last": mark("到"),
}
_TIMES: Final = frozenset({"date", "starts_at", "ends_at", "weekday", "period", "weeks"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field: what it is called, how it was and how it will be; empty for nothing."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One lesson or rule. `lessons` is how many lessons go with a rule."""

    what: str
    when: str
    who: str
    differences: tuple[Difference, ...]
    reason: str
    lessons: int = 0
    href: str = ""


@dataclass(frozen=True, slots=True)
class DiffGroup:
    """The changes of one kind; `count` is all of them, `lines` those shown.

    `rest` is the address where all of them are; without one, `more` is how many are not told.
    """

    kind: str
    title: str
    count: int
    lines: tuple[DiffLine, ...]
    more: int = 0
    rest: str = ""


def groups_of(frame: Frame, entries: Sequence[DiffEntry], names: Names) -> tuple[DiffGroup, ...]:
    """A diff by kind, in the order of `KIND_WORDS`; entries that concern nobody are left out."""
    beside = going_with(entries)
    by_kind: dict[DiffKind, list[DiffEntry]] = defaultdict(list)
    for entry, rule in zip(entries, beside, strict=True):
        if rule is None and not entry.silent:
            by_kind[entry.kind].append(entry)
    words = Words(frame, names, Counter(rule for rule in beside if rule is not None))
    return tuple(
        replace(
            words.group(kind, len(by_kind[kind]), by_kind[kind][:MOST_LINES]),
            more=max(0, len(by_kind[kind]) - MOST_LINES),
        )
        for kind in KIND_WORDS
        if by_kind[kind]
    )


class Words:
    """Differences in sentences. `lessons` says how many come or go with each rule."""

    def __init__(self, frame: Frame, names: Names, lessons: Mapping[SeriesId, int]) -> None:
        self._frame = frame
        self._names = names
        self._lessons = lessons

    def group(self, kind: DiffKind, count: int, entries: Iterable[DiffEntry]) -> DiffGroup:
        """Some `entries` of a kind that has `count` of them."""
        lines = tuple(self.line(e) for e in entries)
        return DiffGroup(kind.value, self._frame.t(KIND_WORDS[kind]), count, lines)

    def line(self, entry: DiffEntry) -> DiffLine:
        """One entry."""
        thing = entry.old or entry.new
        assert thing is not None
        change = change_of(entry)
        title = f" · {thing.title}" if thing.title and thing.title != thing.subject else ""
        names = self._names
        return DiffLine(
            what=f"{thing.subject}{title}",
            when=self.when(thing),
            who=f"{names.teacher(thing.host.teacher)} · {names.school(thing.host.school)}",
            differences=tuple(self._differences(entry)),
            reason=change.reason if change is not None else "",
            lessons=self._lessons.get(entry.series, 0) if entry.series is not None else 0,
            href=f"/lessons/{thing.id}" if isinstance(entry.old, Occurrence) else "",
        )

    def _differences(self, entry: DiffEntry) -> Iterable[Difference]:
        old, new = entry.old, entry.to or entry.new
        if old is None or new is None:
            return
        if _TIMES & set(entry.fields):
            yield Difference(self._frame.t(mark("时间")), self.when(old), self.when(new))
        if "host" in entry.fields:
            yield from self._host(old.host, new.host)
        if "seats" in entry.fields:
            yield from self._seats(old.seats, new.seats, entry)
        for name in entry.fields:
            if name in _FIELD_WORDS:
                before, after = (self._plain(getattr(t, name)) for t in (old, new))
                yield Difference(self._frame.t(_FIELD_WORDS[name]), before, after)

    def _host(self, old: Host, new: Host) -> Iterable[Difference]:
        t, names = self._frame.t, self._names
        if old.teacher != new.teacher:
            yield Difference(
                t(mark("教师")), names.teacher(old.teacher), names.teacher(new.teacher)
            )
        if old.classroom != new.classroom:
            yield Difference(
                t(mark("主讲教室")), names.room(old.classroom), names.room(new.classroom)
            )
        if old.school_class != new.school_class:
            before, after = (names.group_alone(h.school_class) for h in (old, new))
            yield Difference(t(mark("随堂班级")), before or "—", after or "—")

    def _seats(
        self,
        old: Sequence[Seat | SeriesSeat],
        new: Sequence[Seat | SeriesSeat],
        entry: DiffEntry,
    ) -> Iterable[Difference]:
        before = {s.classroom for s in old if not _gone(entry.old, s)}
        after = {s.classroom for s in new if not _gone(entry.to or entry.new, s)}
        join = self._frame.t(mark("、")).join
        added, dropped = sorted(after - before), sorted(before - after)
        if added:
            rooms = join(self._names.room(r) for r in added)
            yield Difference(self._frame.t(mark("增加听课教室")), "", rooms)
        if dropped:
            rooms = join(self._names.room(r) for r in dropped)
            yield Difference(self._frame.t(mark("去掉听课教室")), rooms, "")
        if not added and not dropped:
            yield Difference(
                self._frame.t(mark("听课教室")), "", self._frame.t(mark("班级、人数或助教有改动"))
            )

    def when(self, thing: Occurrence | Series) -> str:
        """A lesson's day and times, or a rule's place in the week."""
        frame = self._frame
        if isinstance(thing, Occurrence):
            span = frame.format.span(thing.starts_at, thing.ends_at)
            return f"{frame.format.day(thing.date)} {span}"
        if thing.weekday is None or thing.period is None:
            return frame.t(mark("未安排"))
        parts = (
            weekday_name(frame, thing.weekday),
            frame.t(mark("第 %(n)s 节"), n=thing.period),
            weeks_text(frame, thing.weeks),
        )
        return " ".join(p for p in parts if p)

    def _plain(self, value: object) -> str:
        if isinstance(value, date):
            return self._frame.format.day(value)
        return "—" if value is None or value == "" else str(value)


def _gone(thing: Occurrence | Series | None, seat: Seat | SeriesSeat) -> bool:
    return (
        isinstance(thing, Occurrence)
        and isinstance(seat, Seat)
        and any(c.seat == seat.id for c in thing.changes)
    )
