"""Many virtual terminals at once: who they are, how each misbehaves, and what they all saw."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from ..domain.problems import ProblemError
from .answers import RequestRefusedError, accepted
from .recording import Recording
from .terminal import Behaviour, Tally, VirtualTerminal
from .uploads import upload


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of misbehaving terminals (0…1) and how badly they do; times in seconds."""

    loss: float = 0.0
    late: float = 0.0
    leave: float = 0.0
    blink: float = 0.0
    hands: float = 0.0
    late_s: float = 20.0
    leave_s: float = 60.0
    blink_s: float = 15.0
    hand_s: float = 20.0


def behaviours(count: int, mix: Mix, seed: int) -> list[Behaviour]:
    """One behaviour for each terminal; the same seed gives the same classrooms."""
    rng = random.Random(seed)  # noqa: S311 - a seeded simulation, no secret
    made = []
    for _ in range(count):
        late, leave, blink, hand = (rng.random() for _ in range(4))
        made.append(
            Behaviour(
                loss=mix.loss,
                late_s=rng.uniform(0.2, 1.0) * mix.late_s if late < mix.late else 0.0,
                leave_s=rng.uniform(0.5, 1.0) * mix.leave_s if leave < mix.leave else None,
                blink_s=rng.uniform(0.5, 1.5) * mix.blink_s if blink < mix.blink else None,
                hand_s=rng.uniform(0.2, 1.0) * mix.hand_s if hand < mix.hands else None,
            )
        )
    return made


def open_http(server: str) -> aiohttp.ClientSession:
    """A session for all terminals and the administrator who enrols them.

    Every terminal keeps a connection open, so there is no limit on connections. As browsers do, it
    keeps cookies of a server addressed by number, and secure ones of this machine without TLS.
    """
    origin = URL(server).origin()
    local = origin.host in ("localhost", "127.0.0.1", "::1")
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=[origin] if local else None)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=jar)


KEY: Final = "Idempotency-Key"


class Account:
    """Somebody signed in over the public API."""

    def __init__(self, http: aiohttp.ClientSession, server: str) -> None:
        self._http = http
        self._server = server

    @classmethod
    async def sign_in(
        cls, http: aiohttp.ClientSession, server: str, login: str, password: str
    ) -> Self:
        """Sign in; raises RequestRefusedError."""
        self = cls(http, server)
        await self.post("/api/session", {"login": login, "password": password})
        return self

    async def post(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """POST JSON and return the answer."""
        answer: dict[str, Any] = await self._ask("POST", path, body, headers)
        return answer

    async def get(self, path: str) -> Any:
        """GET JSON."""
        return await self._ask("GET", path, None, None)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Any:
        url = urljoin(self._server, path)
        sent = {"Origin": self._server.rstrip("/"), **(headers or {})}
        async with self._http.request(method, url, json=body, headers=sent) as response:
            await accepted(response)
            return await response.json() if response.status != 204 else {}


class Administrator(Account):
    """An administrator: enrols virtual terminals, gives orders."""

    async def enrol(self, classroom: str, label: str) -> str:
        """Make a code for a classroom and redeem it; returns the device token."""
        made = await self.post("/api/terminals/codes", {"classroom": classroom})
        body = {"code": made["code"], "label": label}
        return str((await self._ask("POST", "/api/terminal/enrol", body, None))["token"])

    async def add_resource(self, file: Path, title: str, subject: str) -> str:
        """Upload a file (tus 1.0) and have it taken into the library; its id there."""
        size = await asyncio.to_thread(lambda: file.stat().st_size)
        with await asyncio.to_thread(file.open, "rb") as data:
            sent = await upload(self._http, self._server, data, file.name, size, {})
        body, key = {"upload": sent, "title": title, "subject": subject}, {KEY: sent}
        # 202: it is still being checked, and the same request asks again.
        while not (made := await self.post("/api/library", body, key)):
            pass
        return str(made["id"])

    async def push(self, resource: str, classrooms: Sequence[str], reason: str) -> str:
        """Push a resource to classrooms, at once; the order's id."""
        body = {"resource": resource, "classrooms": list(classrooms), "reason": reason}
        return str((await self.post("/api/pushes", body, {KEY: secrets.token_hex(8)}))["id"])


@dataclass(frozen=True, slots=True)
class Row:
    """One terminal for the live table."""

    name: str
    tally: Tally
    host: bool = False


class Virtual(Protocol):
    """A virtual terminal or person: runs until cancelled, or until nothing is left to do."""

    name: str
    tally: Tally

    @property
    def hosts(self) -> bool:
        """Whether it gives a lesson, which the sums of the rooms leave out."""
        ...

    async def run(self) -> None:
        """Be there."""
        ...

    def figures(self) -> Tally:
        """What it has seen so far."""
        ...


class Swarm:
    """Runs terminals until cancelled; one that fails for good is reported, the others go on."""

    def __init__(self, terminals: Sequence[Virtual]) -> None:
        self.terminals = tuple(terminals)
        self.failures: dict[str, tuple[str, str]] = {}

    async def run(self) -> None:
        """Run all of them."""
        async with asyncio.TaskGroup() as tasks:
            for terminal in self.terminals:
                tasks.create_task(self._guard(terminal), name=terminal.name)

    async def _guard(self, terminal: Virtual) -> None:
        try:
            await terminal.run()
        except Exception as error:  # one broken terminal must not end the others
            terminal.tally.state = "failed"
            technical = repr(error)
            self.failures[terminal.name] = (
                (error.zh, error.en)
                if isinstance(error, ProblemError | RequestRefusedError)
                else (technical, technical)
            )

    def rows(self) -> list[Row]:
        """What every terminal has seen so far."""
        return [Row(t.name, t.figures(), t.hosts) for t in self.terminals]

    @property
    def receiving(self) -> int:
        """How many terminals have received at least one packet."""
        return sum(1 for t in self.terminals if t.figures().packets)


def make_terminals(
    http: aiohttp.ClientSession,
    server: str,
    tokens: Mapping[str, str],
    *,
    recording: Recording | None,
    thumbnail: Recording | None,
    mix: Mix,
    seed: int,
) -> list[VirtualTerminal]:
    """A virtual terminal for each classroom of `tokens` (name → device token)."""
    return [
        VirtualTerminal(
            http,
            server,
            token,
            name=name,
            behaviour=behaviour,
            recording=recording,
            thumbnail=thumbnail,
            seed=seed + index,
        )
        for index, ((name, token), behaviour) in enumerate(
            zip(tokens.items(), behaviours(len(tokens), mix, seed), strict=True)
        )
    ]
