"""The store: every port of the coordinator over one database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from sqlalchemy import text

from ..domain.problems import ProblemError
from .access_log import AccessLogQueries
from .accounts import AccountQueries
from .calendar import CalendarQueries
from .chain import ChainQueries
from .documents import DocumentQueries
from .drafts import DraftQueries
from .due import DueQueries
from .engine import Transactions, make_engine, parse_place, prepare_file
from .feeds import FeedQueries
from .figures import FigureQueries
from .help_calls import HelpQueries
from .lease import LeaseQueries
from .lessons import LessonQueries
from .library import LibraryQueries
from .materials import MaterialQueries
from .meetings import MeetingQueries
from .messages import MessageQueries
from .migrate import migrate
from .minutes import MinutesQueries
from .notices import NoticeQueries
from .opinions import OpinionQueries
from .page_turns import PageTurnQueries
from .push_lines import PushLineQueries
from .push_orders import PushOrderQueries
from .pushes import PushQueries
from .recordings import RecordingQueries
from .reports import ReportQueries
from .research import ResearchQueries
from .retention import RetentionQueries
from .rollups import RollupQueries
from .roster import RosterQueries
from .rules import RulesQueries
from .scores import ScoreQueries
from .simulation import SimulationQueries
from .study import StudyQueries
from .terminal_journal import TerminalJournalQueries
from .terminals import TerminalQueries
from .timetable import TimetableQueries
from .versions import VersionQueries

# A health check that takes longer than this has its answer.
READY_TIMEOUT_S: Final = 2.0


class Database(
    RosterQueries,
    TimetableQueries,
    VersionQueries,
    DueQueries,
    LessonQueries,
    MessageQueries,
    TerminalJournalQueries,
    ChainQueries,
    RollupQueries,
    OpinionQueries,
    FigureQueries,
    RulesQueries,
    AccessLogQueries,
    TerminalQueries,
    AccountQueries,
    HelpQueries,
    LeaseQueries,
    RecordingQueries,
    CalendarQueries,
    DraftQueries,
    NoticeQueries,
    PushQueries,
    SimulationQueries,
    ReportQueries,
    FeedQueries,
    LibraryQueries,
    PushOrderQueries,
    PushLineQueries,
    RetentionQueries,
    ResearchQueries,
    MeetingQueries,
    MinutesQueries,
    DocumentQueries,
    PageTurnQueries,
    StudyQueries,
    ScoreQueries,
    MaterialQueries,
):
    """`Store` of the coordinator's ports. Made by `open_store`; safe for any number of tasks."""

    @property
    def shown(self) -> str:
        """Where the data is, without any password: a file name or a PostgreSQL address."""
        return self._database.place.shown

    async def ready(self) -> bool:
        """Whether the database answers within `READY_TIMEOUT_S`."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S), self._database.read() as connection:
                await connection.execute(text("SELECT 1"))
        except (ProblemError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Release every connection."""
        await self._database.engine.dispose()


async def open_store(url: str, *, data_dir: Path | None) -> Database:
    """Open the database at `url`, bringing it to the newest version, and return the store.

    `sqlite:///file` (relative to `data_dir`; folder and file are made, readable by the owner
    only), `sqlite://` (in memory, for tests) or `postgresql://user:password@host/database`.
    Raises ProblemError with code `database_url`, `database_driver_missing`, `database_file`,
    `database_corrupt`, `database_locked`, `database_newer`, `database_refused` or
    `database_unavailable`; no message contains the password.
    """
    place = parse_place(url, data_dir)
    if place.file is not None:
        await asyncio.to_thread(prepare_file, place.file)
    database = Transactions(make_engine(place), place)
    try:
        await migrate(database)
    except BaseException:
        await database.engine.dispose()
        raise
    return Database(database)
