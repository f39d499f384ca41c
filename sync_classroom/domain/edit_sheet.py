"""What an edit writes on: the working copy, with what the edit has changed so far laid over it.

Here stand the acts every command is made of: cancel, move, restore, change a lesson. What is
published is never taken away, only withdrawn by a change record; what is not yet published is
changed as if it had been planned so from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone, tzinfo

from .bookable import check_seats, check_times, host_of
from .calendar import Calendar
from .ids import ClassroomId, OccurrenceId, SeatId, SeriesId, TermId
from .problems import ProblemError, ProblemKind
from .roster import Roster
from .series import Expander, Series, SeriesSeat, seat_id, seats_of
from .timetable import Change, ChangeKind, Occurrence, Seat
from .working_copy import Images, WorkingCopy, moved_to

_WHOLE = (ChangeKind.CANCELLED, ChangeKind.MOVED)


@dataclass(frozen=True, slots=True)
class EditDesk:
    """Who edits, when, and by which roster and calendar.

    `now` is aware; `zone` the programme's. `new_id` gives a text that no id has had before, of
    letters and digits. `term` is the term the draft is for; None lets every date be.
    """

    roster: Roster
    calendar: Calendar
    zone: tzinfo
    now: datetime
    by: str
    new_id: Callable[[], str]
    term: TermId | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What an edit found and what it leaves, for the same ids; both empty if it changes nothing."""

    before: Images
    after: Images

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.after.occurrences or self.after.series)


