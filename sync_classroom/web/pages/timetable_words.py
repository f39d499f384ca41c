"""What the timetable says of lessons: chips, badges, clashes and warnings in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ...domain.grid import Entry, EntryState, Mark, MarkKind
from ...domain.grid_views import Audience, View, ViewKind
from ...domain.ids import ClassId, ClassroomId, SchoolId, TeacherId
from ...domain.roster import Roster
from ...domain.series import WeekKind, WeekRule
from ...domain.subject_colours import colour_of
from ..i18n import mark
from .frame import Frame
from .words import Word

STATE_WORDS: Final = {
    EntryState.WAITING: Word("waiting", mark("待开")),
    EntryState.LIVE: Word("live", mark("直播中")),
    EntryState.HELD: Word("held", mark("已完成")),
    EntryState.PARTIAL: Word("partial", mark("部分")),
    EntryState.MISSED: Word("missed", mark("缺")),
    EntryState.CANCELLED: Word("cancelled", mark("停课")),
    EntryState.AWAY: Word("cancelled", mark("调走")),
}
BADGES: Final = {
    MarkKind.MOVED: mark("调"),
    MarkKind.SUBSTITUTE: mark("代"),
    MarkKind.MAKE_UP: mark("补"),
    MarkKind.AWAY: mark("调"),
}
VIEW_WORDS: Final = {
    ViewKind.CLASS: mark("按班级"),
    ViewKind.TEACHER: mark("按教师"),
    ViewKind.CLASSROOM: mark("按教室"),
    ViewKind.SCHOOL: mark("按学校"),
    ViewKind.HOST: mark("按主讲校"),
}
WEEKDAYS: Final = (
    mark("周一"),
    mark("周二"),
    mark("周三"),
    mark("周四"),
    mark("周五"),
    mark("周六"),
    mark("周日"),
)
RESOURCE_WORDS: Final = {
    "classroom": mark("教室"),
    "teacher": mark("教师"),
    "class": mark("班级"),
}
# More rooms than these are counted in a card and named in its description.
_NAMED_ROOMS: Final = 2


@dataclass(frozen=True, slots=True)
class Badge:
    """调, 代 or 补 with the original in words; `told`: nothing else on the page says it."""

    letter: str
    text: str
    told: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """A lesson as its cell shows it; `describes` says everything, for hover and for listening.

    `fault` is `block`, `warn` or empty, and `faults` the sentences; `changed`: the draft differs
    here from what is published.
    """

    entry: Entry
    colour: int
    teacher: str
    place: str
    describes: str
    word: Word | None
    badges: tuple[Badge, ...]
    weeks: str
    fault: str
    faults: tuple[str, ...]
    changed: bool


def weekday_name(frame: Frame, weekday: int) -> str:
    """`周一`, `Mon`."""
    return frame.t(WEEKDAYS[weekday - 1])


def weeks_text(frame: Frame, rule: WeekRule) -> str:
    """`单周`, `第 1–5、9 周`; empty for every week."""
    match rule.kind:
        case WeekKind.ALL:
            return ""
        case WeekKind.ODD:
            return frame.t(mark("单周"))
        case WeekKind.EVEN:
            return frame.t(mark("双周"))
        case WeekKind.LISTED:
            return frame.t(
                mark("第 %(weeks)s 周"), weeks=frame.t(mark("、")).join(runs(rule.weeks))
            )


def runs(numbers: Sequence[int]) -> list[str]:
    """Ascending numbers with neighbours joined: `["1–3", "7"]`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return [str(a) if a == b else f"{a}–{b}" for a, b in spans]


class Names:
    """Names of a roster's things; an id that is no longer there names itself."""

    def __init__(self, frame: Frame, roster: Roster) -> None:
        self._frame = frame
        self._roster = roster

    def teacher(self, ident: TeacherId) -> str:
        """A teacher's name."""
        found = self._roster.teachers.get(ident)
        return found.name if found is not None else ident

    def school(self, ident: SchoolId) -> str:
        """A school's name."""
        found = self._roster.schools.get(ident)
        return found.name if found is not None else ident

    def room(self, ident: ClassroomId) -> str:
        """`随迁子女学校三 3号直播教室`."""
        found = self._roster.classrooms.get(ident)
        return f"{self.school(found.school)} {found.name}" if found is not None else ident

    def group(self, ident: ClassId) -> str:
        """`随迁子女学校三 三(2)班`."""
        found = self._roster.classes.get(ident)
        return f"{self.school(found.school)} {found.name}" if found is not None else ident

    def group_alone(self, ident: ClassId | None) -> str:
        """A class's name without its school; empty for none."""
        found = self._roster.classes.get(ident) if ident is not None else None
        return found.name if found is not None else ""

    def of(self, view: View) -> str:
        """Whose timetable it is, in full."""
        match view.kind:
            case ViewKind.CLASS:
                return self.group(ClassId(view.id))
            case ViewKind.CLASSROOM:
                return self.room(ClassroomId(view.id))
            case ViewKind.TEACHER:
                person = self._roster.teachers[TeacherId(view.id)]
                return f"{person.name} · {self.school(person.school)}"
            case ViewKind.SCHOOL | ViewKind.HOST:
                return self.school(SchoolId(view.id))

    def resource(self, kind: str, ident: str) -> str:
        """A clash's resource with what it is: `教室 随迁子女学校三 3号直播教室`."""
        match kind:
            case "teacher":
                name = self.teacher(TeacherId(ident))
            case "class":
                name = self.group(ClassId(ident))
            case _:
                name = self.room(ClassroomId(ident))
        return f"{self._frame.t(RESOURCE_WORDS[kind])} {name}"

    def audience(self, seats: Sequence[Audience]) -> str:
        """Who listens, short: two rooms by name, more by their number."""
        due = [s for s in seats if not s.withdrawn]
        if len(due) > _NAMED_ROOMS:
            schools = {self._school_of(s.classroom) for s in due}
            return self._frame.t(
                mark("%(schools)s 校 %(rooms)s 间教室"), schools=len(schools), rooms=len(due)
            )
        return self._frame.t(mark("、")).join(self.room(s.classroom) for s in due)

    def all_audience(self, seats: Sequence[Audience]) -> str:
        """Every room that listens, by name, with its class."""
        due = [s for s in seats if not s.withdrawn]
        return self._frame.t(mark("、")).join(
            " ".join(filter(None, (self.room(s.classroom), self.group_alone(s.school_class))))
            for s in due
        )

    def _school_of(self, room: ClassroomId) -> str:
        found = self._roster.classrooms.get(room)
        return found.school if found is not None else ""


