"""What a terminal may do in a lesson, each command once, whichever coordinator hears it how often.

Authority is the classroom's: only the host's terminal starts, extends, ends, calls on and silences,
only a seat's own terminal raises its hand or counts its pupils.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from ..domain import lesson
from ..domain.documents import ShowPage, check_page, unknown_document
from ..domain.floor import Floor
from ..domain.ids import ActId, ClassroomId, OccurrenceId, SeatId
from ..domain.lesson import LessonRun, LessonState
from ..domain.messages import (
    Answer,
    Ask,
    Call,
    Close,
    Command,
    End,
    Extend,
    Hand,
    Headcount,
    Mute,
    Quiet,
    Say,
    Start,
)
from ..domain.problems import ProblemError, ProblemKind
from ..domain.question import MAX_QUESTIONS, open_question
from ..domain.timetable import Mode, Occurrence, Seat
from .document_ports import DocumentStore
from .floor import FloorService
from .lessons import unknown_lesson
from .life import LessonLife
from .media_watch import MediaWatch
from .plan_ports import TimetableStore
from .ports import LessonStore
from .room_messages import RoomMessages
from .rooms import Rooms
from .services import Clock

_BEGUN: Final = frozenset({LessonState.OPEN, LessonState.LIVE})


class CommandStore(TimetableStore, LessonStore, DocumentStore, Protocol):
    """Plan, runs, floors and documents."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a classroom is in one lesson: `seat` None means the host."""

    occurrence: Occurrence
    seat: Seat | None


def part_of(classroom: ClassroomId, occurrence: Occurrence) -> Part | None:
    """What a classroom is in a lesson; None if it takes no part. Withdrawn seats are parts too.

    In a research session teachers take part, with their own accounts, and no classroom.
    """
    if occurrence.mode is Mode.RESEARCH:
        return None
    if occurrence.host.classroom == classroom:
        return Part(occurrence, None)
    for seat in occurrence.seats:
        if seat.classroom == classroom:
            return Part(occurrence, seat)
    return None


def act_id(occurrence: OccurrenceId, classroom: ClassroomId, command: str) -> ActId:
    """What a terminal's command is known by in the store, and the id of the fact it leaves."""
    text = "\0".join((occurrence, classroom, command))
    return ActId(f"act:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}")