class Sheet:
    """One edit while it is being decided; the working copy itself stays as it is."""

    def __init__(self, copy: WorkingCopy, desk: EditDesk) -> None:
        self.copy = copy
        self.desk = desk
        self.expander = Expander(desk.calendar, desk.zone)
        self._occurrences: dict[OccurrenceId, Occurrence | None] = {}
        self._series: dict[SeriesId, Series | None] = {}
        self._of_series: dict[SeriesId, set[OccurrenceId]] = {}

    def decision(self) -> Decision:
        """What has been changed, with how it was before."""
        before = self.copy.images(self._occurrences, self._series)
        lessons = {i for i, o in self._occurrences.items() if o != before.occurrences[i]}
        series = {i for i, s in self._series.items() if s != before.series[i]}
        return Decision(
            self.copy.images(sorted(lessons), sorted(series)),
            Images(
                {i: self._occurrences[i] for i in sorted(lessons)},
                {i: self._series[i] for i in sorted(series)},
            ),
        )

    def find(self, ident: OccurrenceId | None) -> Occurrence | None:
        """The occurrence as it stands on this sheet."""
        if ident is None:
            return None
        return self._occurrences.get(ident, self.copy.occurrences.get(ident))

    def find_series(self, ident: SeriesId) -> Series | None:
        """The series as it stands on this sheet."""
        return self._series.get(ident, self.copy.series.get(ident))

    def all_series(self) -> list[Series]:
        """Every rule as it stands on this sheet, by id."""
        idents = sorted({*self.copy.series, *self._series})
        return [s for i in idents if (s := self.find_series(i)) is not None]

    def of_series(self, series: SeriesId) -> list[Occurrence]:
        """The lessons that stand for a date of this rule on this sheet, by slot."""
        idents = {o.id for o in self.copy.of_series(series)} | self._of_series.get(series, set())
        lessons = [o for i in idents if (o := self.find(i)) is not None]
        return sorted(
            (o for o in lessons if o.slot is not None and o.slot.series == series),
            key=lambda o: (o.slot.date if o.slot else o.date, o.id),
        )

    def begun(self, occurrence: Occurrence) -> bool:
        """Whether it is published and its time has come: then nothing of it may change."""
        published = self.copy.published(occurrence.id)
        return published is not None and published.starts_at <= self.desk.now

    def known(self, ident: OccurrenceId, field: str = "lesson") -> Occurrence:
        """A lesson that may still be changed, withdrawn or not. ProblemError if it may not."""
        found = self.find(ident)
        if found is None:
            raise ProblemError(
                "unknown_lesson",
                f"没有课次“{ident[:100]}”，它可能已被移除。请刷新课表。",
                f"There is no lesson {ident[:100]!r}; it may have been removed. Reload the"
                " timetable.",
                kind=ProblemKind.NOT_FOUND,
                field=field,
                value=ident[:100],
            )
        if self.begun(found):
            raise ProblemError(
                "lesson_begun",
                f"课次 {ident} 已经开始，不能再改。证据有误时，请添加更正记录。",
                f"Lesson {ident} has begun and cannot be changed any more. If evidence is wrong,"
                " add an adjustment.",
                kind=ProblemKind.CONFLICT,
                field=field,
                value=ident,
            )
        return found

    def standing(self, ident: OccurrenceId, field: str = "lesson") -> Occurrence:
        """A lesson that takes place and may still be changed. ProblemError if not."""
        found = self.known(ident, field)
        to = moved_to(found)
        if to is not None:
            raise ProblemError(
                "lesson_moved",
                f"课次 {ident} 已调到 {to}。请改那一次，或先恢复这一次。",
                f"Lesson {ident} has moved to {to}. Change that one, or restore this one first.",
                kind=ProblemKind.CONFLICT,
                field=field,
                value=ident,
            )
        if found.withdrawn:
            raise ProblemError(
                "lesson_cancelled",
                f"课次 {ident} 已停课。请先恢复。",
                f"Lesson {ident} is cancelled. Restore it first.",
                kind=ProblemKind.CONFLICT,
                field=field,
                value=ident,
            )
        return found

    def put(self, occurrence: Occurrence) -> None:
        """It is now so. What is as published again but for `own`, is as published again."""
        published = self.copy.published(occurrence.id)
        for known in (published, self.copy.occurrences.get(occurrence.id)):
            if known == occurrence or (known and _unstamped(known) == _unstamped(occurrence)):
                self._set(known)
                return
        if published is not None and _owned(occurrence, own=False) == _owned(published, own=False):
            occurrence = published
        self._set(occurrence)

    def as_published(self, occurrence: Occurrence) -> None:
        """It is as published again; only of what is published."""
        published = self.copy.published(occurrence.id)
        assert published is not None
        self._set(published)

    def drop(self, ident: OccurrenceId) -> None:
        """An unpublished lesson goes as if it had never been."""
        assert self.copy.published(ident) is None, "what is published is withdrawn, not dropped"
        self._occurrences[ident] = None

    def put_series(self, ident: SeriesId, series: Series | None) -> None:
        """The rule is now this one; None: there is none."""
        self._series[ident] = series

    def free(self, ident: OccurrenceId) -> bool:
        """Whether no lesson has or had this id, but for one this very edit took out."""
        return self.find(ident) is None and self.copy.published(ident) is None

    def lesson_id(self, on: date) -> OccurrenceId:
        """An id that no lesson has had."""
        return OccurrenceId(f"o-{on:%Y%m%d}-{self.desk.new_id()}")

    def edited(self, occurrence: Occurrence) -> None:
        """It is now so, by an edit of its own: its series passes it over from now on."""
        self.put(_owned(occurrence, own=True))

    def cancel(self, occurrence: Occurrence, reason: str, *, excused: bool, own: bool) -> None:
        """It does not take place. What was never published goes; if it was moved from a published
        lesson, it is that one which is cancelled."""
        if self.copy.published(occurrence.id) is None:
            self.drop(occurrence.id)
            origin = self.find(occurrence.moved_from)
            if origin is None:
                return
            if self.begun(origin):
                # The move never came about in time: the lesson was held where it is published.
                self.as_published(origin)
                return
            occurrence = _of_rule(origin, occurrence)
        change = Change(ChangeKind.CANCELLED, self.desk.now, self.desk.by, reason, excused)
        withdrawn = _withdrawn(occurrence, change)
        self.put(_owned(withdrawn, own=True) if own else withdrawn)

    def move(
        self,
        occurrence: Occurrence,
        window: tuple[datetime, datetime],
        classroom: ClassroomId | None,
        reason: str,
    ) -> None:
        """It takes place then, in this host classroom (None: as before); checked for that date."""
        starts_at, ends_at = window
        host = replace(occurrence.host, classroom=classroom or occurrence.host.classroom)
        if (occurrence.starts_at, occurrence.ends_at) != window:
            check_times(starts_at, ends_at, self.desk.now)
        on = starts_at.astimezone(self.desk.zone).date()
        moved = replace(occurrence, date=on, starts_at=starts_at, ends_at=ends_at, host=host)
        self.check(moved)
        if (occurrence.starts_at, occurrence.ends_at) == window:
            if moved != occurrence:
                self.edited(moved)
        elif self.copy.published(occurrence.id) is not None:
            self.move_published(occurrence, replace(moved, id=self.lesson_id(on)), reason, own=True)
        elif not self._move_back(moved):
            self.edited(moved)

    def move_published(
        self, origin: Occurrence, new: Occurrence, reason: str, *, own: bool
    ) -> None:
        """`origin` is withdrawn in favour of `new`, whose id is its own already."""
        change = Change(ChangeKind.MOVED, self.desk.now, self.desk.by, reason, to=new.id)
        self.put(_withdrawn(origin, change))
        seats = seats_of(new.id, map(asked, new.active_seats))
        self.put(_owned(replace(new, seats=seats, changes=(), moved_from=origin.id), own=own))

    def check(self, occurrence: Occurrence) -> None:
        """Whether it could be booked so: its people and rooms fit, its date lies in the term."""
        desk, host = self.desk, occurrence.host
        host_of(desk.roster, host.classroom, host.teacher, host.school_class, occurrence.date)
        check_seats(desk.roster, map(asked, occurrence.active_seats), occurrence.date)
        check_in_term(desk, occurrence.term or desk.term, occurrence.date)

    def restore(self, occurrence: Occurrence) -> None:
        """A withdrawn lesson takes place where it was first planned; what it had become ends."""
        if not occurrence.withdrawn:
            raise ProblemError(
                "lesson_stands",
                f"课次 {occurrence.id} 没有停课或调走，不需要恢复。",
                f"Lesson {occurrence.id} is neither cancelled nor moved; there is nothing to"
                " restore.",
                kind=ProblemKind.CONFLICT,
                field="lesson",
                value=occurrence.id,
            )
        heir = self._call_back(occurrence)
        back = replace(
            _of_rule(occurrence, heir),
            changes=tuple(c for c in occurrence.changes if c.kind not in _WHOLE),
        )
        self.check(back)
        self.edited(back)

    def _call_back(self, occurrence: Occurrence) -> Occurrence:
        """Take back every lesson that `occurrence` has become by moves; the last of them."""
        heir = occurrence
        seen = {occurrence.id}
        to = moved_to(occurrence)
        while to not in seen and (later := self.find(to)) is not None:
            seen.add(later.id)
            heir, to = later, moved_to(later)
            if self.copy.published(later.id) is None:
                self.drop(later.id)
            elif self.begun(later):
                if not later.withdrawn:
                    raise ProblemError(
                        "lesson_begun",
                        f"课次 {occurrence.id} 调到的 {later.id} 已经开始，不能恢复。",
                        f"Lesson {later.id}, to which {occurrence.id} was moved, has begun; it"
                        " cannot be taken back.",
                        kind=ProblemKind.CONFLICT,
                        field="lesson",
                        value=occurrence.id,
                    )
            else:
                change = Change(ChangeKind.MOVED, self.desk.now, self.desk.by, "", to=occurrence.id)
                self.put(_withdrawn(later, change))
        return heir

    def _move_back(self, moved: Occurrence) -> bool:
        """Whether `moved`, unpublished, is back at its origin's time and so is that one again."""
        origin = self.find(moved.moved_from)
        if (
            origin is None
            or self.begun(origin)
            or (origin.starts_at, origin.ends_at) != (moved.starts_at, moved.ends_at)
        ):
            return False
        self.drop(moved.id)
        back = replace(
            _of_rule(origin, moved),
            changes=tuple(c for c in origin.changes if c.kind not in _WHOLE),
        )
        self.edited(self.as_if(back, moved, ""))
        return True

    def as_if(self, occurrence: Occurrence, wanted: Occurrence, reason: str) -> Occurrence:
        """`occurrence` with the particulars, people and seats of `wanted`, under its own ids."""
        changed = replace(
            occurrence,
            title=wanted.title,
            subject=wanted.subject,
            grade=wanted.grade,
            periods=wanted.periods,
            host=wanted.host,
            participants=wanted.participants,
        )
        return self._reseated(changed, list(map(asked, wanted.active_seats)), reason)

    def _reseated(
        self, occurrence: Occurrence, wanted: list[SeriesSeat], reason: str
    ) -> Occurrence:
        by_room = {s.classroom: s for s in wanted}
        for seat in occurrence.seats:
            if seat.classroom in by_room:
                occurrence = changed_seat(occurrence, seat, by_room.pop(seat.classroom))
            else:
                occurrence = self.without_seat(occurrence, seat.id, reason, excused=True)
        for each in wanted:
            if each.classroom in by_room:
                occurrence = with_seat(occurrence, each)
        return occurrence

    def without_seat(
        self, occurrence: Occurrence, seat: SeatId, reason: str, *, excused: bool
    ) -> Occurrence:
        """The lesson with one seat withdrawn, or without it if it was never published."""
        published = self.copy.published(occurrence.id)
        if published is None or all(s.id != seat for s in published.seats):
            return replace(occurrence, seats=tuple(s for s in occurrence.seats if s.id != seat))
        if any(c.seat == seat for c in occurrence.changes):
            return occurrence
        change = Change(
            ChangeKind.SEAT_CANCELLED, self.desk.now, self.desk.by, reason, excused, seat
        )
        return replace(occurrence, changes=(*occurrence.changes, change))

    def _set(self, occurrence: Occurrence) -> None:
        self._occurrences[occurrence.id] = occurrence
        if occurrence.slot is not None:
            self._of_series.setdefault(occurrence.slot.series, set()).add(occurrence.id)


