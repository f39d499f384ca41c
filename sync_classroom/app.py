"""Composition root: one coordinator with its relay, from plain settings to a clean stop.

Everything lives on one exit stack, in the order it is needed: folder and its lock, listening
socket, store, bus, relay, services, their tasks, pages. It is taken down in the reverse order, so
terminals are told to come back first and the database is let go last. The relay keeps forwarding
unless `stop_relay` is set: a coordinator that restarts must not make a lesson stutter.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from yarl import URL

from . import __version__
from .coordinator.accounts import AccountService
from .coordinator.board import TerminalBoard
from .coordinator.booth import Booth, build_booth
from .coordinator.bundles import BundleService
from .coordinator.calendar import CalendarService
from .coordinator.document_files import PageFolder
from .coordinator.documents import DocumentService, sweep_pages
from .coordinator.enrolment import EnrolmentService
from .coordinator.help_desk import HelpDesk
from .coordinator.hub import TerminalHub
from .coordinator.ink import InkDesk
from .coordinator.lease import LeaseKeeper
from .coordinator.library import LibraryOptions, LibraryService
from .coordinator.local_bus import LocalBus
from .coordinator.make_up import MakeUpService
from .coordinator.materials import MaterialService
from .coordinator.minutes import MinutesService
from .coordinator.missed import MissedService
from .coordinator.notices import NoticeService
from .coordinator.ports import Bus
from .coordinator.push_files import LineOptions, PushFiles
from .coordinator.push_receiving import PushReceiver
from .coordinator.pushes import PushService
from .coordinator.relay_client import RelayClient, trusting
from .coordinator.relay_link import RelayLink
from .coordinator.relay_process import RelayProcess
from .coordinator.reports import ReportOptions, ReportService
from .coordinator.retention import RetentionService
from .coordinator.roster import NationalSource
from .coordinator.runner import SWEEP_S
from .coordinator.scoring import ScoringService
from .coordinator.services import Services, ServiceSettings
from .coordinator.terminal_journal import TerminalJournalService
from .coordinator.throttle import Throttle
from .coordinator.timetable_import import ImportService
from .coordinator.tokens import TokenMinter
from .domain.ids import ClassroomId
from .domain.lesson import LessonRules
from .domain.problems import ProblemError
from .domain.retention import Retention
from .domain.turn import Turn
from .exchange.bundle_files import BundleWriter
from .exchange.importer import TimetableReader
from .exchange.national_days import NationalTables
from .exchange.pages import PageMaker
from .exchange.sandbox import Sandbox
from .machine import (
    BACKLOG,
    ID_BYTES,
    keep_running,
    listen,
    load_tls,
    own_folder,
    own_url,
    rare_collections,
    stop_signals,
)
from .relay.notify import Notifier
from .relay.recording.slicing import find
from .relay.settings import Listen, RelaySettings, settings_to_json
from .reports.worker import Renderer
from .store.bus import open_redis_bus
from .store.database import Database, open_store
from .web.app import build_app

log = structlog.get_logger(__name__)

# Pages and terminals are told to come back within milliseconds; slower means they are gone.
SHUTDOWN_S: Final = 3.0
# In `data_dir`, which the store is told.
DATABASE_URL: Final = "sqlite:///sync_classroom.db"


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What `serve` is told, as plain values; `config.py` reads them from TOML.

    `public_url`, `relay_url`: how browsers and terminals reach pages and WHIP/WHEP; empty: made
    from the listening addresses. `database_url` empty: SQLite in `data_dir`. `redis_url` empty:
    signalling inside this process. `tls`: certificate chain and key for the pages. `relay`: its
    `control`, `journal_dir` and `keys` are filled in here unless set. `ingests` are recording
    hosts by host classroom. Port 0 lets the system choose. `spawn_relay` false: the relay at
    `relay.control` is another's to start; the certificate of an https control is checked by
    `relay_authority`, or else by the system's. `national`: days off of the country.
    `library_folder` None: in `data_dir`.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    relay_url: str = ""
    tls: tuple[Path, Path] | None = None
    data_dir: Path = Path("var")
    database_url: str = ""
    redis_url: str = ""
    relay: RelaySettings = field(default_factory=RelaySettings)
    spawn_relay: bool = True
    relay_authority: Path | None = None
    rules: LessonRules = field(default_factory=LessonRules)
    setup_gap_s: int = 0
    ingests: Mapping[ClassroomId, str] = field(default_factory=dict, repr=False)
    national: NationalSource = field(default_factory=NationalTables)
    sweep_s: float = SWEEP_S
    zone: str = "Asia/Shanghai"
    trusted_proxies: tuple[str, ...] = ()
    metrics_token: str = ""
    record_lessons: bool = True
    reports: ReportOptions = field(default_factory=ReportOptions)
    retention: Retention = field(default_factory=Retention)
    report_fonts: tuple[str, ...] = ()
    library: LibraryOptions = field(default_factory=LibraryOptions)
    library_folder: Path | None = None
    push_lines: LineOptions = field(default_factory=LineOptions)
    stop_relay: bool = False
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class Ready:
    """What a serving coordinator can be reached by. `setup_url` is set while nobody has an account.

    `services` is for whoever runs `serve` inside its own process, such as the demo.
    """

    url: str
    relay_url: str
    port: int
    setup_url: str | None
    services: Services


def utc_now() -> datetime:
    """The one clock of the coordinator."""
    return datetime.now(UTC)


async def serve(
    settings: ServeSettings,
    *,
    ready: Callable[[Ready], None] | None = None,
    stop: asyncio.Event | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Serve until SIGTERM, SIGINT, `stop` or cancellation; then stop cleanly.

    `ready` is called once everything listens. Raises ProblemError naming the setting for what a
    person can put right: a port in use, a certificate that does not fit, a database or folder that
    cannot be used.
    """
    stop = stop or asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_signals(stop))
        stack.enter_context(rare_collections())
        serving = await _open(stack, settings, clock)
        notifier = Notifier.of_process()
        if ready is not None:
            ready(serving)
        log.info("serve.ready", url=serving.url, relay=serving.relay_url, version=__version__)
        notifier.ready()
        await notifier.until(stop, "serving")
        notifier.stopping()
        log.info("serve.stopping")


