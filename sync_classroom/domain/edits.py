"""What a person may ask of a draft, as values. `edit.decide` turns each into a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from .ids import ClassId, ClassroomId, OccurrenceId, SeatId, SeriesId, TeacherId
from .series import Series, SeriesSeat


@dataclass(frozen=True, slots=True)
class Place:
    """Where in time: a date and a period of the host's bell set, or clock times instead.

    Exactly one of `period` and (`starts_at`, `ends_at`, both aware) is given; with `period` the
    lesson keeps its `span`. `classroom` is the host classroom, None as before.
    """

    date: date
    period: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    classroom: ClassroomId | None = None


@dataclass(frozen=True, slots=True)
class AddSeries:
    """A new weekly rule; its id is chosen by the editor so that a repeat is the same one."""

    series: Series


@dataclass(frozen=True, slots=True)
class ChangeSeries:
    """The rule is now this one, for its dates from `since` on (None: from now on).

    Lessons that have begun are never touched, lessons edited by themselves are passed over. With a
    `since` in the middle the old rule ends the day before and the new one goes on under a new id.
    """

    series: Series
    since: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RemoveSeries:
    """The rule ends: published lessons to come are cancelled, unpublished ones go."""

    series: SeriesId
    reason: str
    excused: bool = True


@dataclass(frozen=True, slots=True)
class AddLesson:
    """One lesson outside any series. `place.classroom` is needed; `span` goes with its period."""

    title: str
    subject: str
    teacher: TeacherId
    place: Place
    seats: tuple[SeriesSeat, ...]
    periods: int = 1
    grade: int | None = None
    school_class: ClassId | None = None
    span: int = 1


@dataclass(frozen=True, slots=True)
class MoveLesson:
    """One lesson elsewhere (调课); published ones are linked at both ends."""

    lesson: OccurrenceId
    place: Place
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapLessons:
    """Two lessons that count for the same periods take each other's times.

    Each keeps its room and people.
    """

    first: OccurrenceId
    second: OccurrenceId
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelLesson:
    """One lesson does not take place (停课)."""

    lesson: OccurrenceId
    reason: str
    excused: bool = True


@dataclass(frozen=True, slots=True)
class RestoreLesson:
    """A cancelled or moved lesson takes place after all, where it was first planned."""

    lesson: OccurrenceId


@dataclass(frozen=True, slots=True)
class Substitute:
    """Another teacher gives one lesson (代课)."""

    lesson: OccurrenceId
    teacher: TeacherId
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeLesson:
    """Particulars of one lesson; None leaves a field as it is."""

    lesson: OccurrenceId
    title: str | None = None
    subject: str | None = None
    grade: int | None = None
    periods: int | None = None
    school_class: ClassId | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AddSeat:
    """One more remote classroom for one lesson."""

    lesson: OccurrenceId
    seat: SeriesSeat


@dataclass(frozen=True, slots=True)
class ChangeSeat:
    """Class, expected head count and assistant of one seat become as given, None too."""

    lesson: OccurrenceId
    seat: SeatId
    school_class: ClassId | None = None
    expected: int | None = None
    assistant: TeacherId | None = None


@dataclass(frozen=True, slots=True)
class DropSeat:
    """One remote classroom less; withdrawn if the lesson was published with it, else gone."""

    lesson: OccurrenceId
    seat: SeatId
    reason: str
    excused: bool = True


@dataclass(frozen=True, slots=True)
class RestoreSeat:
    """A withdrawn seat takes part after all."""

    lesson: OccurrenceId
    seat: SeatId


@dataclass(frozen=True, slots=True)
class FollowCalendar:
    """Every rule of the term is expanded anew after the calendar or a bell set changed.

    Lessons edited by themselves are passed over. `reason` is what the lessons that fall out are
    cancelled or moved with where the calendar gives none.
    """

    reason: str = ""


@dataclass(frozen=True, slots=True)
class DropOvertaken:
    """What comes too late is taken out of the draft: see `working_copy.overtaken`.

    Lessons that have begun stand as they are published, with what else the draft made of them;
    new ones whose time is past go, and what they were moved from takes place where it is published.
    """


Command = (
    AddSeries
    | ChangeSeries
    | RemoveSeries
    | AddLesson
    | MoveLesson
    | SwapLessons
    | CancelLesson
    | RestoreLesson
    | Substitute
    | ChangeLesson
    | AddSeat
    | ChangeSeat
    | DropSeat
    | RestoreSeat
    | FollowCalendar
    | DropOvertaken
)
