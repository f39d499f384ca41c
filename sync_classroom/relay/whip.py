"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) without HTTP: a request in, a reply out.

Trickled candidates are accepted and ignored: an ICE-lite side answers checks from anywhere and
never starts one. The entity tag stands for the ICE generation, so it changes with a restart only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

import structlog

from ..domain.turn import Turn
from .candidates import MAX_RELAYED, relayed_addresses
from .interfaces import reachable_addresses
from .refusals import HttpProblem as HttpProblem
from .refusals import bad_sdp, check_whole, host_is_ingested, key_unknown, not_found, refusal
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

log = structlog.get_logger(__name__)

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
#: What a publisher's encoder is told to begin with, as a share of the highest rate: a good picture
#: at once on a school's line, with room left to find out about a bad one.
START_SHARE: Final = 0.6
#: A recording host is the host's camera; the terminal's own may take its place when it fails.
INGEST_PEER: Final = "host"
INGESTED: Final = "camera"
#: `POST /whip/push` with a stream key as the token: OBS and hosts need not know of lessons.
PUSHED: Final = "push"
#: Credentials for TURN servers end after this: a session outlives its token, and no lesson with
#: its extensions is longer.
TURN_LIFETIME: Final = timedelta(hours=8)
#: Bodies of DELETE and OPTIONS mean nothing; this much is read so that the connection lives on.
MAX_OTHER_BYTES: Final = 1024
REMOTES_SLACK: Final = 16
"""Remembered beyond twice as many sessions as there are, before those that ended are forgotten:
a session that ends by itself tells nobody here."""
#: Preflight answers may be kept for a lesson.
PREFLIGHT_AGE_S: Final = 7200

_PATH = re.compile(r"/(whip|whep)/([^/]+)(?:/([^/]+))?")
_PATHS = {Direction.PUBLISH: "whip", Direction.SUBSCRIBE: "whep"}
_DIRECTIONS = {path: direction for direction, path in _PATHS.items()}
_ENDPOINT_METHODS = "GET, HEAD, POST, OPTIONS"
_SESSION_METHODS = "GET, HEAD, PATCH, DELETE, OPTIONS"
_READS = frozenset({"GET", "HEAD"})
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


def problem(no: HttpProblem) -> Reply:
    """A refusal as `application/problem+json` (RFC 9457) with our code and both languages."""
    body = {
        "title": no.en,
        "status": no.status,
        "code": no.code,
        "zh": no.zh,
        "en": no.en,
    }
    headers = {"Content-Type": "application/problem+json", **no.headers}
    return Reply(no.status, with_cors(headers), json.dumps(body, ensure_ascii=False).encode())


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


class RecordingHosts(Protocol):
    """Rooms whose camera is a recording host (`ingest_supervisor.Ingests`)."""

    def live(self, room: str) -> bool:
        """Whether the host is the room's camera now."""
        ...

    def room_of(self, key: str) -> str | None:
        """The room that a stream key is for now."""
        ...

    def pushed(self, room: str, closed: asyncio.Event) -> None:
        """The room's host publishes by WHIP until `closed`."""
        ...


