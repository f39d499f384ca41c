"""A term's plan from draft to history: drafting, publishing, changes at short notice, receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from ..domain.calendar import Calendar
from ..domain.edit import Decision, EditDesk, decide_all
from ..domain.edits import (
    AddSeat,
    CancelLesson,
    ChangeLesson,
    ChangeSeat,
    Command,
    DropSeat,
    MoveLesson,
    RestoreLesson,
    RestoreSeat,
    Substitute,
)
from ..domain.history import HistoryEntry
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.notices import Receipt
from ..domain.plan_change import (
    PlanMovedOnError,
    RuleChange,
    Version,
    VersionEntry,
    VersionOutline,
)
from ..domain.plan_diff import DiffKind
from ..domain.problems import ProblemError, ProblemKind
from ..domain.timetable import Occurrence
from ..domain.working_copy import Images, WorkingCopy, moved_to
from .draft_problems import unknown_term
from .drafts import DraftService, PlanStore, new_text
from .lessons import WRITE_TRIES, LessonService, plan_busy, unknown_lesson
from .plan_ports import NoticeStore
from .plan_writer import PlanWriter
from .ports import Bus
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

# A page of the list of versions; a term has some dozens.
MAX_VERSIONS: Final = 200
# Entries of a version read at once.
MAX_ENTRIES: Final = 500
# Moves of one lesson that are followed; nobody moves a lesson so often.
_MOST_MOVES: Final = 50
_AMENDABLE = (
    AddSeat | CancelLesson | ChangeLesson | ChangeSeat | DropSeat | MoveLesson | RestoreLesson
    | RestoreSeat | Substitute
)  # fmt: skip


class TimetableStore(PlanStore, NoticeStore, Protocol):
    """Plan, drafts and notices."""


class TimetableService(DraftService):
    """Drafts, and what there is beside them."""

    def __init__(
        self,
        store: TimetableStore,
        bus: Bus,
        writer: PlanWriter,
        lessons: LessonService,
        *,
        roster: RosterService,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        super().__init__(store, bus, writer, roster=roster, clock=clock, zone=zone)
        self._notices = store
        self._lessons = lessons

    async def amend(self, command: Command, *, actor: str, key: str) -> Occurrence:
        """Change one published lesson at once, without a draft, for short notice.

        Returns the lesson as it is afterwards, where it was moved to if it was moved. The same
        `key` does nothing more. Raises ProblemError as `domain.edit.decide`, ClashError, and
        `amend_unsupported` for what concerns more than one lesson.
        """
        if not isinstance(command, _AMENDABLE):
            raise _unsupported(command)
        done = await self._store.occurrence_by_key(key)
        if done is not None:
            return await self._ahead(done)
        if isinstance(command, CancelLesson):
            return await self._lessons.cancel(
                command.lesson, excused=command.excused, reason=command.reason, actor=actor, key=key
            )
        if isinstance(command, DropSeat):
            return await self._lessons.cancel(
                command.lesson, seat=command.seat, excused=command.excused, reason=command.reason,
                actor=actor, key=key,
            )  # fmt: skip
        for _ in range(WRITE_TRIES):
            copy = await self._around(command.lesson)
            decision = self._amended(command, copy, actor)
            if decision.empty:
                return await self._ahead(copy.occurrences[command.lesson])
            reason = getattr(command, "reason", "").strip()
            try:
                await self._writer.write(
                    decision.before, decision.after, actor=actor, key=key, reason=reason
                )
            except PlanMovedOnError:
                continue
            stored = await self._store.get_occurrence(command.lesson)
            assert stored is not None, "nothing that is planned is ever deleted"
            log.info("lesson.amended", occurrence=command.lesson, by=actor)
            return await self._ahead(stored)
        raise plan_busy()

    async def history(self, occurrence: OccurrenceId) -> tuple[HistoryEntry, ...]:
        """Everything that happened to one lesson, oldest first; ProblemError `unknown_lesson`."""
        if await self._store.get_occurrence(occurrence) is None:
            raise unknown_lesson(occurrence)
        return tuple(await self._store.history_of(occurrence))

    async def direct_changes(self, term: TermId) -> tuple[HistoryEntry, ...]:
        """The latest changes at short notice of a term's lessons, newest first."""
        known = self._roster.current().terms.get(term)
        if known is None:
            raise unknown_term(term)
        return tuple(
            await self._store.direct_changes(known.first_day, known.last_day, MAX_VERSIONS)
        )

    async def versions(self, term: TermId | None = None) -> tuple[Version, ...]:
        """The latest `MAX_VERSIONS` versions, of one term or of all, newest first."""
        return tuple(await self._store.versions(term, MAX_VERSIONS))

    async def version(self, no: int) -> Version:
        """One published version; ProblemError `unknown_version`."""
        found = await self._store.version(no) if 0 < no < 2**31 else None
        if found is None:
            raise ProblemError(
                "unknown_version",
                f"没有第 {no} 版课表。请从版本列表中选择。",
                f"There is no version {no}. Choose one of the list of versions.",
                kind=ProblemKind.NOT_FOUND,
                field="version",
                value=no,
            )
        return found

    async def version_outline(self, no: int) -> VersionOutline:
        """How much of each kind a version changed."""
        return await self._store.version_outline(no)

    async def version_entries(
        self, no: int, *, kind: DiffKind | None = None, offset: int = 0, limit: int
    ) -> tuple[VersionEntry, ...]:
        """A part of what a version changed, in order: of everything, or of what is told of a kind.

        `limit` is `MAX_ENTRIES` at most.
        """
        return tuple(
            await self._store.version_entries(
                no, kind=kind and kind.value, offset=offset, limit=min(limit, MAX_ENTRIES)
            )
        )

    async def version_size(self, no: int) -> int:
        """How many entries a version has."""
        return await self._store.version_size(no)

    async def rule_history(self, series: Iterable[SeriesId]) -> tuple[RuleChange, ...]:
        """What versions did to these rules, newest first, `MAX_ENTRIES` at most."""
        return tuple(await self._store.rule_changes(series, MAX_ENTRIES))

    async def notices(self, version: int | None = None, *, act: str = "") -> tuple[Receipt, ...]:
        """Everybody who was told of a version, or of a change at short notice by its key."""
        return tuple(await self._notices.receipts_of(version=version, act=act))

    async def published(self, term: TermId) -> Sequence[Occurrence]:
        """What is published for the days of a term, by start then id."""
        known = self._roster.current().terms.get(term)
        if known is None:
            raise unknown_term(term)
        return await self._store.occurrences_on(known.first_day, known.last_day)

    async def _around(self, lesson: OccurrenceId) -> WorkingCopy:
        """The lesson with everything it was moved from and to: all that one lesson's edit needs."""
        found: dict[OccurrenceId, Occurrence] = {}
        wanted: list[OccurrenceId] = [lesson]
        while wanted and len(found) < _MOST_MOVES:
            stored = await self._store.get_occurrence(wanted.pop())
            if stored is None or stored.id in found:
                continue
            found[stored.id] = stored
            wanted += [i for i in (stored.moved_from, moved_to(stored)) if i is not None]
        if lesson not in found:
            raise unknown_lesson(lesson)
        return WorkingCopy(Images(dict(found)))

    def _amended(self, command: Command, copy: WorkingCopy, actor: str) -> Decision:
        roster = self._roster.current()
        desk = EditDesk(
            roster=roster, calendar=Calendar(roster), zone=self._zone, now=self._clock(), by=actor,
            new_id=new_text,
        )  # fmt: skip
        return decide_all((command,), copy, desk)

    async def _ahead(self, occurrence: Occurrence) -> Occurrence:
        """Where a lesson is now."""
        for _ in range(_MOST_MOVES):
            to = moved_to(occurrence)
            later = None if to is None else await self._store.get_occurrence(to)
            if later is None or moved_to(later) == occurrence.id:
                break
            occurrence = later
        return occurrence


def _unsupported(command: Command) -> ProblemError:
    name = type(command).__name__
    return ProblemError(
        "amend_unsupported",
        f"{name} 涉及多节课，不能临时调整。请在课表草稿中修改后发布。",
        f"{name} concerns more than one lesson. Edit the draft of the term and publish it.",
        field="command",
        value=name,
    )
