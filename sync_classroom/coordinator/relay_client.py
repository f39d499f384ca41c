"""The relay's control API over a Unix socket, HTTP or HTTPS; `ports.RelayControl`."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp import BaseConnector, ClientError, ClientSession, ClientTimeout, TCPConnector
from aiohttp.connector import UnixConnector

from ..domain.problems import ProblemError
from .ports import (
    IngestStatus,
    JournalPage,
    Layout,
    PeerStatus,
    RelayDownError,
    RelayStatus,
    RoomSpec,
)

#: The relay answers within milliseconds; this long means it is gone or stuck.
TIMEOUT_S: Final = 5.0
#: A page of 5000 records has 2 MB; the status of 600 sessions 200 kB.
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024


class RelayRefusedError(ValueError):
    """The relay understood and refused (4xx, or 507 for want of room). `code` is the relay's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class RelayLockedError(RelayDownError):
    """The relay answers and asks for another secret."""


@dataclass(frozen=True, slots=True)
class RelayIdentity:
    """Which relay process answers, and on which ports it serves."""

    relay: str
    boot: str
    pid: int
    version: str
    settings: str
    media_port: int
    http_port: int
    draining: bool
    sessions: int
    rooms: int = 0
    load: float = 0.0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class RelayPulse:
    """A sign of life."""

    boot: str
    draining: bool


