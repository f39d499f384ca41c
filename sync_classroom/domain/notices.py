"""Who must be told of a change of the plan, and in which words.

A classroom is told of what changed for it as host or as seat, a teacher of what changed for lessons
they give, assist or take part in. One act is one notice for each of them, with a sentence a change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final

from .ids import ClassroomId, OccurrenceId, SeriesId, TeacherId
from .roster import Roster
from .timetable import ChangeKind, Mode, Occurrence, Seat

# More sentences are not read from a screen; the timetable itself has them all.
MAX_ITEMS: Final = 12
_ZH_DAYS: Final = "一二三四五六日"
_EN_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EN_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


class Audience(StrEnum):
    """What kind of addressee a notice has."""

    CLASSROOM = "classroom"
    TEACHER = "teacher"


Addressee = tuple[Audience, str]
Pair = tuple[Occurrence | None, Occurrence]


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """One sentence in both languages. `until`: nobody needs it after this instant."""

    kind: str
    lesson: OccurrenceId
    starts_at: datetime
    until: datetime
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What one addressee is told of one act: at most `MAX_ITEMS` items, and how many `more`."""

    audience: Audience
    addressee: str
    items: tuple[NoticeItem, ...]
    more: int

    @property
    def until(self) -> datetime:
        """When the last of the lessons it names is over."""
        return max(item.until for item in self.items)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A notice as it was sent, and what became of it. `told_at`: given to a connected terminal;
    `shown_at`: on its screen or a teacher's page; `read_at`: somebody there pressed the button."""

    id: int
    act: str
    version: int | None
    at: datetime
    notice: Notice
    told_at: datetime | None = None
    shown_at: datetime | None = None
    read_at: datetime | None = None


def notices_of(
    pairs: Iterable[Pair],
    roster: Roster,
    zone: tzinfo,
    now: datetime,
    *,
    reasons: Mapping[OccurrenceId, str] | None = None,
) -> tuple[Notice, ...]:
    """Everybody's notice about lessons that were `old` (None: new) and are `new`, by addressee.

    Lessons that are over at `now` concern nobody any more. `reasons` are those that the lessons
    themselves do not tell.
    """
    changed = [(old, new) for old, new in pairs if old != new]
    moved = {c.to: c.reason for _, new in changed for c in new.changes if c.to is not None}
    words = _Words(roster, zone, dict(reasons or {}) | {i: why for i, why in moved.items() if why})
    origins = {new.id: old for old, new in changed if old is not None}
    replaced = {new.moved_from for old, new in changed if old is None and new.moved_from}
    told: dict[Addressee, list[NoticeItem]] = defaultdict(list)
    series: dict[tuple[Addressee, SeriesId], list[Occurrence]] = defaultdict(list)
    for old, new in changed:
        if new.id in replaced:
            continue  # told together with where it went
        if old is None:
            origin = origins.get(new.moved_from) if new.moved_from is not None else None
            if origin is None and new.slot is not None:
                if new.ends_at > now:
                    for addressee in _concerned(new):
                        series[addressee, new.slot.series].append(new)
                continue
            old = origin
        _tell(told, old, new, words, now)
    for (addressee, _), lessons in series.items():
        told[addressee].append(words.many(lessons) if len(lessons) > 1 else words.new(lessons[0]))
    return tuple(_notice(addressee, items) for addressee, items in sorted(told.items()) if items)


def _tell(
    told: dict[Addressee, list[NoticeItem]],
    old: Occurrence | None,
    new: Occurrence,
    words: _Words,
    now: datetime,
) -> None:
    until = max(new.ends_at, old.ends_at) if old is not None else new.ends_at
    if until <= now:
        return
    for addressee in sorted({*_concerned(new), *(_concerned(old) if old else ())}):
        told[addressee].extend(words.items(addressee, old, new))


def _concerned(occurrence: Occurrence) -> set[Addressee]:
    """Withdrawn seats too: they hear of their coming back, or once more of the end of all."""
    rooms = {occurrence.host.classroom, *(s.classroom for s in occurrence.seats)}
    people = {occurrence.host.teacher, *occurrence.participants}
    people |= {s.assistant for s in occurrence.seats if s.assistant is not None}
    return {(Audience.CLASSROOM, str(r)) for r in rooms} | {
        (Audience.TEACHER, str(p)) for p in people
    }