async def _open(
    stack: AsyncExitStack, settings: ServeSettings, clock: Callable[[], datetime]
) -> Ready:
    """Start everything in the order it is needed; `stack` takes it down again."""
    coordinator = stack.enter_context(own_folder(settings.data_dir))
    tls = None if settings.tls is None else load_tls(*settings.tls)
    listener = stack.enter_context(listen(settings.host, settings.port))
    port = listener.getsockname()[1]
    url = settings.public_url.rstrip("/") or own_url(settings.host, port, tls is not None)

    store = await open_store(settings.database_url or DATABASE_URL, data_dir=settings.data_dir)
    stack.push_async_callback(store.close)
    redis = settings.redis_url
    bus: Bus = await open_redis_bus(redis, LocalBus()) if redis else LocalBus()
    stack.push_async_callback(bus.close)
    tokens = TokenMinter(settings.data_dir / "token.jwk")
    booted: list[Callable[[], None]] = []
    relay = _relay(settings, tokens, coordinator, booted)
    identity = await relay.start()
    if isinstance(relay, RelayProcess) and settings.stop_relay:
        stack.push_async_callback(relay.stop)
    else:
        stack.push_async_callback(relay.close)
    http_port = settings.relay.http.port if identity is None else identity.http_port
    relay_url = settings.relay_url.rstrip("/") or _relay_url(settings, url, http_port)

    lease = LeaseKeeper(store, coordinator)
    hub = TerminalHub(bus, store, clock)
    booth = await build_booth(
        store, bus, relay.client, lease, hub, tokens, clock=clock, zone=ZoneInfo(settings.zone),
        rules=settings.rules, relay_id=settings.relay.relay, relay_url=relay_url,
        turn=Turn(settings.relay.turn_urls, settings.relay.turn_secret),
        sweep_s=settings.sweep_s, setup_gap_s=settings.setup_gap_s, ingests=settings.ingests,
        record=settings.record_lessons if settings.relay.recording_dir else None,
        national=settings.national,
    )  # fmt: skip
    booted.append(booth.media.nudge)  # a new relay needs its rooms now, not at the next poll
    told = _service_settings(settings, url, relay_url, simulated=await store.is_simulated())
    bundles = bundle_service(store, booth, clock, ZoneInfo(settings.zone))
    reports = report_service(
        settings, store, bus, booth, bundles, lease, place=coordinator, clock=clock
    )
    retention = retention_service(settings, store, lease, reports, clock)
    services = _services(
        told, settings, store, bus, booth, hub, lease, clock, bundles, reports, retention
    )  # fmt: skip
    stack.callback(services.accounts.close)
    await services.library.open()
    stack.push_async_callback(services.library.close)
    await services.documents.open()
    stack.push_async_callback(services.documents.close)
    await stack.enter_async_context(keep_running(_runs(booth, lease, relay, services)))
    await asyncio.gather(booth.roster.listening(), hub.listening())
    await _serve_pages(stack, services, settings.metrics_token, listener, tls)
    setup = await services.accounts.setup_link()
    setup_url = None if setup is None else f"{url}/setup?token={setup}"
    return Ready(url, relay_url, port, setup_url, services)


