"""The control API without HTTP: rooms, kicks, status, load, journal, keys, drain.

See docs/relay-interface.md. A bad request changes nothing. On a Unix socket the file's permissions
are the lock; on TCP every request carries the shared secret, because any program and any web page
on the machine can reach a loopback port, and other machines any other.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..domain.ingest import IngestSource, parse_ingest
from ..domain.problems import ProblemError
from .health import Health
from .ingest_supervisor import Ingests
from .journal import Journal
from .journal_files import MAX_PAGE
from .picture import MAX_SIDE
from .recording.library import State
from .recording.recorder import Recorder, RecordingRefusedError
from .room import Layout
from .session import SessionRefusedError
from .tokens import TokenVerifier, is_name
from .whip import HttpProblem, Reply, Request

if TYPE_CHECKING:
    from .endpoint import Endpoint

#: 200 layouts of 15 slots with long names fit.
MAX_CONTROL_BYTES: Final = 1024 * 1024
#: Slots of one kind; an offer has at most this many m-lines.
MAX_SLOTS: Final = 32
#: Layouts of one room: one a peer, and no room has more.
MAX_LAYOUTS: Final = 512
#: Journal records in a page nobody gave a limit for: eight seconds of a full relay, 180 kB.
DEFAULT_PAGE: Final = 500
#: How much of a bad value an error repeats: enough to find it, too little to fill a log with.
SHOWN_CHARACTERS: Final = 120
JSON: Final = "application/json"

_SOURCE = re.compile(r"camera|screen|(?:seat|screen):[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who and where this relay is. `settings` is a digest its starter gave it, to know it by."""

    relay: str
    boot: str
    pid: int
    version: str
    settings: str = ""
    media_port: int = 0
    http_port: int = 0


Handler = Callable[[Request, tuple[str, ...]], Awaitable[Reply]]


