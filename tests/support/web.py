"""A coordinator's web side as browsers and terminals meet it: real sockets, real SQLite, real bus.

Only the relay is a recorded one. Password hashing is real argon2id with the least parameters.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from argon2 import PasswordHasher
from sqlalchemy import Table, insert, select

from sync_classroom.app import bundle_service
from sync_classroom.coordinator.accounts import AccountService
from sync_classroom.coordinator.board import TerminalBoard
from sync_classroom.coordinator.booth import build_booth
from sync_classroom.coordinator.calendar import CalendarService
from sync_classroom.coordinator.documents import DocumentService
from sync_classroom.coordinator.enrolment import EnrolmentService
from sync_classroom.coordinator.help_desk import HelpDesk
from sync_classroom.coordinator.hub import TerminalHub
from sync_classroom.coordinator.ink import InkDesk
from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.library import LibraryOptions, LibraryService
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.make_up import MakeUpService
from sync_classroom.coordinator.materials import MaterialService
from sync_classroom.coordinator.minutes import MinutesService
from sync_classroom.coordinator.missed import MissedService
from sync_classroom.coordinator.notices import NoticeService
from sync_classroom.coordinator.passwords import PasswordHashing
from sync_classroom.coordinator.push_files import LineOptions, PushFiles
from sync_classroom.coordinator.push_receiving import PushReceiver
from sync_classroom.coordinator.pushes import PushService
from sync_classroom.coordinator.reports import ReportOptions, ReportService
from sync_classroom.coordinator.retention import RetentionService
from sync_classroom.coordinator.roster import NationalSource, no_national_days
from sync_classroom.coordinator.scoring import ScoringService
from sync_classroom.coordinator.services import Services, ServiceSettings
from sync_classroom.coordinator.terminal_journal import TerminalJournalService
from sync_classroom.coordinator.throttle import Throttle
from sync_classroom.coordinator.timetable_import import ImportService
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.library import Limits
from sync_classroom.domain.retention import Retention
from sync_classroom.exchange.importer import TimetableReader
from sync_classroom.exchange.pages import PageMaker
from sync_classroom.exchange.sandbox import Sandbox
from sync_classroom.relay.recording.slicing import find
from sync_classroom.reports.worker import Renderer
from sync_classroom.store.account_tables import sessions, users
from sync_classroom.store.database import Database
from sync_classroom.web.app import build_app
from tests.support.coordination import RULES, ZONE, RecordedRelay, TurnedClock, roster
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.waiting import PATIENCE_S

PASSWORD = "a good long password"
PEOPLE = (Role.ADMIN, Role.TEACHER, Role.REVIEWER, Role.OPERATOR)
SMALL_LIBRARY = LibraryOptions(Limits(8_000_000, 20_000_000, 0))
QUICK_HASHES = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class TurnedSeconds:
    """Monotonic seconds that stand still until they are turned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """A serving coordinator. `url` has no trailing slash; `client` keeps no cookies."""

    url: str
    app: web.Application
    services: Services
    store: Database
    bus: LocalBus
    relay: RecordedRelay
    clock: Any
    seconds: TurnedSeconds
    throttle: Throttle
    client: aiohttp.ClientSession
    runner: web.AppRunner
    users: dict[Role, User] = field(default_factory=dict)
    cookies: dict[Role, str] = field(default_factory=dict)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        role: Role | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> aiohttp.ClientResponse:
        """A request, signed in as `role`; redirects are not followed, the body is read."""
        sent = dict(headers or {})
        if role is not None:
            sent["Cookie"] = f"__Host-session={self.cookies[role]}"
        async with self.client.request(
            method, self.url + path, headers=sent, allow_redirects=False, **options
        ) as response:
            await response.read()
            return response

    async def device(self, classroom: str) -> tuple[str, str]:
        """Enrol a terminal for the classroom: (terminal id, token)."""
        code, _ = await self.services.enrolment.make_code(ClassroomId(classroom), actor="test")
        terminal, token = await self.services.enrolment.enrol(
            code, label="test", address="192.0.2.9"
        )
        return terminal.id, token

    def connect(self, **options: Any) -> Any:
        """A WebSocket at `/ws/terminal`, as a context manager."""
        return self.client.ws_connect(self.url + "/ws/terminal", **options)

    async def hello(self, socket: aiohttp.ClientWebSocketResponse, token: str) -> dict[str, Any]:
        """Say hello and return the welcome."""
        await socket.send_json({"type": "hello", "token": token, "version": "test", "boot": "b"})
        return await expect(socket, "welcome")