class LessonCommands:
    """Does what terminals ask."""

    def __init__(
        self,
        store: CommandStore,
        life: LessonLife,
        floor: FloorService,
        messages: RoomMessages,
        *,
        rooms: Rooms,
        media: MediaWatch,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._life = life
        self._floor = floor
        self._messages = messages
        self._rooms = rooms
        self._media = media
        self._clock = clock
        self._zone = zone

    async def handle(self, classroom: ClassroomId, command: Command) -> None:
        """Do what the terminal of `classroom` asks; ProblemError if it may not or cannot.

        A command is stored with the change it makes, in one transaction: repeated with the same
        id, at the same moment or after a crash, it is not done again, unless the first failed.
        """
        act = act_id(command.lesson, classroom, command.id)
        if await self._store.act_done(command.lesson, act):
            return
        planned = await self._planned(command)
        part = part_of(classroom, planned)
        if part is None:
            raise unknown_lesson(command.lesson)  # another room's lessons are none of its business
        if isinstance(command, (Hand, Headcount, Answer, Say)):
            await self._as_seat(part, command, act)
        else:
            await self._as_host(part, command, act)

    async def _as_host(
        self,
        part: Part,
        command: Start | Extend | End | Call | Mute | Quiet | Ask | Close | ShowPage,
        act: ActId,
    ) -> None:
        if part.seat is not None:
            raise _forbidden("host_only", "只有主讲教室可以这样做。", "Only the host may do that.")
        planned = part.occurrence
        if isinstance(command, Start):
            await self._start(planned)
        elif isinstance(command, Extend):
            await self._extend(planned, act)
        elif isinstance(command, End):
            step = await self._life.advance(planned.id, lesson.EndPressed(), act=act)
            self._live_or_over(planned, step.run if step is not None else None)
        else:
            await self._begun(planned)
            await self._on_the_floor(planned, command, act)

    async def _on_the_floor(
        self,
        planned: Occurrence,
        command: Call | Mute | Quiet | Ask | Close | ShowPage,
        act: ActId,
    ) -> None:
        if isinstance(command, Call):
            if command.seat is not None and all(s.id != command.seat for s in planned.active_seats):
                raise _unknown_seat(command.seat)
            await self._floor.call_on(planned, command.seat, act=act)
        elif isinstance(command, Mute):
            await self._floor.mute(planned, muted=command.muted, act=act)
        elif isinstance(command, Quiet):
            await self._floor.hush(planned, quiet=command.quiet, act=act)
        elif isinstance(command, ShowPage):
            await self._show_page(planned, command, act)
        elif isinstance(command, Close):
            await self._floor.close(planned, command.question, shown=command.shown, act=act)
        elif len((await self._floor.get(planned.id)).questions) >= MAX_QUESTIONS:
            raise _too_many_questions(planned)
        else:
            await self._floor.ask(planned, command.text, command.options, act=act)

    async def _show_page(self, planned: Occurrence, command: ShowPage, act: ActId) -> None:
        if command.shown is not None:
            documents = (await self._store.documents_of([planned.id])).get(planned.id, ())
            wanted = command.shown.document
            document = next((d for d in documents if d.id == wanted), None)
            if document is None:
                raise unknown_document(wanted)
            check_page(document, command.shown.page)
        await self._floor.show_page(planned, command.shown, act=act)

    async def _as_seat(
        self, part: Part, command: Hand | Headcount | Answer | Say, act: ActId
    ) -> None:
        seat, planned = part.seat, part.occurrence
        if seat is None:
            raise _forbidden(
                "seat_only", "只有听讲教室可以这样做。", "Only a remote classroom may do that."
            )
        if planned.seat_withdrawn(seat.id):
            raise ProblemError(
                "seat_withdrawn",
                "本教室已不参加这次课。请看今日课表。",
                "This classroom no longer takes part in the lesson. See today's plan.",
                kind=ProblemKind.FORBIDDEN,
                field="lesson",
                value=planned.id,
            )
        await self._begun(planned)
        if isinstance(command, Headcount):
            await self._floor.headcount(
                planned, seat.id, command.present, by=f"seat:{seat.classroom}", act=act
            )
        elif isinstance(command, Answer):
            await self._answer(planned, seat.id, command, act)
        elif isinstance(command, Say):
            await self._messages.say(planned, seat.id, command.text, act=act)
        elif command.raised:
            if (await self._floor.get(planned.id)).quiet:
                raise _quiet(planned)
            await self._floor.raise_hand(planned, seat.id, act=act)
        else:
            await self._floor.lower_hand(planned, seat.id, act=act)

    async def _answer(self, planned: Occurrence, seat: SeatId, command: Answer, act: ActId) -> None:
        floor = await self._floor.get(planned.id)
        asked = open_question(floor.questions, command.question)
        if asked is None or len(asked.options) != len(command.counts):
            raise _question_closed(command.question)
        await self._floor.answer(planned, command.question, seat, command.counts, act=act)

    async def _start(self, planned: Occurrence) -> None:
        """A wish: the lesson is live when media flows. What can be done is to have a room ready."""
        run = await self._begun(planned)
        if not self._rooms.placed(planned.id):
            floor = await self._store.get_floor(planned.id)
            await self._rooms.place(planned, floor or Floor(run.occurrence))
        self._media.nudge()

    async def _extend(self, planned: Occurrence, act: ActId) -> None:
        run = await self._store.get_run(planned.id)
        before = run.extended_s if run is not None else 0
        step = await self._life.advance(planned.id, lesson.ExtendPressed(), act=act)
        run = step.run if step is not None else None
        self._live_or_over(planned, run)
        if run is None or run.state is not LessonState.LIVE or run.extended_s > before:
            return
        # It added nothing; unless another coordinator has just done it, there is nothing to add.
        if not await self._store.act_done(planned.id, act):
            raise ProblemError(
                "cannot_extend",
                "不能再延长：教室接着有课，或已到最长时间。请按时下课。",
                "No more time: the room is booked next, or the limit is reached. Please finish.",
                kind=ProblemKind.CONFLICT,
                field="lesson",
                value=planned.id,
            )

    async def _begun(self, planned: Occurrence) -> LessonRun:
        """The run of an open or live lesson, brought up to now; ProblemError for any other."""
        step = await self._life.advance(planned.id)
        run = step.run if step is not None else LessonRun(planned.id)
        if run.state is LessonState.PLANNED:
            opens_at = planned.starts_at - timedelta(seconds=self._life.rules.lead_s)
            raise self._too_early(planned, opens_at)
        if run.state not in _BEGUN:
            raise _over(planned)
        return run

    def _live_or_over(self, planned: Occurrence, run: LessonRun | None) -> None:
        """After a press on "end" or "extend": ProblemError if there was no live lesson to press."""
        state = run.state if run is not None else LessonState.PLANNED
        if state in (LessonState.PLANNED, LessonState.OPEN):
            raise ProblemError(
                "lesson_not_live",
                "还没有开始上课。请先打开摄像头，按“开始上课”。",
                "The lesson is not live yet. Switch the camera on and press start.",
                kind=ProblemKind.CONFLICT,
                field="lesson",
                value=planned.id,
            )
        if state in (LessonState.MISSED, LessonState.CANCELLED):
            raise _over(planned)

    def _too_early(self, planned: Occurrence, opens_at: datetime) -> ProblemError:
        at = opens_at.astimezone(self._zone).strftime("%H:%M")
        wait_s = max(1, int((opens_at - self._clock()).total_seconds()) + 1)
        return ProblemError(
            "lesson_not_open",
            f"还没到时间，{at} 起可以进入。",
            f"It is too early; the lesson opens at {at}.",
            kind=ProblemKind.CONFLICT,
            field="lesson",
            value=planned.id,
            retry_after_s=wait_s,
        )

    async def _planned(self, command: Command) -> Occurrence:
        planned = await self._store.get_occurrence(command.lesson)
        if planned is None:
            raise unknown_lesson(command.lesson)
        return planned


def _forbidden(code: str, zh: str, en: str) -> ProblemError:
    return ProblemError(code, zh, en, kind=ProblemKind.FORBIDDEN)


def _unknown_seat(seat: SeatId) -> ProblemError:
    return ProblemError(
        "unknown_seat",
        "这个教室不在本次课中，可能刚刚退出。请从列表中重新选择。",
        "That classroom is not in this lesson; it may just have been withdrawn. Choose again.",
        kind=ProblemKind.NOT_FOUND,
        field="seat",
        value=seat,
    )


def _quiet(planned: Occurrence) -> ProblemError:
    return ProblemError(
        "hands_closed",
        "老师已全体静音，暂时不能举手。请等老师恢复举手。",
        "The teacher has silenced all rooms; hands wait until that is taken back.",
        kind=ProblemKind.CONFLICT,
        field="lesson",
        value=planned.id,
    )


def _question_closed(number: int) -> ProblemError:
    return ProblemError(
        "question_closed",
        f"第 {number} 题已经结束，没有计入。请看老师的下一题。",
        f"Question {number} is closed; this answer was not counted. Wait for the next one.",
        kind=ProblemKind.CONFLICT,
        field="question",
        value=str(number),
    )


def _too_many_questions(planned: Occurrence) -> ProblemError:
    return ProblemError(
        "too_many_questions",
        f"一节课最多提问 {MAX_QUESTIONS} 次。请改为口头提问。",
        f"A lesson has at most {MAX_QUESTIONS} questions. Please ask by word of mouth.",
        kind=ProblemKind.CONFLICT,
        field="lesson",
        value=planned.id,
    )


def _over(planned: Occurrence) -> ProblemError:
    return ProblemError(
        "lesson_over",
        "这次课已经结束或取消。请看今日课表。",
        "This lesson is over or cancelled. See today's plan.",
        kind=ProblemKind.CONFLICT,
        field="lesson",
        value=planned.id,
    )