def check_in_term(desk: EditDesk, term: TermId | None, on: date, field: str = "date") -> None:
    """The date lies in this term, if one is given."""
    known = None if term is None else desk.calendar.term(term)
    if known is not None and not known.first_day <= on <= known.last_day:
        raise ProblemError(
            "outside_term",
            f"{on} 不在{known.name}（{known.first_day} 至 {known.last_day}）之内。请换日期。",
            f"{on} is outside {known.name} ({known.first_day} to {known.last_day}). Choose"
            " another date.",
            field=field,
            value=on.isoformat(),
        )


def asked(seat: Seat) -> SeriesSeat:
    """A seat as one would ask for it."""
    return SeriesSeat(seat.classroom, seat.school_class, seat.expected, seat.assistant)


def with_seat(occurrence: Occurrence, seat: SeriesSeat) -> Occurrence:
    """The lesson with one seat more, under the next number none of its seats has."""
    taken = {s.id for s in occurrence.seats}
    number = len(taken) + 1
    while (ident := seat_id(occurrence.id, number)) in taken:
        number += 1
    new = Seat(ident, seat.classroom, seat.school_class, seat.expected, seat.assistant)
    return replace(occurrence, seats=(*occurrence.seats, new))


def changed_seat(occurrence: Occurrence, seat: Seat, wanted: SeriesSeat) -> Occurrence:
    """The lesson with this seat taking part, as wanted."""
    new = replace(
        seat,
        school_class=wanted.school_class,
        expected=wanted.expected,
        assistant=wanted.assistant,
    )
    return replace(
        occurrence,
        seats=tuple(new if s.id == seat.id else s for s in occurrence.seats),
        changes=tuple(c for c in occurrence.changes if c.seat != seat.id),
    )


