"""The services of a coordinator without relay, terminals or pages, for commands at the console.

They work on the same database as a running server, which notices within its next sweep.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ..app import (
    DATABASE_URL,
    ServeSettings,
    bundle_service,
    relay_client,
    report_service,
    retention_service,
    utc_now,
)
from ..coordinator.accounts import AccountService
from ..coordinator.booth import build_booth
from ..coordinator.bundles import BundleService
from ..coordinator.calendar import CalendarService
from ..coordinator.coverage import CoverageService
from ..coordinator.enrolment import EnrolmentService
from ..coordinator.evidence import EvidenceService
from ..coordinator.hub import TerminalHub
from ..coordinator.lease import LeaseKeeper
from ..coordinator.lessons import LessonService
from ..coordinator.local_bus import LocalBus
from ..coordinator.ports import Bus, Store
from ..coordinator.research import ResearchService
from ..coordinator.retention import RetentionService
from ..coordinator.roster import RosterService
from ..coordinator.services import Clock
from ..coordinator.terminal_journal import TerminalJournalService
from ..coordinator.throttle import Throttle
from ..coordinator.tokens import TokenMinter
from ..machine import known_id
from ..store.bus import open_redis_bus
from ..store.database import Database, open_store


@dataclass(frozen=True, slots=True)
class Offline:
    """What commands may use."""

    store: Store
    roster: RosterService
    calendar: CalendarService
    lessons: LessonService
    research: ResearchService
    evidence: EvidenceService
    coverage: CoverageService
    accounts: AccountService
    enrolment: EnrolmentService
    bundles: BundleService
    journals: TerminalJournalService
    retention: RetentionService
    clock: Clock
    zone: ZoneInfo


@asynccontextmanager
async def open_offline(settings: ServeSettings) -> AsyncIterator[Offline]:
    """Open the database (migrating it), make the services, and let everything go again."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = await open_store(settings.database_url or DATABASE_URL, data_dir=settings.data_dir)
    try:
        bus: Bus = LocalBus()
        if settings.redis_url:
            bus = await open_redis_bus(settings.redis_url, LocalBus())
        try:
            throttle = Throttle()
            accounts = AccountService(store, utc_now, throttle=throttle)
            try:
                yield await _services(settings, store, bus, accounts, throttle)
            finally:
                accounts.close()
        finally:
            await bus.close()
    finally:
        await store.close()


async def _services(
    settings: ServeSettings, store: Database, bus: Bus, accounts: AccountService, throttle: Throttle
) -> Offline:
    hub = TerminalHub(bus, store, utc_now)
    zone = ZoneInfo(settings.zone)
    lease = LeaseKeeper(store, "console")
    booth = await build_booth(
        store,
        bus,
        relay_client(settings),
        lease,
        hub,
        TokenMinter(settings.data_dir / "token.jwk"),
        clock=utc_now,
        zone=zone,
        rules=settings.rules,
        relay_id=settings.relay.relay,
        relay_url="",
        setup_gap_s=settings.setup_gap_s,
        national=settings.national,
    )
    bundles = bundle_service(store, booth, utc_now, zone)
    # The files of reports are those of the server that has this folder.
    place = known_id(settings.data_dir) or "console"
    reports = report_service(
        settings, store, bus, booth, bundles, lease, place=place, clock=utc_now
    )
    return Offline(
        store,
        booth.roster,
        CalendarService(store, booth.roster, utc_now),
        booth.lessons,
        booth.research,
        booth.evidence,
        booth.coverage,
        accounts,
        EnrolmentService(store, hub, booth.roster.current, utc_now, throttle=throttle),
        bundles,
        TerminalJournalService(store, bus, utc_now, throttle=throttle),
        retention_service(settings, store, lease, reports, utc_now),
        utc_now,
        zone,
    )  # fmt: skip
