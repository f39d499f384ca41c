"""Lessons on dates: made after every check, withdrawn with a reason, shown as they are now."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from ..domain import lesson
from ..domain.accounts import Terminal
from ..domain.bookable import reason_of
from ..domain.booking import NewLesson, SeatRequest, plan_lesson
from ..domain.floor import Floor
from ..domain.ids import ClassroomId, OccurrenceId, SeatId
from ..domain.lesson import LessonRules, LessonRun
from ..domain.plan_change import PlanMovedOnError
from ..domain.problems import ProblemError, ProblemKind
from ..domain.room_messages import RoomMessage
from ..domain.roster import Roster
from ..domain.timetable import Change, ChangeKind, Occurrence, Seat
from ..domain.wanted_rooms import WantedRooms
from ..domain.working_copy import Images
from .floor import FloorService
from .life import room_free_until
from .media_watch import MediaWatch
from .plan_ports import TimetableStore
from .plan_writer import PlanWriter
from .ports import LessonStore, PeerStatus
from .roster import RosterService
from .services import Clock
from .terminal_ports import TerminalStore
from .views import LessonView, SeatView

log = structlog.get_logger(__name__)

__all__ = ["LessonService", "Line", "NewLesson", "Presence", "SeatRequest"]

# Others may change the same lesson at the same moment, but not for ever.
WRITE_TRIES = 5
# A page asks for a week or a term; more than a school year is a slip of the pen.
MAX_DAYS = 400


class Line(Protocol):
    """A terminal's own view of its line, as the hub holds it."""

    @property
    def state(self) -> str:
        """`good`, `weak` or `reconnecting`."""
        ...

    @property
    def path(self) -> str:
        """How it reaches the relay, one of `messages.PATH_KINDS`."""
        ...

    @property
    def loss(self) -> float | None:
        """Fraction lost, 0…1, as of its last report."""
        ...


class Presence(Protocol):
    """Which terminals are connected, over all coordinators; `hub.TerminalHub` knows."""

    def online(self) -> frozenset[ClassroomId]:
        """Classrooms whose terminal is connected now."""
        ...

    def line_of(self, classroom: ClassroomId) -> Line | None:
        """The latest report of a connected terminal, or None."""
        ...


class LessonsStore(TimetableStore, LessonStore, TerminalStore, Protocol):
    """Plan, runs, floors and terminals."""