async def _serve_pages(
    stack: AsyncExitStack,
    services: Services,
    metrics_token: str,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
) -> None:
    runner = web.AppRunner(
        build_app(services, metrics_token=metrics_token),
        handle_signals=False,
        access_log=None,
        shutdown_timeout=SHUTDOWN_S,
    )
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls, backlog=BACKLOG).start()


def _relay(
    settings: ServeSettings,
    tokens: TokenMinter,
    coordinator: str,
    booted: Sequence[Callable[[], None]],
) -> RelayProcess | RelayLink:
    async def on_boot(boot: str) -> None:
        log.info("relay.boot", boot=boot)
        for tell in booted:
            tell()

    if not settings.spawn_relay:
        _check_reachable(settings)
        return RelayLink(
            relay_client(settings),
            relay=settings.relay.relay,
            owner=coordinator,
            keys=tokens.public_keys(),
            on_boot=on_boot,
        )
    return RelayProcess(
        _relay_settings(settings, tokens),
        on_boot=on_boot,
        log_level=settings.log_level,
        log_file=settings.data_dir / "relay" / "relay.log",
    )


def relay_client(settings: ServeSettings) -> RelayClient:
    """How the relay of these settings is spoken to."""
    control = _control(settings)
    if isinstance(control, Path):
        return RelayClient(control)
    tls = trusting(settings.relay_authority) if settings.relay.control_tls else None
    return RelayClient((control.host, control.port), settings.relay.control_secret, tls=tls)


def _control(settings: ServeSettings) -> Path | Listen:
    return settings.relay.control or settings.data_dir.absolute() / "relay" / "control.sock"


def _check_reachable(settings: ServeSettings) -> None:
    """A relay that is controlled over the network is elsewhere: its URL cannot be guessed."""
    if not settings.relay.control_tls or settings.relay_url:
        return
    raise ProblemError(
        "relay_url_missing",
        "媒体服务在另一台机器上时，须用 relay.public_url 写明终端访问它的地址，"
        "例如 https://relay.example:8090。",
        "With the relay on another machine, relay.public_url must say how terminals reach it, for"
        " example https://relay.example:8090.",
        field="relay.public_url",
        value="",
    )


def _service_settings(
    settings: ServeSettings, url: str, relay_url: str, *, simulated: bool
) -> ServiceSettings:
    return ServiceSettings(
        public_url=url,
        relay_url=relay_url,
        secure=urlsplit(url).scheme == "https",
        version=__version__,
        boot=secrets.token_hex(ID_BYTES),
        trusted_proxies=settings.trusted_proxies,
        recordings=settings.relay.recording_dir,
        simulated=simulated,
        targets=tuple((t.by, t.classrooms) for t in settings.reports.targets),
    )


def _services(
    service_settings: ServiceSettings,
    settings: ServeSettings,
    store: Database,
    bus: Bus,
    booth: Booth,
    hub: TerminalHub,
    lease: LeaseKeeper,
    clock: Callable[[], datetime],
    bundles: BundleService,
    reports: ReportService,
    retention: RetentionService,
) -> Services:
    throttle = Throttle()
    zone = ZoneInfo(settings.zone)
    library = LibraryService(
        store, booth.recordings, options=settings.library, clock=clock,
        folder=_library_folder(settings),
        recordings=settings.relay.recording_dir,
    )  # fmt: skip
    files = PushFiles(store, booth.roster, library, settings.push_lines, clock, zone)
    pushes = PushService(store, booth.evidence, booth.roster, hub, clock=clock, zone=zone)
    return Services(
        settings=service_settings, clock=clock, zone=zone, store=store, bus=bus,
        roster=booth.roster, calendar=CalendarService(store, booth.roster, clock),
        lessons=booth.lessons, evidence=booth.evidence, coverage=booth.coverage, desk=booth.desk,
        floor=booth.floor, runner=booth.runner, media=booth.media,
        accounts=AccountService(store, clock, throttle=throttle),
        enrolment=EnrolmentService(store, hub, booth.roster.current, clock, throttle=throttle),
        help_desk=HelpDesk(store, bus, hub, clock=clock, zone=zone),
        hub=hub, board=TerminalBoard(store, hub, booth.roster.current, clock, zone),
        recordings=booth.recordings, timetable=booth.timetable, feeds=booth.feeds,
        notices=NoticeService(store, bus, clock=clock), bundles=bundles, reports=reports,
        journals=TerminalJournalService(store, bus, clock, throttle=throttle), library=library,
        retention=retention, research=booth.research, watching=booth.watching,
        ink=InkDesk(booth.desk, hub, bus), meetings=booth.meetings, pushes=pushes,
        meeting_recorder=booth.meeting_recorder,
        minutes=MinutesService(store, bus, clock=clock), study=booth.study,
        scoring=ScoringService(store, bus, clock=clock),
        missed=MissedService(store, booth.evidence, booth.recordings, library.tracks, find,
                             folder=settings.relay.recording_dir),
        documents=DocumentService(store, bus, PageMaker(), library, clock=clock),
        imports=ImportService(
            TimetableReader(Sandbox()), booth.timetable, roster=booth.roster, clock=clock,
            zone=zone, gap_s=settings.setup_gap_s),
        materials=MaterialService(store, library, clock=clock),
        make_up=MakeUpService(
            store, pushes, library, lease, lambda: booth.ingest.heard_at, clock=clock, zone=zone
        ),
        receiver=PushReceiver(store, files, clock, throttle), push_files=files,
    )  # fmt: skip