class Control:
    """Answers control requests. `secret` None: no secret is asked for (Unix socket)."""

    def __init__(
        self,
        endpoint: Endpoint,
        journal: Journal,
        verifier: TokenVerifier,
        identity: Identity,
        health: Health,
        *,
        secret: str | None,
        metrics: Callable[[], Reply],
        ingests: Ingests,
        recorder: Recorder[Any] | None = None,
    ) -> None:
        self._ingests = ingests
        self._endpoint = endpoint
        self._journal = journal
        self._verifier = verifier
        self._identity = identity
        self._health = health
        self._secret = secret
        self._metrics = metrics
        self._recorder = recorder
        # The first pattern that matches the path decides; unknown methods of it are 405.
        self._routes: tuple[tuple[re.Pattern[str], Mapping[str, Handler]], ...] = (
            (re.compile(r"/status"), {"GET": self._status}),
            (re.compile(r"/rooms/([^/]+)"), {"PUT": self._put_room, "DELETE": self._delete_room}),
            (re.compile(r"/rooms/([^/]+)/peers/([^/]+)"), {"DELETE": self._drop_peer}),
            (re.compile(r"/journal"), {"GET": self._page}),
            (re.compile(r"/journal/confirm"), {"POST": self._confirm}),
            (re.compile(r"/keys"), {"PUT": self._keys}),
            (re.compile(r"/keys/([^/]+)"), {"PUT": self._keys}),
            (re.compile(r"/drain"), {"POST": self._drain, "DELETE": self._cancel_drain}),
            (re.compile(r"/recordings"), {"GET": self._recordings}),
            (
                re.compile(r"/recordings/([^/]+)"),
                {"GET": self._recording, "PUT": self._record},
            ),
            (re.compile(r"/recordings/([^/]+)/stop"), {"POST": self._stop_recording}),
            (re.compile(r"/metrics"), {"GET": self._scrape}),
            (re.compile(r"/healthz"), {"GET": self._health_of}),
            (re.compile(r"/readyz"), {"GET": self._health_of}),
        )

    async def answer(self, request: Request) -> Reply:
        """The reply to any request on the control listener."""
        try:
            self._check_secret(request)
            for pattern, methods in self._routes:
                match = pattern.fullmatch(request.path)
                if match is None:
                    continue
                if (handler := methods.get(request.method)) is None:
                    raise HttpProblem(
                        405,
                        "method_not_allowed",
                        f"此地址只接受 {', '.join(methods)}。",
                        f"This address takes {', '.join(methods)} only.",
                        {"Allow": ", ".join(methods)},
                    )
                return await handler(request, match.groups())
            raise HttpProblem(404, "not_found", "没有这个地址。", "There is no such address.")
        except HttpProblem as refusal:
            body = {"code": refusal.code, "zh": refusal.zh, "en": refusal.en}
            return _json(body, refusal.status, refusal.headers)

    def _check_secret(self, request: Request) -> None:
        if self._secret is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        good = hmac.compare_digest(given.strip().encode(), self._secret.encode())
        if scheme.lower() != "bearer" or not good or not self._secret:
            raise HttpProblem(
                401,
                "control_secret",
                "控制接口的密钥不正确。",
                "The control secret is missing or wrong.",
                {"WWW-Authenticate": 'Bearer realm="relay-control"'},
            )

    # -------------------------------------------------------------------- handlers

    async def _status(self, request: Request, _: tuple[str, ...]) -> Reply:
        room = request.query.get("room")
        peers = [dataclasses.asdict(peer) for peer in self._endpoint.status(room)]
        rooms = [name for name in self._endpoint.rooms() if room in (None, name)]
        entrance = self._endpoint.entrance
        return _json(
            {
                **dataclasses.asdict(self._identity),
                "draining": entrance.drain.active,
                "load": round(entrance.gate.load, 3),
                "busy": entrance.gate.busy,
                "rooms": rooms,
                "peers": peers,
                "ingests": [dataclasses.asdict(one) for one in self._ingests.states(room)],
            }
        )

    async def _put_room(self, request: Request, names: tuple[str, ...]) -> Reply:
        room = _name(names[0])
        body = _body(request)
        layouts = parse_layouts(body.get("layouts", {}))
        source = _ingest(body.get("ingest"))
        try:
            self._endpoint.put_room(room, layouts)
        except SessionRefusedError as error:
            raise HttpProblem(
                503,
                f"relay_{error.code}",
                "媒体服务不再接受新的课堂(正在停止,或已达 relay.max_rooms)。",
                "The relay takes no new rooms: it is draining, or relay.max_rooms is reached.",
                {"Retry-After": str(error.retry_after_s)},
            ) from error
        self._ingests.put(room, source)
        return Reply(204)

    async def _delete_room(self, _: Request, names: tuple[str, ...]) -> Reply:
        self._ingests.drop(_name(names[0]))
        self._endpoint.delete_room(_name(names[0]))
        # Its last samples are evidence: on disk before the caller thinks the room is gone.
        await self._journal.flush()
        return Reply(204)

    async def _drop_peer(self, _: Request, names: tuple[str, ...]) -> Reply:
        self._endpoint.drop_peer(_name(names[0]), _name(names[1]))
        await self._journal.flush()
        return Reply(204)

    async def _page(self, request: Request, _: tuple[str, ...]) -> Reply:
        text = request.query.get("limit", str(DEFAULT_PAGE))
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_PAGE:
            raise _invalid(f"limit 应为 1 到 {MAX_PAGE}", f"limit must be 1 to {MAX_PAGE}", text)
        try:
            page = await self._journal.page(request.query.get("after") or None, int(text))
        except ValueError as error:
            raise _invalid("游标无效", "the cursor is not valid", str(error)) from error
        return _json({"records": page.records, "cursor": page.cursor, "more": page.more})

    async def _confirm(self, request: Request, _: tuple[str, ...]) -> Reply:
        try:
            await self._journal.confirm(str(_body(request).get("cursor")))
        except ValueError as error:
            raise _invalid("游标无效", "the cursor is not valid", str(error)) from error
        return Reply(204)

    async def _keys(self, request: Request, owners: tuple[str, ...]) -> Reply:
        owner = _name(owners[0]) if owners else ""
        keys = _body(request).get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise _invalid("keys 应为公钥列表", "keys must be a list of JWKs", keys)
        if any("d" in key for key in keys):
            raise _invalid("只接受公钥", "only public keys are taken", "d")
        try:
            self._verifier.replace_keys(keys, owner)
        except ValueError as error:
            raise _invalid("公钥无效", "a key is not valid", str(error)) from error
        return Reply(204)

    async def _drain(self, _request: Request, _: tuple[str, ...]) -> Reply:
        self._endpoint.begin_drain()
        return Reply(204)

    async def _cancel_drain(self, _request: Request, _: tuple[str, ...]) -> Reply:
        self._endpoint.entrance.drain.cancel()
        return Reply(204)

    # -------------------------------------------------------------------- recordings

    def _recorder_there(self) -> Recorder[Any]:
        if self._recorder is None:
            raise _refused(RecordingRefusedError("off", "recording_dir is not set"))
        return self._recorder

    async def _recordings(self, request: Request, _: tuple[str, ...]) -> Reply:
        text = request.query.get("state")
        try:
            state = None if text is None else State(text)
        except ValueError:
            raise _invalid("没有这种录像状态", "not a recording's state", text) from None
        return _json(await self._recorder_there().listing(state))

    async def _recording(self, _: Request, names: tuple[str, ...]) -> Reply:
        try:
            return _json(await self._recorder_there().status(_name(names[0])))
        except RecordingRefusedError as error:
            raise _refused(error) from error

    async def _record(self, request: Request, names: tuple[str, ...]) -> Reply:
        recorder, body = self._recorder_there(), _body(request)
        sources = body.get("sources")
        wanted = None if sources is None else frozenset(filter(None, _sources(sources)))
        room = _name(body["room"] if isinstance(body.get("room"), str) else "")
        try:
            return _json(await recorder.start(_name(names[0]), room, wanted))
        except RecordingRefusedError as error:
            raise _refused(error) from error

    async def _stop_recording(self, _: Request, names: tuple[str, ...]) -> Reply:
        try:
            return _json(await self._recorder_there().stop(_name(names[0])))
        except RecordingRefusedError as error:
            raise _refused(error) from error

    # -------------------------------------------------------------------- health

    async def _scrape(self, _request: Request, _: tuple[str, ...]) -> Reply:
        return self._metrics()

    async def _health_of(self, request: Request, _: tuple[str, ...]) -> Reply:
        reply = self._health.answer(request)
        assert reply is not None  # both paths are its own
        return reply