class LessonService:
    """Creates, cancels and shows lessons."""

    def __init__(
        self,
        store: LessonsStore,
        *,
        roster: RosterService,
        floor: FloorService,
        presence: Presence,
        media: MediaWatch,
        clock: Clock,
        zone: ZoneInfo,
        rules: LessonRules,
        writer: PlanWriter,
    ) -> None:
        self._store = store
        self._roster = roster
        self._floor = floor
        self._presence = presence
        self._media = media
        self._clock = clock
        self._zone = zone
        self._rules = rules
        self._writer = writer

    async def create(self, new: NewLesson, *, actor: str, key: str) -> Occurrence:
        """Plan a lesson; the same `key` returns the lesson made first.

        Raises ProblemError naming the field, its value and the remedy, or ClashError listing what
        is already taken; nothing is stored then.
        """
        roster = self._roster.current()
        occurrence = plan_lesson(
            new, roster, now=self._clock(), zone=self._zone, occurrence_id=_new_id
        )
        before, after = Images({occurrence.id: None}), Images({occurrence.id: occurrence})
        await self._writer.write(before, after, actor=actor, key=key)
        stored = await self._store.occurrence_by_key(key)
        assert stored is not None, "what was stored a moment ago cannot be gone: nothing is deleted"
        return stored

    async def cancel(
        self,
        occurrence: OccurrenceId,
        *,
        seat: SeatId | None = None,
        excused: bool,
        reason: str,
        actor: str,
        key: str,
    ) -> Occurrence:
        """Withdraw a lesson, or one seat of it. ProblemError if unknown, over or no reason.

        Withdrawing what is withdrawn already changes nothing.
        """
        reason = reason_of(reason)
        for _ in range(WRITE_TRIES):
            planned = await self._cancellable(occurrence, seat)
            if planned.seat_withdrawn(seat) if seat is not None else planned.withdrawn:
                return planned
            kind = ChangeKind.CANCELLED if seat is None else ChangeKind.SEAT_CANCELLED
            change = Change(kind, self._clock(), actor, reason, excused=excused, seat=seat)
            cancelled = replace(planned, changes=(*planned.changes, change))
            before, after = Images({occurrence: planned}), Images({occurrence: cancelled})
            try:
                await self._writer.write(before, after, actor=actor, key=key, reason=reason)
            except PlanMovedOnError:
                continue  # somebody else was first: look at what they left
            changed = await self._store.get_occurrence(occurrence)
            assert changed is not None, "nothing that is planned is ever deleted"
            if seat is not None:
                await self._floor.withdraw(changed, seat)
            return changed
        raise plan_busy()

    async def _cancellable(self, occurrence: OccurrenceId, seat: SeatId | None) -> Occurrence:
        planned = await self._store.get_occurrence(occurrence)
        if planned is None:
            raise unknown_lesson(occurrence)
        if seat is not None and all(s.id != seat for s in planned.seats):
            raise _unknown_seat(seat)
        run = await self._store.get_run(occurrence)
        if run is not None and run.state in lesson.OVER and not planned.withdrawn:
            raise ProblemError(
                "lesson_over",
                "课已结束，不能再取消。证据有误时，请添加更正记录。",
                "The lesson is over and cannot be cancelled. If evidence is wrong, add an"
                " adjustment.",
                kind=ProblemKind.CONFLICT,
                field="lesson",
                value=occurrence,
            )
        return planned

    async def list_views(self, first: date, last: date) -> list[LessonView]:
        """Lessons whose date lies in `[first, last]`, by start then id."""
        check_period(first, last)
        return await self.views_of(await self._store.occurrences_on(first, last))

    async def view(self, occurrence: OccurrenceId) -> LessonView | None:
        """One lesson as it is now, or None."""
        planned = await self._store.get_occurrence(occurrence)
        return None if planned is None else (await self.views_of([planned]))[0]

    async def views_of(self, occurrences: Sequence[Occurrence]) -> list[LessonView]:
        """Views of occurrences already at hand, in their order.

        One query for all runs and one for all terminals; floors only of lessons that have begun.
        """
        runs = await self._store.runs_of([o.id for o in occurrences])
        terminals = {t.classroom: t for t in await self._store.terminals()}
        around = await self._around([o for o in occurrences if _extended(runs.get(o.id))])
        views = []
        floors = await self._store.floors_of(
            o for o, run in runs.items() if run.opened_at is not None
        )
        for occurrence in occurrences:
            run = runs.get(occurrence.id) or LessonRun(occurrence.id)
            floor = floors.get(occurrence.id) or Floor(occurrence.id)
            views.append(self._view(occurrence, run, floor, terminals, around))
        return views

    async def messages(self, occurrence: OccurrenceId) -> Sequence[RoomMessage]:
        """What the rooms of a lesson wrote to the teacher, oldest first."""
        return await self._store.messages_of(occurrence)

    async def unfinished(self, occurrences: Iterable[Occurrence]) -> frozenset[OccurrenceId]:
        """Those of these lessons that are not over: their seats have not failed yet."""
        now = self._clock()
        reach = timedelta(seconds=self._rules.max_extended_s + self._rules.grace_s)
        doubtful = {o.id: o for o in occurrences if now < o.ends_at + reach}
        runs = await self._store.runs_of(doubtful)
        return frozenset(
            o.id
            for o in doubtful.values()
            if not lesson.is_over(runs.get(o.id) or LessonRun(o.id), o, now=now, rules=self._rules)
        )

    async def _around(self, extended: Sequence[Occurrence]) -> WantedRooms:
        """What may want the room of a lesson that runs on; asked only where one does."""
        if not extended:
            return WantedRooms()
        reach = timedelta(seconds=self._rules.max_extended_s + self._rules.grace_s + 1)
        return WantedRooms(
            await self._store.bookings_between(
                min(o.ends_at for o in extended),
                max(o.ends_at for o in extended) + reach,
                {o.host.classroom for o in extended},
            )
        )

    def _view(
        self,
        occurrence: Occurrence,
        run: LessonRun,
        floor: Floor,
        terminals: Mapping[ClassroomId, Terminal],
        around: WantedRooms,
    ) -> LessonView:
        roster = self._roster.current()
        online = self._presence.online()
        return LessonView(
            occurrence=occurrence,
            run=run,
            roster=roster,
            floor=floor,
            ends_at=lesson.effective_end(
                run, occurrence, self._rules, room_free_until(occurrence, around)
            ),
            over=lesson.is_over(run, occurrence, now=self._clock(), rules=self._rules),
            seats=tuple(
                self._seat_view(occurrence, seat, floor, roster, online, terminals)
                for seat in occurrence.seats
            ),
            host_online=occurrence.host.classroom in online,
            host_media=self._media.host_flowing(occurrence.id) is True,
            ingest=self._media.ingest(occurrence.id),
        )

    def _seat_view(
        self,
        occurrence: Occurrence,
        seat: Seat,
        floor: Floor,
        roster: Roster,
        online: frozenset[ClassroomId],
        terminals: Mapping[ClassroomId, Terminal],
    ) -> SeatView:
        classroom = roster.classrooms[seat.classroom]
        session = self._media.receiver(occurrence.id, seat.id)
        line = self._presence.line_of(seat.classroom)
        terminal = terminals.get(seat.classroom)
        return SeatView(
            seat=seat,
            classroom=classroom,
            school=roster.schools[classroom.school],
            school_class=(
                roster.classes.get(seat.school_class) if seat.school_class is not None else None
            ),
            withdrawn=occurrence.seat_withdrawn(seat.id),
            online=seat.classroom in online,
            receiving=self._media.receiving(occurrence.id, seat.id),
            line=line.state if line is not None else "unknown",
            present=floor.present.get(seat.id),
            hand_at=next((h.at for h in floor.hands if h.seat == seat.id), None),
            called_on=floor.called_on == seat.id,
            path=_path(line, session),
            rtt_ms=session.rtt_ms if session is not None else None,
            loss=session.loss if session is not None else None,
            selfcheck=terminal.selfcheck if terminal is not None else None,
            selfcheck_at=terminal.selfcheck_at if terminal is not None else None,
        )


