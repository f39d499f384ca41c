"""What a classroom's terminal is told about lessons; what it may do is in `commands`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from ..domain import lesson
from ..domain.documents import Document
from ..domain.floor import Floor
from ..domain.ids import ClassId, ClassroomId, OccurrenceId, SeatId
from ..domain.lesson import LessonRun, LessonState
from ..domain.messages import Command
from ..domain.room_messages import RoomMessage
from ..domain.roster import Roster
from ..domain.timetable import ChangeKind, Mode, Occurrence, Seat
from ..domain.wanted_rooms import WantedRooms, classrooms_of
from .commands import LessonCommands, Part, part_of
from .document_ports import DocumentStore
from .evidence_ports import FactStore
from .floor import FloorService
from .grants import TOKEN_AFTER, TOKEN_BEFORE, Grants
from .lessons import Presence, unknown_lesson
from .life import LessonLife, room_free_until, seats_gone
from .media_watch import MediaWatch
from .plan_ports import TimetableStore
from .ports import Bus, LessonStore
from .rooms import Rooms, breathe, wall
from .roster import RosterService
from .services import Clock
from .turns import WeekTurns

# No lesson is longer: what began earlier than this is over.
LONGEST: Final = timedelta(days=1)

# Messages of rooms that the host is shown; all of them are on the lesson's page.
MESSAGES_TOLD: Final = 20

_BEFORE_END: Final = frozenset({LessonState.PLANNED, LessonState.OPEN, LessonState.LIVE})


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of a lesson, and what: `seats` are without those that were withdrawn or left."""

    host: ClassroomId
    seats: tuple[ClassroomId, ...]
    state: Callable[..., dict[str, Any]]
    """`state(for_host=…)` is the `lesson` message."""


@dataclass(frozen=True, slots=True)
class _Extra:
    """Turns earlier in the week and the latest messages, for the host alone; documents."""

    week: Mapping[SeatId, int]
    said: Sequence[RoomMessage]
    documents: Sequence[Document]


class DeskStore(TimetableStore, LessonStore, FactStore, DocumentStore, Protocol):
    """Plan, runs, floors, facts and documents."""


