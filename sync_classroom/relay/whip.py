"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) without HTTP: a request in, a reply out.

Trickled candidates are accepted and ignored: an ICE-lite side answers checks from anywhere and
never starts one. The entity tag stands for the ICE generation, so it changes with a restart only.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..domain.turn import Turn
from .candidates import MAX_RELAYED, relayed_addresses
from .sdp import (
    MAX_FRAGMENT_BYTES,
    MAX_OFFER_BYTES,
    MalformedSdpError,
    SdpError,
    UnacceptableSdpError,
    parse_fragment,
    parse_offer,
)
from .sdp_answer import build_answer, build_fragment
from .session import Direction, LocalTransport, Offer, SessionRefusedError
from .settings import RelaySettings
from .tokens import KINDS, Grant, TokenError, TokenVerifier, is_name, source_name

if TYPE_CHECKING:
    from .endpoint import Endpoint, Session

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
#: What a publisher's encoder is told to begin with, as a share of the highest rate: a good picture
#: at once on a school's line, with room left to find out about a bad one.
START_SHARE: Final = 0.6
#: A refused caller that is not told otherwise comes back after this long.
RETRY_S: Final = 2
#: Credentials for TURN servers end after this: a session outlives its token, and no lesson with
#: its extensions is longer.
TURN_LIFETIME: Final = timedelta(hours=8)
#: Bodies of DELETE and OPTIONS mean nothing; this much is read so that the connection lives on.
MAX_OTHER_BYTES: Final = 1024
#: Preflight answers may be kept for a lesson.
PREFLIGHT_AGE_S: Final = 7200

_PATH = re.compile(r"/(whip|whep)/([^/]+)(?:/([^/]+))?")
_PATHS = {Direction.PUBLISH: "whip", Direction.SUBSCRIBE: "whep"}
_DIRECTIONS = {path: direction for direction, path in _PATHS.items()}
_ENDPOINT_METHODS = "POST, OPTIONS"
_SESSION_METHODS = "PATCH, DELETE, OPTIONS"
_EXPOSED = "Location, ETag, Link, Accept-Patch, Accept-Post, Retry-After, WWW-Authenticate"
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110 8.8.3


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names in lower case, `body` already bounded by `body_limit`."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; `headers` include CORS and the content type."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Remote:
    """What a session's later requests are compared with."""

    ice_ufrag: str
    ice_pwd: str
    mid: str


