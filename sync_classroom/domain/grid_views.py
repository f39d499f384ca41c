"""Through whose eyes a timetable is seen: a class, teacher, classroom, school, or host school."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .ids import ClassId, ClassroomId, SchoolId, TeacherId
from .roster import Roster, SchoolRole
from .series import Series, SeriesSeat
from .timetable import Occurrence, Seat


class ViewKind(StrEnum):
    """按班级, 按教师, 按教室, 按学校, 按主讲校."""

    CLASS = "class"
    TEACHER = "teacher"
    CLASSROOM = "classroom"
    SCHOOL = "school"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class View:
    """Whose timetable; `id` is of the roster's table that `kind` names."""

    kind: ViewKind
    id: str


@dataclass(frozen=True, slots=True)
class Audience:
    """A remote classroom that listens, with its class if known; `withdrawn`: it does not."""

    classroom: ClassroomId
    school_class: ClassId | None = None
    withdrawn: bool = False


def parse_view(kind: str, ident: str, roster: Roster) -> View | None:
    """The view somebody asks for, or None if there is nothing of that kind and id."""
    try:
        view = View(ViewKind(kind), ident)
    except ValueError:
        return None
    return view if ident in _table(view.kind, roster) else None


def school_of(view: View, roster: Roster) -> SchoolId:
    """The school whose days and bells the view has; KeyError for an id that is not there."""
    match view.kind:
        case ViewKind.CLASS:
            return roster.classes[ClassId(view.id)].school
        case ViewKind.TEACHER:
            return roster.teachers[TeacherId(view.id)].school
        case ViewKind.CLASSROOM:
            return roster.classrooms[ClassroomId(view.id)].school
        case ViewKind.SCHOOL | ViewKind.HOST:
            return roster.schools[SchoolId(view.id)].id


def audience_of(
    view: View, lesson: Occurrence | Series, roster: Roster
) -> tuple[Audience, ...] | None:
    """The seats of a lesson that the view is about, None if the lesson is none of its business.

    Whoever gives a lesson sees every seat; whoever receives it sees its own.
    """
    if _gives(view, lesson):
        return _audience(lesson, lesson.seats)
    mine: Sequence[Seat | SeriesSeat] = ()
    match view.kind:
        case ViewKind.CLASS:
            mine = [s for s in lesson.seats if s.school_class == view.id]
        case ViewKind.CLASSROOM:
            mine = [s for s in lesson.seats if s.classroom == view.id]
        case ViewKind.SCHOOL:
            rooms = roster.classrooms
            mine = [s for s in lesson.seats if rooms[s.classroom].school == view.id]
        case ViewKind.TEACHER:
            mine = [s for s in lesson.seats if s.assistant == view.id]
            if not mine and isinstance(lesson, Occurrence) and view.id in lesson.participants:
                return _audience(lesson, lesson.seats)
        case ViewKind.HOST:
            pass
    return _audience(lesson, mine) or None


def _gives(view: View, lesson: Occurrence | Series) -> bool:
    host = lesson.host
    match view.kind:
        case ViewKind.CLASS:
            return host.school_class == view.id
        case ViewKind.TEACHER:
            return host.teacher == view.id
        case ViewKind.CLASSROOM:
            return host.classroom == view.id
        case ViewKind.SCHOOL | ViewKind.HOST:
            return host.school == view.id


def _audience(
    lesson: Occurrence | Series, seats: Sequence[Seat | SeriesSeat]
) -> tuple[Audience, ...]:
    if isinstance(lesson, Series) or not lesson.changes:
        return tuple(Audience(s.classroom, s.school_class) for s in seats)
    return tuple(
        Audience(s.classroom, s.school_class, isinstance(s, Seat) and lesson.seat_withdrawn(s.id))
        for s in seats
    )


def _table(kind: ViewKind, roster: Roster) -> Iterable[str]:
    match kind:
        case ViewKind.CLASS:
            return roster.classes
        case ViewKind.TEACHER:
            return roster.teachers
        case ViewKind.CLASSROOM:
            return roster.classrooms
        case ViewKind.SCHOOL:
            return roster.schools
        case ViewKind.HOST:
            return [s.id for s in roster.schools.values() if s.role is SchoolRole.HOST]