class Cards:
    """Makes cards for one page; `faults` are by lesson, `changed` lessons that differ."""

    def __init__(
        self,
        frame: Frame,
        names: Names,
        *,
        faults: Mapping[str, Sequence[tuple[str, str]]],
        changed: frozenset[str],
        today: date,
    ) -> None:
        self._frame = frame
        self._names = names
        self._faults = faults
        self._changed = changed
        self._today = today

    def card(self, entry: Entry, view: View | None) -> Card:
        """One lesson's card in this view (None: the line of a classroom)."""
        badges = tuple(self._badge(m) for m in entry.marks)
        faults = self._faults.get(entry.id, ())
        weeks = weeks_text(self._frame, entry.weeks) if entry.weeks is not None else ""
        return Card(
            entry=entry,
            colour=colour_of(entry.subject).no,
            teacher=self._names.teacher(entry.host.teacher),
            place=self._place(entry, view),
            describes=self._describe(entry, badges, [text for _, text in faults], weeks),
            word=self._word(entry),
            badges=badges,
            weeks=weeks,
            fault=next(iter(sorted(kind for kind, _ in faults)), ""),
            faults=tuple(text for _, text in faults),
            changed=entry.id in self._changed,
        )

    def _word(self, entry: Entry) -> Word | None:
        """The state chip; a lesson of a day to come is waiting and need not say so."""
        if entry.occurrence is None:
            return None
        if entry.state is EntryState.WAITING and entry.occurrence.date != self._today:
            return None
        return STATE_WORDS[entry.state]

    def _place(self, entry: Entry, view: View | None) -> str:
        if view is None or not self._is_host(entry, view):
            return self._names.school(entry.host.school)
        return self._names.audience(entry.audience)

    def _is_host(self, entry: Entry, view: View) -> bool:
        host = entry.host
        mine = {host.school, host.classroom, host.teacher, host.school_class}
        return view.id in mine

    def _describe(
        self, entry: Entry, badges: Iterable[Badge], faults: Sequence[str], weeks: str
    ) -> str:
        frame, names = self._frame, self._names
        title = f" · {entry.title}" if entry.title and entry.title != entry.subject else ""
        said = [
            f"{entry.subject}{title}",
            f"{entry.start:%H:%M}–{entry.end:%H:%M}",
            weeks,
            names.teacher(entry.host.teacher),
            names.room(entry.host.classroom),
        ]
        listening = names.all_audience(entry.audience)
        if listening:
            said.append(frame.t(mark("听课：%(rooms)s"), rooms=listening))
        if entry.occurrence is not None:
            said.append(frame.t(STATE_WORDS[entry.state].text))
        said += [b.text for b in badges]
        said += faults
        return frame.t(mark("；")).join(part for part in said if part)

    def _badge(self, it: Mark) -> Badge:
        frame = self._frame
        letter = frame.t(BADGES[it.kind])
        text = ""
        match it.kind:
            case MarkKind.MOVED:
                text = frame.t(mark("原 %(when)s"), when=self._when(it.at, it.day))
            case MarkKind.AWAY:
                text = frame.t(mark("调至 %(when)s"), when=self._when(it.at, it.day))
            case MarkKind.SUBSTITUTE:
                name = self._names.teacher(it.teacher) if it.teacher is not None else ""
                text = frame.t(mark("代课，原 %(teacher)s"), teacher=name)
            case MarkKind.MAKE_UP:
                text = make_up_text(frame, it.weekday, it.week)
        # What a make-up day follows stands at its head.
        return Badge(letter, text, told=it.kind is not MarkKind.MAKE_UP)

    def _when(self, at: datetime | None, day: date | None) -> str:
        if day is None:
            return self._frame.t(mark("别的时间"))
        text = self._frame.format.day(day)
        return f"{text} {self._frame.format.clock(at)}" if at is not None else text


def make_up_text(frame: Frame, weekday: int | None, week: int | None) -> str:
    """`补第 12 周周五的课`; a day of which nobody said what it follows says that."""
    if weekday is None:
        return frame.t(mark("调休上课，未说明补哪天"))
    day = weekday_name(frame, weekday)
    if week is None:
        return frame.t(mark("补%(day)s的课"), day=day)
    return frame.t(mark("补第 %(week)s 周%(day)s的课"), week=week, day=day)