def settled(at: datetime, zone: tzinfo) -> datetime:
    """The same moment in the zone's time with a fixed offset, so that it compares by the moment."""
    local = at.astimezone(zone)
    offset = local.utcoffset()
    assert offset is not None
    return local.replace(tzinfo=timezone(offset), fold=0)


def _of_rule(occurrence: Occurrence, heir: Occurrence) -> Occurrence:
    """The lesson under the rule of what it had become, which else would plan another instead."""
    if occurrence.slot is None or heir.slot is None:
        return occurrence
    return replace(occurrence, slot=replace(occurrence.slot, series=heir.slot.series))


def _withdrawn(occurrence: Occurrence, change: Change) -> Occurrence:
    kept = (c for c in occurrence.changes if c.kind not in _WHOLE)
    return replace(occurrence, changes=(*kept, change))


def _owned(occurrence: Occurrence, *, own: bool) -> Occurrence:
    if occurrence.slot is None or occurrence.slot.own == own:
        return occurrence
    return replace(occurrence, slot=replace(occurrence.slot, own=own))


def _unstamped(occurrence: Occurrence) -> tuple[Occurrence, Iterable[object]]:
    """What an occurrence says, whoever said it when."""
    changes = [(c.kind, c.seat, c.to, c.reason, c.excused) for c in occurrence.changes]
    return replace(occurrence, changes=()), changes
