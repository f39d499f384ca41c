"""The one object the web is built on: every service of this coordinator, made by `app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from .accounts import AccountService
    from .board import TerminalBoard
    from .bundles import BundleService
    from .calendar import CalendarService
    from .coverage import CoverageService
    from .desk import LessonDesk
    from .documents import DocumentService
    from .enrolment import EnrolmentService
    from .evidence import EvidenceService
    from .feeds import FeedService
    from .floor import FloorService
    from .help_desk import HelpDesk
    from .hub import TerminalHub
    from .ink import InkDesk
    from .lessons import LessonService
    from .library import LibraryService
    from .make_up import MakeUpService
    from .materials import MaterialService
    from .media_watch import MediaWatch
    from .meeting_recording import MeetingRecorder
    from .meetings import MeetingService
    from .minutes import MinutesService
    from .missed import MissedService
    from .notices import NoticeService
    from .ports import Bus, Store
    from .push_files import PushFiles
    from .push_receiving import PushReceiver
    from .pushes import PushService
    from .recordings import RecordingKeeper
    from .reports import ReportService
    from .research import ResearchService
    from .retention import RetentionService
    from .roster import RosterService
    from .runner import LessonRunner
    from .scoring import ScoringService
    from .study import StudyService
    from .terminal_journal import TerminalJournalService
    from .timetable import TimetableService
    from .timetable_import import ImportService
    from .watching import WatchService

Clock = Callable[[], datetime]
"""Aware UTC now; services take it as an argument so that tests can turn it."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What services and pages need to know of the configuration.

    `public_url` is how browsers reach the coordinator, `relay_url` how terminals reach WHIP and
    WHEP (both without a trailing slash). `secure`: browsers come by HTTPS, so cookies carry
    `Secure` and the `__Host-` prefix. `trusted_proxies` are addresses or networks whose
    `X-Forwarded-For` is believed. `recordings` is the folder the relay keeps recordings in, None
    if it keeps none. `simulated`: everything in the database is made up, and every page says so.
    `targets`: by which day how many remote classrooms are to be in commission.
    """

    public_url: str
    relay_url: str
    secure: bool
    version: str
    boot: str
    trusted_proxies: tuple[str, ...] = ()
    recordings: Path | None = None
    simulated: bool = False
    targets: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Services:
    """Everything `web.app.build_app` may use. `media` is what the relay reports just now."""

    settings: ServiceSettings
    clock: Clock
    zone: ZoneInfo
    store: Store
    bus: Bus
    roster: RosterService
    calendar: CalendarService
    lessons: LessonService
    evidence: EvidenceService
    coverage: CoverageService
    desk: LessonDesk
    floor: FloorService
    runner: LessonRunner
    media: MediaWatch
    accounts: AccountService
    enrolment: EnrolmentService
    hub: TerminalHub
    help_desk: HelpDesk
    board: TerminalBoard
    recordings: RecordingKeeper
    timetable: TimetableService
    imports: ImportService
    feeds: FeedService
    notices: NoticeService
    bundles: BundleService
    reports: ReportService
    library: LibraryService
    pushes: PushService
    receiver: PushReceiver
    push_files: PushFiles
    make_up: MakeUpService
    journals: TerminalJournalService
    retention: RetentionService
    research: ResearchService
    watching: WatchService
    ink: InkDesk
    meetings: MeetingService
    meeting_recorder: MeetingRecorder
    minutes: MinutesService
    missed: MissedService
    documents: DocumentService
    study: StudyService
    scoring: ScoringService
    materials: MaterialService