def _notice(addressee: Addressee, items: Sequence[NoticeItem]) -> Notice:
    ordered = sorted(items, key=lambda i: (i.starts_at, i.lesson, i.kind))
    shown = tuple(ordered[:MAX_ITEMS])
    return Notice(addressee[0], addressee[1], shown, len(ordered) - len(shown))


@dataclass(frozen=True, slots=True)
class _Words:
    """Finds the sentences."""

    roster: Roster
    zone: tzinfo
    reasons: Mapping[OccurrenceId, str]

    def items(
        self, addressee: Addressee, old: Occurrence | None, new: Occurrence
    ) -> Iterator[NoticeItem]:
        """What one addressee is told of one lesson."""
        came, went = _came_and_went(addressee, old, new)
        if old is None:
            yield self.new(new)
        elif came:
            yield self._item("invited", new, "邀请您参加", "has you invited", new.ends_at)
        elif went:
            yield self._item(
                "uninvited", old, "不再邀请您参加", "no longer has you invited", old.ends_at,
                self.reasons.get(new.id) or self.reasons.get(old.id, ""),
            )  # fmt: skip
        elif old.id != new.id:
            yield self._moved(old, new)
        else:
            yield from self._changed(addressee, old, new)

    def new(self, lesson: Occurrence) -> NoticeItem:
        """A lesson that was not there."""
        return self._item("new", lesson, "新增", "is new", lesson.ends_at)

    def many(self, lessons: Sequence[Occurrence]) -> NoticeItem:
        """A series that was not there: one sentence, not eighteen."""
        first = min(lessons, key=lambda o: o.starts_at)
        last = max(o.ends_at for o in lessons)
        count = len(lessons)
        return self._item(
            "new_series", first, f"起，新排课共 {count} 节", f"is the first of {count} new lessons",
            last,
        )  # fmt: skip

    def _moved(self, old: Occurrence, new: Occurrence) -> NoticeItem:
        until = max(old.ends_at, new.ends_at)
        why = self.reasons.get(new.id) or self.reasons.get(old.id, "")
        zh = f"调到 {self._when_zh(new)} {self._room(new.host.classroom)}"
        en = f"is moved to {self._when_en(new)}, {self._room(new.host.classroom)}"
        return self._item("moved", old, zh, en, until, why)

    def _changed(
        self, addressee: Addressee, old: Occurrence, new: Occurrence
    ) -> Iterator[NoticeItem]:
        until = max(old.ends_at, new.ends_at)
        why = self.reasons.get(new.id, "")
        gone = next((c for c in new.changes if c not in old.changes and c.seat is None), None)
        if gone is not None:
            moved = gone.kind is ChangeKind.MOVED
            zh, en = ("已调走", "is moved away") if moved else (_gone(new), "is cancelled")
            yield self._item("moved" if moved else "cancelled", old, zh, en, until, gone.reason)
            return
        if old.withdrawn and not new.withdrawn:
            zh = "照常进行" if new.mode is Mode.RESEARCH else "恢复上课"
            yield self._item("restored", new, zh, "takes place after all", until, why)
        if old.host.teacher != new.host.teacher:
            person = self._person(new.host.teacher)
            zh = f"由{person}主持" if new.mode is Mode.RESEARCH else f"由{person}代课"
            yield self._item("substituted", old, zh, f"is given by {person} instead", until, why)
        yield from self._seats(addressee, old, new, until)
        if _particulars(old) != _particulars(new):
            room = self._room(new.host.classroom)
            zh = f"改为 {self._when_zh(new)} {room} {new.subject} {new.title}"
            en = f"is now {self._when_en(new)}, {room}: {new.subject} {new.title}"
            yield self._item("changed", old, zh, en, until, why)

    def _seats(
        self, addressee: Addressee, old: Occurrence, new: Occurrence, until: datetime
    ) -> Iterator[NoticeItem]:
        """The host side hears of every room, a room only of itself, an assistant of theirs."""
        before = {s.id: s for s in old.seats}
        for seat in new.seats:
            known = before.get(seat.id)
            if not self._hears(addressee, new, seat, known):
                continue
            room = self._room(seat.classroom)
            took_part = known is not None and not _dropped(old, seat)
            takes_part = not _dropped(new, seat)
            why = next((c.reason for c in new.changes if c.seat == seat.id), "")
            if takes_part and not took_part:
                kind = "seat_added" if known is None else "seat_restored"
                yield self._item(kind, new, f"{room} 参加听课", f"has {room} listening", until)
            elif took_part and not takes_part:
                zh, en = f"{room} 不参加", f"is without {room}"
                yield self._item("seat_cancelled", new, zh, en, until, why)
            elif takes_part and known != seat:
                person = self._person(seat.assistant) if seat.assistant else "—"
                zh = f"{room} 听课班级、人数或助教有改动（助教：{person}）"
                en = f"has {room} with another class, head count or assistant ({person})"
                yield self._item("seat_changed", new, zh, en, until)

    @staticmethod
    def _hears(addressee: Addressee, lesson: Occurrence, seat: Seat, known: Seat | None) -> bool:
        audience, name = addressee
        if audience is Audience.CLASSROOM:
            return name in (lesson.host.classroom, seat.classroom)
        helpers = (seat.assistant, known.assistant if known else None)
        return name == lesson.host.teacher or name in helpers

    def _item(
        self, kind: str, lesson: Occurrence, zh: str, en: str, until: datetime, why: str = ""
    ) -> NoticeItem:
        person = self._person(lesson.host.teacher)
        what_zh = what_en = lesson.subject
        if lesson.mode is Mode.RESEARCH:
            what_zh, what_en = f"教研「{lesson.title}」", f"Research session “{lesson.title}”"
        zh = f"{self._when_zh(lesson)} {what_zh}（{person}）{zh}{f'：{why}' if why else ''}"
        en = f"{self._when_en(lesson)} {what_en} ({person}) {en}{f': {why}' if why else ''}"
        return NoticeItem(kind, lesson.id, lesson.starts_at, until, zh, en)

    def _when_zh(self, lesson: Occurrence) -> str:
        start, end = (t.astimezone(self.zone) for t in (lesson.starts_at, lesson.ends_at))
        weekday = _ZH_DAYS[start.weekday()]
        return f"{start.month}月{start.day}日 周{weekday} {start:%H:%M}–{end:%H:%M}"

    def _when_en(self, lesson: Occurrence) -> str:
        start, end = (t.astimezone(self.zone) for t in (lesson.starts_at, lesson.ends_at))
        day = f"{_EN_DAYS[start.weekday()]} {start.day} {_EN_MONTHS[start.month - 1]}"
        return f"{day} {start:%H:%M}–{end:%H:%M}"

    def _person(self, teacher: TeacherId) -> str:
        found = self.roster.teachers.get(teacher)
        return found.name if found is not None else str(teacher)

    def _room(self, classroom: ClassroomId) -> str:
        found = self.roster.classrooms.get(classroom)
        if found is None:
            return str(classroom)
        return f"{self.roster.schools[found.school].name}{found.name}"


def _came_and_went(
    addressee: Addressee, old: Occurrence | None, new: Occurrence
) -> tuple[bool, bool]:
    """Whether a teacher meets in `new` and not in `old`, or the other way round.

    Who gives a lesson is told so of the lesson itself; a session is its teachers'.
    """
    audience, name = addressee
    if old is None or new.mode is not Mode.RESEARCH or audience is not Audience.TEACHER:
        return False, False
    before, after = (name in {o.host.teacher, *o.participants} for o in (old, new))
    return after and not before, before and not after


def _gone(lesson: Occurrence) -> str:
    return "取消" if lesson.mode is Mode.RESEARCH else "停课"


def _dropped(lesson: Occurrence, seat: Seat) -> bool:
    """Whether the seat was withdrawn alone; what happens to the whole lesson is told as such."""
    return any(c.seat == seat.id for c in lesson.changes)


def _particulars(o: Occurrence) -> tuple[object, ...]:
    return (o.title, o.subject, o.starts_at, o.ends_at, o.host.classroom, o.host.school_class)
