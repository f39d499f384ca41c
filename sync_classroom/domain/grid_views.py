"""Through whose eyes a timetable is seen: a class, teacher, classroom, school, or host school."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .ids import ClassId, ClassroomId, SchoolId, TeacherId
from .roster import Roster, SchoolRole
from .series import Series
from .timetable import Occurrence


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
    seats = _seats(lesson)
    if _gives(view, lesson):
        return seats
    mine: tuple[Audience, ...] = ()
    match view.kind:
        case ViewKind.CLASS:
            mine = tuple(s for s in seats if s.school_class == view.id)
        case ViewKind.CLASSROOM:
            mine = tuple(s for s in seats if s.classroom == view.id)
        case ViewKind.SCHOOL:
            mine = tuple(s for s in seats if roster.classrooms[s.classroom].school == view.id)
        case ViewKind.TEACHER:
            helped = {s.classroom for s in lesson.seats if s.assistant == view.id}
            mine = tuple(s for s in seats if s.classroom in helped)
            if not mine and isinstance(lesson, Occurrence) and view.id in lesson.participants:
                return seats
        case ViewKind.HOST:
            pass
    return mine or None


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


def _seats(lesson: Occurrence | Series) -> tuple[Audience, ...]:
    if isinstance(lesson, Series):
        return tuple(Audience(s.classroom, s.school_class) for s in lesson.seats)
    return tuple(
        Audience(s.classroom, s.school_class, lesson.seat_withdrawn(s.id)) for s in lesson.seats
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