def _library_folder(settings: ServeSettings) -> Path:
    return settings.library_folder or settings.data_dir.absolute() / "library"


def retention_service(
    settings: ServeSettings,
    store: Database,
    lease: LeaseKeeper,
    reports: ReportService,
    clock: Callable[[], datetime],
) -> RetentionService:
    """Who deletes in time what may be deleted."""
    return RetentionService(
        store, lease, settings.retention, reports=reports.remove_before, clock=clock,
        sweep=partial(sweep_pages, store, PageFolder(_library_folder(settings))),
        zone=ZoneInfo(settings.zone),
    )  # fmt: skip


def bundle_service(
    store: Database, booth: Booth, clock: Callable[[], datetime], zone: ZoneInfo
) -> BundleService:
    """Who reads plan and facts into bundles and reports, under the rules in force."""
    return BundleService(
        store, booth.roster, BundleWriter, rules=booth.evidence.rules,
        chain=booth.coverage.chain_head, clock=clock, zone=zone,
    )  # fmt: skip


def report_service(
    settings: ServeSettings,
    store: Database,
    bus: Bus,
    booth: Booth,
    bundles: BundleService,
    lease: LeaseKeeper,
    *,
    place: str,
    clock: Callable[[], datetime],
) -> ReportService:
    """Who makes reports, in the data folder."""
    return ReportService(
        store, bus, bundles, Renderer(fonts=settings.report_fonts), lease,
        booth.roster, options=settings.reports, folder=settings.data_dir.absolute() / "reports",
        place=place, version=__version__, clock=clock,
    )  # fmt: skip


# ---------------------------------------------------------------------------- tasks


def _runs(
    booth: Booth, lease: LeaseKeeper, relay: RelayProcess | RelayLink, services: Services
) -> dict[str, Callable[[], Awaitable[None]]]:
    return {
        "roster": booth.roster.run,
        "hub": services.hub.run,
        "relay": relay.watch,
        "media-watch": booth.media.run,
        "lease": lease.run,
        "runner": booth.runner.run,
        "journal": booth.ingest.run,
        "rollups": booth.rollups.run,
        "meetings": booth.meeting_watch.run,
        "reports": services.reports.run,
        "pushes": services.pushes.run,
        "push-files": services.push_files.run,
        "make-up": services.make_up.run,
        "retention": services.retention.run,
    }


# ---------------------------------------------------------------------------- addresses


def _relay_settings(settings: ServeSettings, tokens: TokenMinter) -> dict[str, Any]:
    folder = settings.data_dir / "relay"
    relay = settings.relay
    defaults = RelaySettings()
    return settings_to_json(
        replace(
            relay,
            control=_control(settings),
            journal_dir=(
                folder.absolute()
                if relay.journal_dir == defaults.journal_dir
                else relay.journal_dir
            ),
            keys=relay.keys or tuple(tokens.public_keys()),
        )
    )


def _relay_url(settings: ServeSettings, url: str, port: int) -> str:
    """WHIP and WHEP at the pages' host name, unless the relay listens on one address only."""
    listens = settings.relay.http.host
    name = listens if listens not in ("0.0.0.0", "::", "") else urlsplit(url).hostname  # noqa: S104
    scheme = "https" if settings.relay.tls_certificate is not None else "http"
    return str(URL.build(scheme=scheme, host=name or "localhost", port=port))
