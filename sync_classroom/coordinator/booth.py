"""The lesson side of one coordinator put together: what drives, shows and serves lessons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog

from ..domain.ids import ClassroomId
from ..domain.lesson import LessonRules
from ..domain.turn import Turn
from .commands import LessonCommands
from .coverage import CoverageService
from .desk import LessonDesk
from .evidence import EvidenceService
from .feeds import FeedService
from .floor import FloorService
from .grants import Grants
from .journal import JournalIngest
from .lease import LeaseKeeper
from .lessons import LessonService, Presence
from .life import LessonLife
from .media_watch import BUSY_S, MediaWatch
from .meeting_recording import MeetingRecorder
from .meeting_watch import MeetingWatch
from .meetings import MeetingService
from .plan_writer import PlanWriter
from .ports import Bus, RelayControl, Store
from .recordings import RecordingKeeper
from .research import ResearchService
from .rollups import RollupKeeper
from .room_messages import RoomMessages
from .rooms import Rooms
from .roster import NationalSource, RosterService, no_national_days
from .runner import SWEEP_S, LessonRunner
from .services import Clock
from .study import StudyService
from .timetable import TimetableService
from .tokens import TokenMinter
from .watching import WatchService

log = structlog.get_logger(__name__)

# Without rooms the relay is asked this much less often.
IDLE_POLLS = 5


@dataclass(frozen=True, slots=True)
class Booth:
    """Services that are called, and those whose `run` is a task: roster, media, runner, ingest,
    rollups, meeting_watch."""

    roster: RosterService
    media: MediaWatch
    rooms: Rooms
    life: LessonLife
    floor: FloorService
    runner: LessonRunner
    ingest: JournalIngest
    lessons: LessonService
    desk: LessonDesk
    evidence: EvidenceService
    rollups: RollupKeeper
    coverage: CoverageService
    recordings: RecordingKeeper
    timetable: TimetableService
    feeds: FeedService
    research: ResearchService
    watching: WatchService
    meetings: MeetingService
    meeting_recorder: MeetingRecorder
    meeting_watch: MeetingWatch
    study: StudyService


async def build_booth(
    store: Store,
    bus: Bus,
    relay: RelayControl,
    lease: LeaseKeeper,
    presence: Presence,
    tokens: TokenMinter,
    *,
    clock: Clock,
    zone: ZoneInfo,
    rules: LessonRules,
    relay_id: str,
    relay_url: str,
    turn: Turn | None = None,
    sweep_s: float = SWEEP_S,
    poll_s: float = BUSY_S,
    setup_gap_s: int = 0,
    ingests: Mapping[ClassroomId, str] | None = None,
    record: bool | None = None,
    national: NationalSource = no_national_days,
) -> Booth:
    """Make the services and read the roster; starts nothing. `record`: see `RecordingKeeper`."""
    roster = RosterService(store, bus, national=national)
    await roster.load()
    media = MediaWatch(relay, busy_s=poll_s, idle_s=IDLE_POLLS * poll_s)
    rooms = Rooms(relay, media, presence, ingests)
    _name_unknown(ingests or (), roster)
    life = LessonLife(store, bus, rooms, rules=rules, clock=clock)
    floor = FloorService(store, bus, rooms, clock=clock)
    said = RoomMessages(store, bus, clock=clock)
    writer = PlanWriter(store, bus, roster=roster, clock=clock, zone=zone, gap_s=setup_gap_s)
    lessons = LessonService(
        store, roster=roster, floor=floor, presence=presence, media=media, clock=clock, zone=zone,
        rules=rules, writer=writer,
    )  # fmt: skip
    grants = Grants(tokens, relay_url=relay_url, turn=turn, clock=clock, zone=zone)
    desk = LessonDesk(
        store, bus, life, floor,
        LessonCommands(store, life, floor, said, rooms=rooms, media=media, clock=clock, zone=zone),
        grants, roster=roster, rooms=rooms, presence=presence, media=media, clock=clock, zone=zone,
    )  # fmt: skip
    keeper = RecordingKeeper(store, relay, bus, by_default=record, clock=clock)
    runner = LessonRunner(
        store, bus, life, rooms, media, lease, keeper,
        clock=clock, dismiss=desk.dismiss, sweep_s=sweep_s,
    )  # fmt: skip
    ingest = JournalIngest(
        store, bus, relay, relay_id=relay_id, clock=clock, late=runner.late_media,
        busy=lambda: media.status is not None and bool(media.status.rooms),
        leading=lambda: lease.leading,
    )  # fmt: skip
    evidence, rollups, coverage = _figures(store, bus, lease, lessons, roster, clock, zone)
    timetable = TimetableService(store, bus, writer, lessons, roster=roster, clock=clock, zone=zone)
    research = ResearchService(store, writer, lessons, roster=roster, clock=clock, zone=zone)
    return Booth(
        roster, media, rooms, life, floor, runner, ingest, lessons, desk, evidence, rollups,
        coverage, keeper, timetable, FeedService(store, roster=roster, clock=clock, zone=zone),
        research, WatchService(store, lessons, grants, clock=clock),
        *_meetings(store, bus, research, life, grants, rooms, media, lease, keeper, clock=clock),
    )  # fmt: skip


def _meetings(
    store: Store,
    bus: Bus,
    research: ResearchService,
    life: LessonLife,
    grants: Grants,
    rooms: Rooms,
    media: MediaWatch,
    lease: LeaseKeeper,
    keeper: RecordingKeeper,
    *,
    clock: Clock,
) -> tuple[MeetingService, MeetingRecorder, MeetingWatch, StudyService]:
    service = MeetingService(store, bus, research, life, grants, rooms=rooms, clock=clock)
    watch = MeetingWatch(
        store, bus, rooms=rooms, media=media, leading=lambda: lease.leading, clock=clock
    )
    recorder = MeetingRecorder(store, keeper, service, clock=clock)
    study = StudyService(store, bus, roster=research.roster, clock=clock)
    return service, recorder, watch, study


def _name_unknown(ingests: Iterable[ClassroomId], roster: RosterService) -> None:
    for classroom in ingests:
        if classroom not in roster.current().classrooms:
            log.warning("ingest.unknown_classroom", classroom=classroom)


def _figures(
    store: Store,
    bus: Bus,
    lease: LeaseKeeper,
    lessons: LessonService,
    roster: RosterService,
    clock: Clock,
    zone: ZoneInfo,
) -> tuple[EvidenceService, RollupKeeper, CoverageService]:
    evidence = EvidenceService(store, lessons, roster, zone=zone)
    rollups = RollupKeeper(store, clock=clock, zone=zone, leading=lambda: lease.leading)
    coverage = CoverageService(
        store, bus, evidence, lessons, roster, rollups, clock=clock, zone=zone
    )
    return evidence, rollups, coverage