def body_of(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer of `Site.ask`, which has been read already."""
    body = response._body
    assert body is not None
    return body


async def expect(
    socket: aiohttp.ClientWebSocketResponse, kind: str, **fields: Any
) -> dict[str, Any]:
    """The next message of this type with these fields; others are passed over."""
    async with asyncio.timeout(PATIENCE_S):
        async for frame in socket:
            assert frame.type is aiohttp.WSMsgType.TEXT, frame
            message: dict[str, Any] = json.loads(frame.data)
            if message["type"] == kind and all(message.get(k) == v for k, v in fields.items()):
                return message
    raise AssertionError(f"closed with {socket.close_code} before {kind!r} came")


async def closed(
    socket: aiohttp.ClientWebSocketResponse,
) -> tuple[int | None, list[dict[str, Any]]]:
    """Read until the server closes: (close code, the messages before)."""
    async with asyncio.timeout(PATIENCE_S):
        messages = [json.loads(frame.data) async for frame in socket]
    return socket.close_code, messages


def settings(**changes: Any) -> ServiceSettings:
    """Plain HTTP, a relay elsewhere, no proxies."""
    values: dict[str, Any] = {
        "public_url": "http://127.0.0.1",
        "relay_url": "https://relay.example",
        "secure": False,
        "version": "1.2.3",
        "boot": "boot-of-test",
    }
    return ServiceSettings(**(values | changes))


def stored_bytes(folder: Path, name: str = "test.db*") -> bytes:
    """Everything the database has on disk, to look for what must not be there."""
    return b"".join(path.read_bytes() for path in folder.glob(name))


@asynccontextmanager
async def site(
    folder: Path,
    *,
    people: bool = True,
    clock: Any = None,
    bus: LocalBus | None = None,
    store: Database | None = None,
    hub: TerminalHub | None = None,
    metrics_token: str = "",
    national: NationalSource = no_national_days,
    library: LibraryOptions = SMALL_LIBRARY,
    lines: LineOptions = LineOptions(),  # noqa: B008 a frozen value
    **changes: Any,
) -> AsyncIterator[Site]:
    """A served coordinator with one user of every role, signed in; 08:00 of the test day."""
    async with AsyncExitStack() as stack:
        clock = clock or TurnedClock(at("08:00"))
        if store is None:
            store = await file_store(folder)
            stack.push_async_callback(store.close)
            await store.apply_roster(roster())
        bus = bus or LocalBus()
        relay, seconds, throttle = RecordedRelay(), TurnedSeconds(), Throttle()
        hub = hub or TerminalHub(bus, store, clock)
        await stack.enter_async_context(_running(hub))
        booth = await build_booth(
            store,
            bus,
            relay,
            LeaseKeeper(store, "one"),
            hub,
            TokenMinter(folder / "token.jwk"),
            clock=clock,
            zone=ZONE,
            rules=RULES,
            relay_id="relay-1",
            relay_url="https://relay.example",
            national=national,
            record=True if changes.get("recordings") else None,
        )
        accounts = AccountService(
            store,
            clock,
            throttle=throttle,
            hashing=PasswordHashing(QUICK_HASHES),
            monotonic=seconds,
        )
        stack.callback(accounts.close)
        bundles = bundle_service(store, booth, clock, ZONE)
        shelf = LibraryService(
            store, booth.recordings, folder=folder / "library",
            recordings=changes.get("recordings"), options=library, clock=clock,
        )  # fmt: skip
        files = PushFiles(store, booth.roster, shelf, lines, clock, ZONE, seconds)
        pushes = PushService(store, booth.evidence, booth.roster, hub, clock=clock, zone=ZONE)
        services = Services(
            settings=settings(**changes),
            clock=clock,
            zone=ZONE,
            store=store,
            bus=bus,
            roster=booth.roster,
            calendar=CalendarService(store, booth.roster, clock),
            lessons=booth.lessons,
            evidence=booth.evidence, coverage=booth.coverage,
            desk=booth.desk,
            floor=booth.floor,
            runner=booth.runner,
            media=booth.media,
            accounts=accounts,
            enrolment=EnrolmentService(
                store, hub, booth.roster.current, clock, throttle=throttle, monotonic=seconds
            ),
            hub=hub,
            help_desk=HelpDesk(store, bus, hub, clock=clock, zone=ZONE),
            board=TerminalBoard(store, hub, booth.roster.current, clock, ZONE),
            recordings=booth.recordings,
            timetable=booth.timetable,
            feeds=booth.feeds,
            watching=booth.watching,
            ink=InkDesk(booth.desk, hub, bus, monotonic=seconds),
            notices=NoticeService(store, bus, clock=clock),
            bundles=bundles,
            reports=ReportService(
                store,
                bus,
                bundles,
                Renderer(),
                LeaseKeeper(store, "one"),
                booth.roster,
                options=ReportOptions(programme="同步课堂帮扶"),
                folder=folder / "reports",
                place="one",
                version="1.2.3",
                clock=clock,
            ),
            retention=RetentionService(
                store,
                LeaseKeeper(store, "one"),
                Retention(),
                reports=_no_reports,
                sweep=_no_pages,
                clock=clock,
                zone=ZONE,
            ),
            research=booth.research,
            meetings=booth.meetings,
            meeting_recorder=booth.meeting_recorder,
            minutes=MinutesService(store, bus, clock=clock),
            missed=MissedService(
                store, booth.evidence, booth.recordings, shelf.tracks, find,
                folder=changes.get("recordings"), monotonic=seconds,
            ),
            documents=DocumentService(store, bus, PageMaker(), shelf, clock=clock),
            study=booth.study,
            materials=MaterialService(store, shelf, clock=clock),
            scoring=ScoringService(store, bus, clock=clock),
            journals=TerminalJournalService(
                store, bus, clock, throttle=throttle, monotonic=seconds
            ),
            imports=ImportService(
                TimetableReader(Sandbox()), booth.timetable, roster=booth.roster, clock=clock,
                zone=ZONE,
            ),
            library=shelf,
            pushes=pushes,
            make_up=MakeUpService(
                store, pushes, shelf, LeaseKeeper(store, "one"), clock, clock=clock, zone=ZONE
            ),
            receiver=PushReceiver(store, files, clock, throttle, seconds),
            push_files=files,
        )  # fmt: skip
        await services.library.open()
        await services.documents.open()
        stack.push_async_callback(services.documents.close)
        stack.push_async_callback(services.library.close)
        app = build_app(services, metrics_token=metrics_token)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        tcp = web.TCPSite(runner, "127.0.0.1", 0)
        await tcp.start()
        client = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )
        port = runner.addresses[0][1]
        served = Site(
            f"http://127.0.0.1:{port}",
            app,
            services,
            store,
            bus,
            relay,
            clock,
            seconds,
            throttle,
            client,
            runner,
        )
        if people:
            await _populate(served)
        yield served


async def _no_pages() -> None:
    """Nor documents."""


async def _no_reports(before: Any) -> int:
    """A site in a test has no old reports."""
    del before
    return 0


@dataclass(frozen=True)
class _People:
    """Users with their cookies, and what the store holds of them."""

    users: Mapping[Role, User]
    cookies: Mapping[Role, str]
    rows: Sequence[tuple[Table, list[dict[str, Any]]]]


# By the time at which they were made. The service asks the store some thirty times for them, which
# was a quarter of a page test's time; what that stored is put back at once for the next test.
_PEOPLE: dict[datetime, _People] = {}


async def _populate(served: Site) -> None:
    now = served.clock()
    if (people := _PEOPLE.get(now)) is not None:
        async with served.store._database.write() as connection:
            for table, rows in people.rows:
                await connection.execute(insert(table), rows)
        served.users |= people.users
        served.cookies |= people.cookies
        return
    accounts = served.services.accounts
    for role in PEOPLE:
        served.users[role] = await accounts.add_user(role.value, f"{role.value} 甲", role, PASSWORD)
        served.cookies[role], _ = await accounts.sign_in(role.value, PASSWORD, address="192.0.2.1")
    async with served.store._database.read() as connection:
        found = [
            (table, [dict(row) for row in (await connection.execute(select(table))).mappings()])
            for table in (users, sessions)
        ]
    _PEOPLE[now] = _People(dict(served.users), dict(served.cookies), found)


@asynccontextmanager
async def _running(hub: TerminalHub) -> AsyncIterator[None]:
    task = asyncio.create_task(hub.run(), name="hub")
    await hub.listening()
    try:
        yield
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError), result


LESSON: dict[str, Any] = {
    "title": "Unit 6 Meet my family",
    "subject": "英语",
    "teacher": "host-1-t1",
    "classroom": "host-1-r1",
    "starts_at": "2026-11-23T09:00:00+08:00",
    "ends_at": "2026-11-23T09:40:00+08:00",
    "grade": 3,
    "seats": [
        {"classroom": "far-1-r1", "class": "far-1-c1", "expected": 42},
        {"classroom": "far-1-r2"},
    ],
}


async def plan(served: Site, key: str = "k1", **changes: Any) -> Any:
    """Plan `LESSON` with changes over HTTP, as administrator."""
    return await served.ask(
        "POST",
        "/api/lessons",
        role=Role.ADMIN,
        json=LESSON | changes,
        headers={"Idempotency-Key": key},
    )