class LessonDesk:
    """One terminal's side of the lessons: plan, live state, commands, tokens."""

    def __init__(
        self,
        store: DeskStore,
        bus: Bus,
        life: LessonLife,
        floor: FloorService,
        commands: LessonCommands,
        grants: Grants,
        *,
        roster: RosterService,
        rooms: Rooms,
        presence: Presence,
        media: MediaWatch,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._bus = bus
        self._life = life
        self._floor = floor
        self._commands = commands
        self._grants = grants
        self._roster = roster
        self._rooms = rooms
        self._presence = presence
        self._media = media
        self._clock = clock
        self._zone = zone
        self._turns = WeekTurns(store, zone)

    async def plan_for(self, classroom: ClassroomId) -> list[dict[str, Any]]:
        """The `lessons` of the `plan` message: today's lessons of this classroom, by start."""
        return (await self.plans_for([classroom]))[classroom]

    async def plans_for(
        self, classrooms: Collection[ClassroomId]
    ) -> dict[ClassroomId, list[dict[str, Any]]]:
        """As `plan_for` for many classrooms: the day is read once for all of them.

        Today is the civil day in the programme's zone, with whatever still runs over from
        yesterday and whatever its tokens are valid for already.
        """
        now = self._clock()
        today = now.astimezone(self._zone).date()
        begins = datetime.combine(today, time(), self._zone)
        ends = datetime.combine(today + timedelta(days=1), time(), self._zone)
        from_at, to_at = min(begins, now - TOKEN_AFTER), max(ends, now + TOKEN_BEFORE)
        booked = await self._store.bookings_between(from_at - LONGEST, to_at, classrooms)
        occurrences = [o for o in booked if o.ends_at > from_at and o.mode is Mode.LIVE]
        runs = await self._store.runs_of([o.id for o in occurrences])
        around = await self._life.around([o for o in occurrences if _overtime(o, runs, now)])
        roster = self._roster.current()
        told: dict[ClassroomId, list[dict[str, Any]]] = {room: [] for room in classrooms}
        for turn, o in enumerate(occurrences):
            run = runs.get(o.id) or LessonRun(o.id)
            gone = seats_gone(run, o, around, self._life.rules, now)
            for room in {o.host.classroom, *(s.classroom for s in o.seats)} & told.keys():
                part = part_of(room, o)
                assert part is not None  # it is one of its rooms
                left = part.seat is not None and part.seat.id in gone
                told[room].append(self._lesson(part, run, roster, left=left))
            await breathe(turn)
        return told

    async def live_state(self, occurrence: OccurrenceId, *, for_host: bool) -> dict[str, Any]:
        """The `lesson` message of one lesson; ProblemError if there is no such lesson."""
        told = (await self.live_states([occurrence])).get(occurrence)
        if told is None:
            raise unknown_lesson(occurrence)
        return told.state(for_host=for_host)

    async def live_states(
        self, lessons: Iterable[OccurrenceId], *, rooms: frozenset[ClassroomId] | None = None
    ) -> dict[OccurrenceId, Told]:
        """What is told of these lessons and to whom: read once for all of them.

        Without unknown ids and, with `rooms`, without those in which none of these takes part.
        """
        found = await self._store.occurrences_of(lessons)
        planned = {i: o for i, o in found.items() if o.mode is Mode.LIVE}
        if rooms is not None:
            planned = {o.id: o for o in planned.values() if not rooms.isdisjoint(classrooms_of(o))}
        runs = await self._store.runs_of(planned)
        floors = await self._store.floors_of(planned)
        around = await self._life.around([o for o in planned.values() if _may_run_on(o, runs)])
        begun = [
            o for o in planned.values() if lesson.wants_room(runs.get(o.id) or LessonRun(o.id))
        ]
        week = await self._turns.before(begun)
        said = await self._store.latest_messages([o.id for o in begun], MESSAGES_TOLD)
        documents = await self._store.documents_of([o.id for o in begun])
        now = self._clock()
        told: dict[OccurrenceId, Told] = {}
        for turn, o in enumerate(planned.values()):
            run = runs.get(o.id) or LessonRun(o.id)
            gone = seats_gone(run, o, around, self._life.rules, now)
            seats = tuple(s.classroom for s in o.active_seats if s.id not in gone)
            floor = floors.get(o.id) or Floor(o.id)
            extra = _Extra(week.get(o.id) or {}, said.get(o.id) or (), documents.get(o.id) or ())
            state = partial(self._state, o, run, floor, around, extra)
            told[o.id] = Told(o.host.classroom, seats, state)
            await breathe(turn)
        return told

    def _state(
        self,
        planned: Occurrence,
        run: LessonRun,
        floor: Floor,
        around: WantedRooms,
        extra: _Extra,
        *,
        for_host: bool,
    ) -> dict[str, Any]:
        free_until = room_free_until(planned, around)
        rules, occurrence = self._life.rules, planned.id
        state: dict[str, Any] = {
            "type": "lesson",
            "id": occurrence,
            "state": run.state.value,
            "opened_at": self._instant(run.opened_at),
            "live_at": self._instant(run.live_at),
            "ends_at": self._instant(lesson.effective_end(run, planned, rules, free_until)),
            "extended_s": run.extended_s,
            "latest_end_at": self._instant(lesson.latest_end(run, planned, rules, free_until)),
            "can_extend": lesson.can_extend(run, planned, rules, free_until),
            "host_media": self._media.host_flowing(occurrence) is True,
            "called_on": floor.called_on,
            "called_room": self._room_of(planned, floor.called_on),
            "muted": floor.muted,
            "quiet": floor.quiet,
            "question": self._question(floor),
            "page": _page(floor, extra.documents),
            "hands": [{"seat": h.seat, "at": self._instant(h.at)} for h in floor.hands],
            "seats": self._seat_states(planned, floor),
        }
        if for_host:
            state["wall"] = list(wall(planned, floor, self._rooms.online(planned)))
            state["lines"] = self._lines(planned)
            state["turns"] = dict(floor.turns)
            state["week_turns"] = dict(extra.week)
            state["messages"] = [
                {"id": m.id, "seat": m.seat, "at": self._instant(m.at), "text": m.text}
                for m in extra.said
            ]
            state["documents"] = [_document(d, self._clock()) for d in extra.documents]
        return state

    def _question(self, floor: Floor) -> dict[str, Any] | None:
        """The last question; rooms show it while it is open or its result is shown."""
        if not floor.questions:
            return None
        asked = floor.questions[-1]
        return {
            "number": asked.number,
            "text": asked.text,
            "options": list(asked.options),
            "asked_at": self._instant(asked.asked_at),
            "closed_at": self._instant(asked.closed_at),
            "shown": asked.shown,
            "answers": {seat: list(counts) for seat, counts in asked.answers.items()},
        }

    def _room_of(self, occurrence: Occurrence, seat: SeatId | None) -> dict[str, str] | None:
        """Names of the room that has the floor, which every room is shown."""
        found = next((s for s in occurrence.seats if s.id == seat), None)
        if found is None:
            return None
        roster = self._roster.current()
        classroom = roster.classrooms[found.classroom]
        return {"school": roster.schools[classroom.school].name, "classroom": classroom.name}

    async def classrooms_of(
        self, occurrence: OccurrenceId
    ) -> tuple[ClassroomId, tuple[ClassroomId, ...]]:
        """Host classroom and the classrooms of the seats: who must be told of a change.

        Without the seats that were withdrawn or have left for their next lesson.
        """
        told = (await self.live_states([occurrence])).get(occurrence)
        if told is None:
            raise unknown_lesson(occurrence)
        return told.host, told.seats

    async def dismiss(self, occurrence: Occurrence, seat: Seat) -> None:
        """For this seat alone the lesson is over: its classroom's next one is due."""
        await self._floor.withdraw(occurrence, seat.id)
        state = await self.live_state(occurrence.id, for_host=False)
        message = {**state, "state": LessonState.ENDED.value}
        await self._bus.publish("terminal", {"classroom": seat.classroom, "message": message})
        await self._bus.publish("plan", {"type": "changed"})

    async def check_grants(self, classroom: ClassroomId) -> dict[str, Any]:
        """Grants for the self-check room, where a terminal hears and sees itself; 2 minutes."""
        return self._grants.of_check(classroom)

    async def handle(self, classroom: ClassroomId, command: Command) -> None:
        """Do what the terminal asks, once per command id; see `LessonCommands.handle`."""
        await self._commands.handle(classroom, command)

    def _lesson(self, part: Part, run: LessonRun, roster: Roster, *, left: bool) -> dict[str, Any]:
        o, seat = part.occurrence, part.seat
        withdrawn = o.withdrawn if seat is None else o.seat_withdrawn(seat.id)
        state = run.state
        if state in _BEFORE_END and (withdrawn or left):
            state = LessonState.CANCELLED if withdrawn else LessonState.ENDED
        lesson_: dict[str, Any] = {
            "id": o.id,
            "title": o.title,
            "subject": o.subject,
            "grade": o.grade,
            "starts_at": self._instant(o.starts_at),
            "ends_at": self._instant(o.ends_at),
            "state": state.value,
            "role": "host" if seat is None else "remote",
            "host": {
                "school": roster.schools[o.host.school].name,
                "classroom": roster.classrooms[o.host.classroom].name,
                "teacher": roster.teachers[o.host.teacher].name,
                "class": _class_name(o.host.school_class, roster),
            },
            "seat": None if seat is None else _seat(seat, roster),
            "change": _change(part),
        }
        if seat is None:
            lesson_["seats"] = [_seat(s, roster, place=True) for s in o.active_seats]
        if not withdrawn and not left:
            lesson_["grants"] = (
                self._grants.of_host(o) if seat is None else self._grants.of_seat(o, seat)
            )
        return lesson_

    def _seat_states(self, planned: Occurrence, floor: Floor) -> list[dict[str, Any]]:
        online = self._rooms.online(planned)
        states = []
        for seat in planned.active_seats:
            line = self._presence.line_of(seat.classroom)
            states.append(
                {
                    "id": seat.id,
                    "online": seat.id in online,
                    "receiving": self._media.receiving(planned.id, seat.id),
                    "line": None if line is None else line.state,
                    "present": floor.present.get(seat.id),
                }
            )
        return states

    def _lines(self, planned: Occurrence) -> dict[SeatId, dict[str, Any]]:
        """Why a seat's line is as it is, of those whose terminal said something of late."""
        found = {s.id: self._presence.line_of(s.classroom) for s in planned.active_seats}
        return {
            seat: {
                "loss": None if line.loss is None else round(line.loss, 2),
                "path": line.path,
            }
            for seat, line in found.items()
            if line is not None
        }

    def _instant(self, at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(self._zone).isoformat()


def _page(floor: Floor, documents: Sequence[Document]) -> dict[str, Any] | None:
    """The page all rooms are shown; a document that was removed is shown no more."""
    shown = floor.page
    document = next((d for d in documents if shown and d.id == shown.document), None)
    if shown is None or document is None or shown.page > len(document.pages):
        return None
    size = document.pages[shown.page - 1]
    return {
        "document": document.id,
        "name": document.name,
        "page": shown.page,
        "pages": len(document.pages),
        "width": size.width,
        "height": size.height,
    }


def _document(document: Document, now: datetime) -> dict[str, Any]:
    problem = document.problem(now)
    return {
        "id": document.id,
        "name": document.name,
        "pages": len(document.pages),
        "problem": None if problem is None else {"zh": problem.zh, "en": problem.en},
    }


def _overtime(
    occurrence: Occurrence, runs: Mapping[OccurrenceId, LessonRun], now: datetime
) -> bool:
    """Whether seats may have to leave: it runs on past its planned end."""
    run = runs.get(occurrence.id)
    return run is not None and run.state is LessonState.LIVE and occurrence.ends_at <= now


def _may_run_on(occurrence: Occurrence, runs: Mapping[OccurrenceId, LessonRun]) -> bool:
    """Whether it matters when its rooms are next wanted."""
    run = runs.get(occurrence.id)
    return run is not None and (run.state is LessonState.LIVE or run.extended_s > 0)


def _seat(seat: Seat, roster: Roster, *, place: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": seat.id}
    if place:
        classroom = roster.classrooms[seat.classroom]
        shown["school"] = roster.schools[classroom.school].name
        shown["classroom"] = classroom.name
    shown["class"] = _class_name(seat.school_class, roster)
    shown["expected"] = seat.expected
    return shown


def _class_name(school_class: str | None, roster: Roster) -> str | None:
    found = roster.classes.get(ClassId(school_class)) if school_class is not None else None
    return None if found is None else found.name


def _change(part: Part) -> Mapping[str, str] | None:
    """The change that concerns this classroom, the latest if several do."""
    for change in reversed(part.occurrence.changes):
        mine = part.seat is not None and change.seat == part.seat.id
        if change.kind is not ChangeKind.SEAT_CANCELLED or mine:
            return {"kind": change.kind.value, "reason": change.reason}
    return None