class HttpProblem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """A refusal: status, stable code, sentence in both languages, extra headers."""

    def __init__(
        self, status: int, code: str, zh: str, en: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(en)
        self.status = status
        self.code = code
        self.zh = zh
        self.en = en
        self.headers = dict(headers or {})


def body_limit(method: str) -> int:
    """The longest body, in bytes, that a request of this method may have."""
    return {"POST": MAX_OFFER_BYTES, "PATCH": MAX_FRAGMENT_BYTES}.get(method, MAX_OTHER_BYTES)


def with_cors(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with what a page of another origin needs in order to read the answer."""
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": _EXPOSED,
        **headers,
    }


def problem(refusal: HttpProblem) -> Reply:
    """A refusal as `application/problem+json` (RFC 9457) with our code and both languages."""
    body = {
        "title": refusal.en,
        "status": refusal.status,
        "code": refusal.code,
        "zh": refusal.zh,
        "en": refusal.en,
    }
    headers = {"Content-Type": "application/problem+json", **refusal.headers}
    return Reply(refusal.status, with_cors(headers), json.dumps(body, ensure_ascii=False).encode())


def too_large(limit: int) -> Reply:
    """413 for a body that was not read."""
    return problem(
        HttpProblem(
            413,
            "body_too_large",
            f"请求内容超过 {limit} 字节。",
            f"The body is longer than {limit} bytes.",
        )
    )


class Signalling:
    """Answers WHIP and WHEP requests over one endpoint.

    `verifier` None means open mode: who asks is believed. `wall` gives Unix seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        verifier: TokenVerifier | None,
        settings: RelaySettings,
        *,
        wall: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._verifier = verifier
        self._settings = settings
        self._wall = wall
        self._turn = Turn(settings.turn_urls, settings.turn_secret)
        self._remotes: dict[str, _Remote] = {}

    def answer(self, request: Request) -> Reply:
        """The reply to any request on the public listener's WHIP and WHEP paths."""
        try:
            return self._route(request)
        except HttpProblem as refusal:
            return problem(refusal)

    def _route(self, request: Request) -> Reply:
        match = _PATH.fullmatch(request.path)
        if match is None or not is_name(match[2]):
            raise _not_found()
        direction, room, session_id = _DIRECTIONS[match[1]], match[2], match[3]
        methods = _ENDPOINT_METHODS if session_id is None else _SESSION_METHODS
        if request.method == "OPTIONS":
            return _preflight(methods, session_id is None)
        if request.method not in methods.split(", "):
            raise HttpProblem(
                405,
                "method_not_allowed",
                f"此地址只接受 {methods}。",
                f"This address takes {methods} only.",
                {"Allow": methods},
            )
        grant = self._grant(request, room, direction)
        if session_id is None:
            return self._open(request, grant)
        session = self._session(grant, session_id)
        if request.method == "DELETE":
            session.close("deleted by its peer")
            self._remotes.pop(session.id, None)
            return Reply(200, with_cors({}))
        return self._patch(request, session)

    # -------------------------------------------------------------------- who asks

    def _grant(self, request: Request, room: str, direction: Direction) -> Grant:
        peer, source = request.query.get("peer"), request.query.get("source")
        if self._verifier is None:
            return _open_grant(room, direction, peer, source)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            return self._verifier.verify(
                token.strip() if scheme.lower() == "bearer" else None,
                room=room,
                direction=direction,
                now=self._wall(),
                peer=peer,
                source=source,
            )
        except TokenError as error:
            raise HttpProblem(
                error.status, error.code, error.zh, error.en, _challenge(error)
            ) from error

    def _session(self, grant: Grant, session_id: str) -> Session:
        session = self._endpoint.session(session_id)
        if (
            session is None
            or session.closed.is_set()
            or session.room != grant.room
            or session.direction is not grant.direction
            or (self._verifier is not None and session.peer != grant.peer)
        ):
            # Somebody else's session is not told apart from none: ids are not to be tried out.
            raise _not_found()
        return session

    # -------------------------------------------------------------------- opening

    def _open(self, request: Request, grant: Grant) -> Reply:
        _check_type(request, SDP, {"Accept-Post": SDP})
        offer = _read_offer(request, grant)
        try:
            session = self._endpoint.open_session(
                room=grant.room,
                peer=grant.peer,
                source=grant.source,
                offer=offer,
                makes_room=grant.makes_room,
            )
        except SessionRefusedError as error:
            raise _refusal(error, grant.direction) from error
        session.relayed |= relayed_addresses(request.body.decode())
        answer = build_answer(
            offer,
            session.transport,
            session.streams if grant.direction is Direction.SUBSCRIBE else {},
            start_bitrate_kbps=round(self._settings.max_bitrate_kbps * START_SHARE),
            max_bitrate_kbps=self._settings.max_bitrate_kbps,
        )
        self._remember(session.id, offer)
        path = f"/{_PATHS[grant.direction]}/{quote(grant.room, safe=':')}/{session.id}"
        headers = {
            "Content-Type": SDP,
            "Location": path,
            "ETag": _entity_tag(session.transport),
            "Accept-Patch": FRAGMENT,
        }
        expires_at = datetime.fromtimestamp(self._wall(), UTC) + TURN_LIFETIME
        if links := self._turn.links(grant.peer, expires_at):
            headers["Link"] = ", ".join(links)
        return Reply(201, with_cors(headers), answer.encode())

    def _remember(self, session_id: str, offer: Offer) -> None:
        if len(self._remotes) >= 2 * self._settings.max_sessions:
            gone = [known for known in self._remotes if self._endpoint.session(known) is None]
            for known in gone:
                del self._remotes[known]
        mid = next(line.mid for line in offer.lines if line.accepted)
        self._remotes[session_id] = _Remote(offer.ice_ufrag, offer.ice_pwd, mid)

    # -------------------------------------------------------------------- later

    def _patch(self, request: Request, session: Session) -> Reply:
        _check_type(request, FRAGMENT, {"Accept-Patch": FRAGMENT})
        _check_match(request.headers.get("if-match"), _entity_tag(session.transport))
        try:
            fragment = parse_fragment(request.body.decode())
        except (UnicodeDecodeError, SdpError) as error:
            raise _bad_sdp(error) from error
        if len(session.relayed) < MAX_RELAYED:
            session.relayed |= relayed_addresses(request.body.decode())
        remote = self._remotes[session.id]
        ufrag, pwd = fragment.ice_ufrag, fragment.ice_pwd
        if ufrag is None or pwd is None or (ufrag, pwd) == (remote.ice_ufrag, remote.ice_pwd):
            return Reply(204, with_cors({}))
        try:
            transport = session.restart_ice(ufrag, pwd)
        except SessionRefusedError as error:  # the session goes on with its old credentials
            raise _refusal(error, session.direction) from error
        self._remotes[session.id] = _Remote(ufrag, pwd, remote.mid)
        return Reply(
            200,
            with_cors({"Content-Type": FRAGMENT, "ETag": _entity_tag(transport)}),
            build_fragment(transport, remote.mid).encode(),
        )


def _open_grant(room: str, direction: Direction, peer: str | None, source: str | None) -> Grant:
    """Open mode: room from the path, peer and source from the query or by default."""
    if direction is Direction.SUBSCRIBE:
        peer = peer or f"viewer:{secrets.token_hex(6)}"
        found = None
    else:
        peer = peer or "host"
        found = source_name((source or ("camera" if peer == "host" else "seat")), peer)
        if found is None:
            raise HttpProblem(
                400,
                "source_invalid",
                f"来源 {source!r} 与终端 {peer!r} 不相配。camera、screen 属于 host,其余为 seat。",
                f"Source {source!r} does not go with peer {peer!r}: camera and screen are the"
                " host's, others publish as seat.",
            )
    if not is_name(peer):
        raise HttpProblem(
            400, "peer_invalid", f"终端名 {peer!r} 无效。", f"{peer!r} cannot name a peer."
        )
    makes_room = direction is Direction.PUBLISH
    return Grant(room, peer, direction, found, KINDS, makes_room)


def _preflight(methods: str, takes_offers: bool) -> Reply:
    """OPTIONS: CORS and what may be sent (RFC 9725 4.2: without authorisation)."""
    headers = {
        "Allow": methods,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
        "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
    }
    headers["Accept-Post" if takes_offers else "Accept-Patch"] = SDP if takes_offers else FRAGMENT
    return Reply(204, with_cors(headers))


def _read_offer(request: Request, grant: Grant) -> Offer:
    try:
        return parse_offer(request.body.decode(), grant.direction, kinds=grant.kinds)
    except UnacceptableSdpError as error:
        raise HttpProblem(
            406,
            "offer_not_acceptable",
            f"媒体请求中没有可用的部分:{error}。",
            f"The offer has nothing this relay can serve: {error}.",
        ) from error
    except (UnicodeDecodeError, MalformedSdpError) as error:
        raise _bad_sdp(error) from error


def _check_type(request: Request, wanted: str, headers: Mapping[str, str]) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise HttpProblem(
            415,
            "content_type",
            f"内容类型应为 {wanted},而不是 {given!r}。",
            f"The content type must be {wanted}, not {given!r}.",
            headers,
        )


def _check_match(header: str | None, tag: str) -> None:
    """RFC 9110 13.1.1 with the strong comparison; without it, RFC 9725 4.3.1 says 428."""
    if header is None:
        raise HttpProblem(
            428,
            "if_match_missing",
            "PATCH 请求需要 If-Match。",
            "A PATCH needs If-Match with the session's ETag, or * to restart ICE.",
        )
    if header.strip() != "*" and tag not in _ENTITY_TAG.findall(header):
        raise HttpProblem(
            412,
            "etag_outdated",
            "If-Match 与会话当前的 ETag 不符。",
            "If-Match is not the session's current ETag; ICE was restarted since.",
        )


def _entity_tag(transport: LocalTransport) -> str:
    """The strong entity tag of a session: it changes exactly when its ICE credentials do."""
    seed = f"{transport.ice_ufrag}:{transport.ice_pwd}".encode()
    return f'"{hashlib.sha256(seed).hexdigest()[:24]}"'


def _challenge(error: TokenError) -> dict[str, str]:
    """RFC 6750 3: no error code when there was no token at all."""
    value = 'Bearer realm="sync-classroom"'
    if error.code != "token_missing":
        kind = "invalid_token" if error.status == 401 else "insufficient_scope"
        value += f', error="{kind}"'
    return {"WWW-Authenticate": value}


def _bad_sdp(error: Exception) -> HttpProblem:
    return HttpProblem(
        400, "sdp_malformed", f"SDP 格式不正确:{error}。", f"The SDP is malformed: {error}."
    )


def _not_found() -> HttpProblem:
    return HttpProblem(
        404, "not_found", "没有这个会话或地址。", "There is no such session or address."
    )


def _refusal(error: SessionRefusedError, direction: Direction) -> HttpProblem:
    """The endpoint's refusals as HTTP; a subscriber too early is told when to come again."""
    retry = {"Retry-After": str(error.retry_after_s or RETRY_S)}
    match error.code, direction:
        case ("nothing_live", _) | ("room_unknown", Direction.SUBSCRIBE):
            return HttpProblem(
                409,
                "nothing_live",
                "这间课堂还没有画面,请稍后自动重试。",
                "Nothing is published in this room yet; try again.",
                retry,
            )
        case "room_unknown", _:
            return HttpProblem(
                404,
                "room_unknown",
                "这间课堂尚未开放。",
                "This room is not open (yet).",
                retry,
            )
        case "full", _:
            return HttpProblem(
                503,
                "relay_full",
                "媒体服务已满。请联系管理员提高 relay.max_sessions 或增加一台。",
                "The relay is full. An administrator can raise relay.max_sessions or add a relay.",
                retry,
            )
        case "busy", _:
            return HttpProblem(
                503,
                "relay_busy",
                "媒体服务正忙,会自动重试。若经常如此,请增加一台,或提高 relay.max_load。",
                "The relay is busy; try again. If it often is, add a relay or raise"
                " relay.max_load.",
                retry,
            )
        case "draining", _:
            return HttpProblem(
                503,
                "relay_draining",
                "媒体服务即将重新启动,请稍后重试。",
                "The relay is about to restart; try again.",
                retry,
            )
    return HttpProblem(503, error.code, f"暂时无法接入:{error}。", f"Refused: {error}.", retry)