def parse_layouts(value: object) -> dict[str, Layout]:
    """`{"*"|peer: {"audio": […], "video": […]}}` as layouts; HttpProblem 400 if it is not that."""
    if not isinstance(value, dict) or len(value) > MAX_LAYOUTS:
        raise _invalid(
            "layouts 应为对象", f"layouts must be an object of at most {MAX_LAYOUTS}", value
        )
    layouts: dict[str, Layout] = {}
    for peer, slots in value.items():
        if peer != "*":
            _name(peer)
        if not isinstance(slots, dict) or set(slots) - {"audio", "video", "heights"}:
            raise _invalid(
                "布局只有 audio、video 与 heights", "a layout has audio, video and heights", slots
            )
        layouts[peer] = Layout(
            audio=_sources(slots.get("audio", [])),
            video=_sources(slots.get("video", [])),
            heights=_heights(slots.get("heights", [])),
        )
    return layouts


_REFUSALS: Final[Mapping[str, tuple[int, str, str]]] = {
    "off": (409, "此媒体服务没有设置录像目录", "this relay has no folder for recordings"),
    "unknown": (404, "没有这个录像", "there is no such recording"),
    "room": (409, "这个录像属于另一个课堂", "this recording is another room's"),
    "room_recorded": (409, "这个课堂已经在录", "this room is being recorded under another name"),
    "deleted": (409, "这个录像已按规定删除", "this recording's media were deleted by age"),
    "disk_full": (507, "录像磁盘已满", "the disk for recordings is full"),
    "disk": (507, "录像目录不可用", "the folder for recordings cannot be used"),
}


def _refused(error: RecordingRefusedError) -> HttpProblem:
    status, zh, en = _REFUSALS[error.code]
    return HttpProblem(status, f"recording_{error.code}", f"{zh}。", f"{en}: {error}.")


def _sources(value: object) -> tuple[str | None, ...]:
    if not isinstance(value, list) or len(value) > MAX_SLOTS:
        raise _invalid(
            f"至多 {MAX_SLOTS} 个画面位", f"a list of at most {MAX_SLOTS} sources is needed", value
        )
    for source in value:
        if source is not None and not (isinstance(source, str) and _SOURCE.fullmatch(source)):
            raise _invalid("来源名无效", "not a source name", source)
    return tuple(value)


def _ingest(value: object) -> IngestSource | None:
    """The room's recording host; no secret of it is repeated in a refusal."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _invalid("ingest 应为文字", "ingest must be a text", type(value).__name__)
    try:
        return parse_ingest(value)
    except ProblemError as error:
        raise HttpProblem(400, "request_invalid", error.zh, error.en) from None


def _heights(value: object) -> tuple[int | None, ...]:
    if not isinstance(value, list) or len(value) > MAX_SLOTS:
        raise _invalid(
            f"至多 {MAX_SLOTS} 个画面高度",
            f"a list of at most {MAX_SLOTS} heights is needed",
            value,
        )
    for height in value:
        if height is not None and (type(height) is not int or not 1 <= height <= MAX_SIDE):
            raise _invalid(
                f"画面高度应为 1 到 {MAX_SIDE} 或 null",
                f"a height is 1 to {MAX_SIDE} pixels, or null",
                height,
            )
    return tuple(value)


def _name(text: str) -> str:
    if not is_name(text):
        raise _invalid("名称无效", "not a room or peer name", text)
    return text


def _body(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise _invalid("请求内容不是 JSON", "the body is not JSON", str(error)) from error
    if not isinstance(value, dict):
        raise _invalid("请求内容应为 JSON 对象", "the body must be a JSON object", value)
    return value


def _invalid(zh: str, en: str, value: object) -> HttpProblem:
    shown = repr(value)[:SHOWN_CHARACTERS]
    return HttpProblem(400, "request_invalid", f"{zh}:{shown}。", f"{en}: {shown}.")


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(
        status,
        {"Content-Type": JSON, **(headers or {})},
        json.dumps(body, ensure_ascii=False).encode(),
    )