def _path(line: Line | None, session: PeerStatus | None) -> str | None:
    """How a seat's media travel: as the terminal says, which knows its own side of a TURN server,
    else as the relay sees it; None without a session."""
    if session is None:
        return None
    return session.path if line is None or line.path == "none" else line.path


def unknown_lesson(occurrence: str) -> ProblemError:
    """There is no such lesson."""
    return ProblemError(
        "unknown_lesson",
        f"没有课次“{occurrence[:96]}”。它可能已被删除，请回到课表重新选择。",
        f"There is no lesson {occurrence[:96]!r}. Go back to the timetable and choose again.",
        kind=ProblemKind.NOT_FOUND,
        field="lesson",
        value=occurrence[:96],
    )


def check_period(first: date, last: date, most: int = MAX_DAYS) -> None:
    """ProblemError unless `[first, last]` is a period of 1 to `most` days."""
    if last < first or (last - first).days >= most:
        raise ProblemError(
            "period_invalid",
            f"时段须从前到后，最多 {most} 天。",
            f"The period must run forwards and be {most} days at most.",
            field="to",
            value=f"{first}…{last}",
        )


def _unknown_seat(seat: str) -> ProblemError:
    return ProblemError(
        "unknown_seat",
        f"本课没有听讲席“{seat[:96]}”。请刷新页面后重选。",
        f"This lesson has no seat {seat[:96]!r}. Reload the page and choose again.",
        kind=ProblemKind.NOT_FOUND,
        field="seat",
        value=seat[:96],
    )


def plan_busy() -> ProblemError:
    """Others kept changing what was to be changed."""
    return ProblemError(
        "plan_busy",
        "课表正被其他人修改，没有存成。请刷新后再试。",
        "Others are changing the same lessons; nothing was stored. Reload and try again.",
        kind=ProblemKind.CONFLICT,
    )


def _extended(run: LessonRun | None) -> bool:
    return run is not None and run.extended_s > 0


def _new_id(day: date) -> OccurrenceId:
    """`o-<yyyymmdd>-<8 of a-z2-7>`: 40 random bits, so that ids are not to be guessed or reused."""
    random = base64.b32encode(secrets.token_bytes(5)).decode("ascii").lower()
    return OccurrenceId(f"o-{day:%Y%m%d}-{random}")