class Signalling:
    """Answers WHIP and WHEP requests over one endpoint.

    `verifier` None means open mode: who asks is believed. `wall` gives Unix seconds.
    `hosts` knows the rooms whose camera is a recording host.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        verifier: TokenVerifier | None,
        settings: RelaySettings,
        *,
        wall: Callable[[], float],
        hosts: RecordingHosts,
    ) -> None:
        self._hosts = hosts
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
        except HttpProblem as no:
            return problem(no)

    def _route(self, request: Request) -> Reply:
        match = _PATH.fullmatch(request.path)
        if match is None or not is_name(match[2]):
            raise not_found()
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
        if session_id is None and request.method in _READS:
            return _nothing()  # the same for every room: nobody learns from it which there are
        grant = self._grant(request, room, direction)
        if session_id is None:
            return self._open(request, grant, pushed=_is_push(room, direction))
        session = self._session(grant, session_id)
        if request.method in _READS:
            return _nothing()
        if request.method == "DELETE":
            session.close("deleted by its peer")
            self._remotes.pop(session.id, None)
            return Reply(200, with_cors({}))
        return self._patch(request, session)

    # -------------------------------------------------------------------- who asks

    def _grant(self, request: Request, room: str, direction: Direction) -> Grant:
        if _is_push(room, direction):
            return self._push_grant(request)
        peer, source = request.query.get("peer"), request.query.get("source")
        if self._verifier is None:
            return _open_grant(room, direction, peer, source)
        try:
            return self._verifier.verify(
                _bearer(request),
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

    def _push_grant(self, request: Request) -> Grant:
        """A recording host or OBS whose token is a stream key: the camera of the room it is for."""
        room = self._hosts.room_of(_bearer(request) or "")
        if room is None:
            raise key_unknown()
        return Grant(room, INGEST_PEER, Direction.PUBLISH, INGESTED, KINDS, False)

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
            raise not_found()
        return session

    # -------------------------------------------------------------------- opening

    def _open(self, request: Request, grant: Grant, *, pushed: bool) -> Reply:
        _check_type(request, SDP, {"Accept-Post": SDP})
        offer = _read_offer(request, grant)
        check_whole(offer, grant)
        if grant.source == INGESTED and not pushed and self._hosts.live(grant.room):
            raise host_is_ingested()
        session, answer = self._admit(offer, grant)
        if pushed:
            self._hosts.pushed(grant.room, session.closed)
        session.relayed |= relayed_addresses(request.body.decode())
        self._remember(session.id, offer)
        named = PUSHED if pushed else quote(grant.room, safe=":")
        path = f"/{_PATHS[grant.direction]}/{named}/{session.id}"
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

    def _admit(
        self, offer: Offer, grant: Grant, candidates: tuple[tuple[str, int], ...] = ()
    ) -> tuple[Session, str]:
        """A session and its answer; `candidates` instead of those that everybody is told."""
        try:
            session = self._endpoint.open_session(
                room=grant.room,
                peer=grant.peer,
                source=grant.source,
                offer=offer,
                makes_room=grant.makes_room,
            )
        except SessionRefusedError as error:
            raise refusal(error, grant.direction) from error
        transport = session.transport
        answer = build_answer(
            offer,
            replace(transport, candidates=candidates) if candidates else transport,
            session.streams if grant.direction is Direction.SUBSCRIBE else {},
            start_bitrate_kbps=round(self._settings.max_bitrate_kbps * START_SHARE),
            max_bitrate_kbps=self._settings.max_bitrate_kbps,
        )
        return session, answer

    def admit_ingest(self, room: str, offer: str) -> str | None:
        """The answer to our own ingest process as the room's camera; None: not now.

        It is on this machine, so it is told this machine's own addresses, whatever a router makes
        of them for others.
        """
        grant = Grant(room, INGEST_PEER, Direction.PUBLISH, INGESTED, KINDS, False)
        port = self._endpoint.port
        here = tuple((host, port) for host in reachable_addresses(self._settings.media.host))
        try:
            parsed = parse_offer(offer, Direction.PUBLISH)
            return self._admit(parsed, grant, here)[1]
        except (SdpError, HttpProblem) as error:
            log.warning("ingest_not_admitted", room=room, error=str(error))
            return None

    def _remember(self, session_id: str, offer: Offer) -> None:
        if len(self._remotes) >= 2 * self._endpoint.session_count + REMOTES_SLACK:
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
            raise bad_sdp(error) from error
        if len(session.relayed) < MAX_RELAYED:
            session.relayed |= relayed_addresses(request.body.decode())
        remote = self._remotes[session.id]
        ufrag, pwd = fragment.ice_ufrag, fragment.ice_pwd
        if ufrag is None or pwd is None or (ufrag, pwd) == (remote.ice_ufrag, remote.ice_pwd):
            return Reply(204, with_cors({}))
        try:
            transport = session.restart_ice(ufrag, pwd)
        except SessionRefusedError as error:  # the session goes on with its old credentials
            raise refusal(error, session.direction) from error
        self._remotes[session.id] = _Remote(ufrag, pwd, remote.mid)
        return Reply(
            200,
            with_cors({"Content-Type": FRAGMENT, "ETag": _entity_tag(transport)}),
            build_fragment(transport, remote.mid).encode(),
        )


def _is_push(room: str, direction: Direction) -> bool:
    return room == PUSHED and direction is Direction.PUBLISH


def _bearer(request: Request) -> str | None:
    """The bearer token of a request (RFC 6750 2.1)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


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
                f"来源 {source!r} 与终端 {peer!r} 不相配。camera 属于 host,其余为 seat 或 screen。",
                f"Source {source!r} does not go with peer {peer!r}: camera is the host's,"
                " others publish as seat or screen.",
            )
    if not is_name(peer):
        raise HttpProblem(
            400, "peer_invalid", f"终端名 {peer!r} 无效。", f"{peer!r} cannot name a peer."
        )
    makes_room = direction is Direction.PUBLISH
    return Grant(room, peer, direction, found, KINDS, makes_room)


def _nothing() -> Reply:
    """RFC 9725 4.1: endpoints and sessions have no representation, and a GET says so by 2xx."""
    return Reply(204, with_cors({}))


def _preflight(methods: str, takes_offers: bool) -> Reply:
    """OPTIONS: CORS and what may be sent (RFC 9725 4.2: 200, 4.7.1: without authorisation)."""
    headers = {
        "Allow": methods,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
        "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
    }
    headers["Accept-Post" if takes_offers else "Accept-Patch"] = SDP if takes_offers else FRAGMENT
    return Reply(200, with_cors(headers))


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
        raise bad_sdp(error) from error


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