class RelayClient:
    """Control of one relay at a Unix socket path or a `(host, port)` with a secret.

    Over TCP by HTTPS if `tls` is given. Every method raises `RelayDownError` when there is no
    answer in time, and `RelayRefusedError` for a request the relay finds invalid.
    """

    def __init__(
        self,
        control: Path | tuple[str, int],
        secret: str = "",
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._control = control
        self._tls = tls
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._timeout = ClientTimeout(total=timeout_s)
        self._session: ClientSession | None = None

    @property
    def where(self) -> str:
        """What it talks to, for people."""
        return str(self._control) if isinstance(self._control, Path) else self._base()

    async def status(self, room: str | None = None) -> RelayStatus:
        """Identity and peers, of one room or of all."""
        answer = await self._call("GET", "/status", query={"room": room} if room else None)
        try:
            peers = tuple(_peer(peer) for peer in answer["peers"])
            ingests = tuple(_ingest(one) for one in answer["ingests"])
            return RelayStatus(
                str(answer["relay"]),
                str(answer["boot"]),
                bool(answer["draining"]),
                tuple(answer["rooms"]),
                peers,
                ingests,
            )
        except (KeyError, TypeError) as error:
            raise RelayDownError(f"the relay's status makes no sense: {error!r}") from error

    async def identity(self) -> RelayIdentity:
        """Which process answers at this address."""
        answer = await self._call("GET", "/status")
        try:
            return RelayIdentity(
                relay=str(answer["relay"]),
                boot=str(answer["boot"]),
                pid=int(answer["pid"]),
                version=str(answer["version"]),
                settings=str(answer["settings"]),
                media_port=int(answer["media_port"]),
                http_port=int(answer["http_port"]),
                draining=bool(answer["draining"]),
                sessions=len(answer["peers"]),
                rooms=len(answer["rooms"]),
                load=float(answer.get("load", 0.0)),  # one we adopt may be older
                busy=bool(answer.get("busy", False)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RelayDownError(f"the relay's status makes no sense: {error!r}") from error

    async def pulse(self) -> RelayPulse:
        """Which relay answers, and whether it drains; the cheapest call there is."""
        answer = await self._call("GET", "/healthz")
        return RelayPulse(str(answer.get("boot")), bool(answer.get("draining")))

    async def put_room(self, spec: RoomSpec) -> None:
        """Make the room or replace its layouts; idempotent, takes effect at once."""
        layouts = {peer: _layout(layout) for peer, layout in spec.layouts.items()}
        body = {"layouts": layouts, "ingest": spec.ingest}
        await self._call("PUT", f"/rooms/{_part(spec.room)}", body)

    async def delete_room(self, room: str) -> None:
        """Close every session of the room and write its last samples; unknown rooms are fine."""
        await self._call("DELETE", f"/rooms/{_part(room)}")

    async def kick(self, room: str, peer: str) -> None:
        """Close the sessions of one peer."""
        await self._call("DELETE", f"/rooms/{_part(room)}/peers/{_part(peer)}")

    async def journal(self, after: str | None, limit: int) -> JournalPage:
        """Records after the cursor, oldest first."""
        query = {"limit": str(limit)} | ({"after": after} if after is not None else {})
        answer = await self._call("GET", "/journal", query=query)
        try:
            records = tuple(answer["records"])
            return JournalPage(records, str(answer["cursor"]), bool(answer["more"]))
        except (KeyError, TypeError) as error:
            raise RelayDownError(f"the relay's journal makes no sense: {error!r}") from error

    async def confirm_journal(self, cursor: str) -> None:
        """Allow the relay to forget everything up to the cursor."""
        await self._call("POST", "/journal/confirm", {"cursor": cursor})

    async def put_keys(self, keys: Sequence[Mapping[str, str]], owner: str = "") -> None:
        """Replace the public keys of one owner, by which tokens may be signed.

        The owner without a name is whoever started the relay.
        """
        path = f"/keys/{_part(owner)}" if owner else "/keys"
        await self._call("PUT", path, {"keys": [dict(key) for key in keys]})

    async def record(self, recording: str, room: str, sources: Sequence[str]) -> Mapping[str, Any]:
        """Record these sources of a room, or go on doing so; what there is of it."""
        body = {"room": room, "sources": list(sources)}
        return await self._call("PUT", f"/recordings/{_part(recording)}", body)

    async def stop_recording(self, recording: str) -> Mapping[str, Any]:
        """End a recording; idempotent."""
        return await self._call("POST", f"/recordings/{_part(recording)}/stop")

    async def recording(self, recording: str) -> Mapping[str, Any]:
        """What there is of a recording."""
        return await self._call("GET", f"/recordings/{_part(recording)}")

    async def recordings(self, state: str) -> Sequence[str]:
        """Ids of the recordings in a state, the last by name first, at most 1000."""
        answer = await self._call("GET", "/recordings", query={"state": state})
        try:
            return [str(found["id"]) for found in answer["recordings"]]
        except (KeyError, TypeError) as error:
            raise RelayDownError(f"the relay's recordings make no sense: {error!r}") from error

    async def drain(self) -> None:
        """Take no new rooms, and end once nobody is connected."""
        await self._call("POST", "/drain")

    async def cancel_drain(self) -> None:
        """Take new rooms again, and stay."""
        await self._call("DELETE", "/drain")

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -------------------------------------------------------------------- one call

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            async with self._connected().request(
                method, f"{self._base()}{path}", params=query, json=body, allow_redirects=False
            ) as response:
                data = await response.content.read(MAX_ANSWER_BYTES + 1)
                while len(data) <= MAX_ANSWER_BYTES and (
                    more := await response.content.read(MAX_ANSWER_BYTES)
                ):
                    data += more
                status = response.status
        except (ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise RelayDownError(f"no answer from the relay: {error!r}") from error
        if len(data) > MAX_ANSWER_BYTES:
            raise RelayDownError("the relay's answer is too long")
        if status == 204:
            return {}
        return _answer(status, data)

    def _connected(self) -> ClientSession:
        if self._session is None:
            connector: BaseConnector
            if isinstance(self._control, Path):
                connector = UnixConnector(str(self._control), limit=8)
            else:
                connector = TCPConnector(limit=8, ssl=self._tls or True)
            self._session = ClientSession(
                connector=connector, headers=self._headers, timeout=self._timeout
            )
        return self._session

    def _base(self) -> str:
        if isinstance(self._control, Path):
            return "http://relay"
        host, port = self._control
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def trusting(authority: Path | None) -> ssl.SSLContext:
    """For a control API by HTTPS: `authority` (PEM) says who is right, or else the system's do."""
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise ProblemError(
            "authority_unusable",
            f"无法使用证书颁发机构文件 {authority}：{error}。请检查 relay.control_ca。",
            f"The authority {authority} cannot be used: {error}. Check relay.control_ca.",
            field="relay.control_ca",
            value=str(authority),
        ) from error


def _answer(status: int, data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RelayDownError(f"the relay answered {status} without JSON")
    if status == 200:
        return answer
    code, text = str(answer.get("code")), str(answer.get("en"))
    if status == 401:
        raise RelayLockedError(f"the relay answered {status} {code}: {text}")
    # 507: a full disk is a refusal to record, not a relay that is away.
    if status == 403 or (status >= 500 and status != 507):
        raise RelayDownError(f"the relay answered {status} {code}: {text}")
    raise RelayRefusedError(status, code, text)


def _part(name: str) -> str:
    return quote(name, safe="")


def _layout(layout: Layout) -> dict[str, Any]:
    return {name: list(slots) for name, slots in asdict(layout).items()}


def _ingest(ingest: Mapping[str, Any]) -> IngestStatus:
    values = {name: ingest[name] for name in IngestStatus.__slots__}
    return IngestStatus(**(values | {"advice": tuple(values["advice"])}))


def _peer(peer: Mapping[str, Any]) -> PeerStatus:
    return PeerStatus(**{name: peer[name] for name in PeerStatus.__slots__})
