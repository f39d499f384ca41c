"""Fuzz targets of what is written as text: SDP, bearer tokens, WHIP and WHEP, the control API."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiortc import sdp as aiortc_sdp
from joserfc import jws
from joserfc.jwk import OKPKey

from sync_classroom.domain.ingest import IngestSource
from sync_classroom.relay.control import Control, Identity
from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.health import Health
from sync_classroom.relay.ingest_supervisor import Ingests
from sync_classroom.relay.journal import Journal
from sync_classroom.relay.sdp import MAX_MEDIA_LINES, SdpError, parse_fragment, parse_offer
from sync_classroom.relay.session import Direction
from sync_classroom.relay.settings import Listen, RelaySettings
from sync_classroom.relay.tokens import LEEWAY_S, TokenError, TokenVerifier
from sync_classroom.relay.whip import FRAGMENT, SDP, Reply, Request, Signalling, body_limit
from tests.support import sdp_offers

NOW: Final = 1_800_000_000.0
KEY: Final = OKPKey.import_key(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",  # RFC 8037 A.1: everybody's
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
)
OTHER: Final = OKPKey.import_key(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs",  # RFC 8032 7.1, test 2
        "x": "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
    }
)
CLAIMS: Final[dict[str, Any]] = {
    "iss": "sync-classroom", "room": "lesson-1", "peer": "host", "dir": "publish",
    "src": "camera", "kinds": ["audio", "video"], "nbf": NOW - 60, "exp": NOW + 60, "mk": True,
}  # fmt: skip
VIEWING: Final = CLAIMS | {"peer": "seat-1", "dir": "subscribe"}
MAX_ROOMS: Final = 4
MAX_SESSIONS: Final = 6


def public() -> dict[str, str]:
    """The verifier's key."""
    found: dict[str, Any] = KEY.as_dict(private=False)
    return {name: str(found[name]) for name in ("kty", "crv", "x")}


def signed(claims: object, key: OKPKey = KEY) -> str:
    """A token with these claims, or these bytes for claims."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact({"alg": "Ed25519"}, payload, key, algorithms=["Ed25519"])


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# ---------------------------------------------------------------------------- SDP


def sdp_target() -> Callable[[bytes], None]:
    """An offer, read both ways, answered, and the answer read by aiortc; and a trickle fragment."""

    def run(data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return  # the border's to refuse, see the target `whip`
        for direction in Direction:
            answered(text, direction)
        try:
            fragment = parse_fragment(text)
        except SdpError:
            return
        assert (fragment.ice_ufrag is None) == (fragment.ice_pwd is None)

    return run


def answered(text: str, direction: Direction) -> None:
    """Whatever is not refused has an answer that those who can read the offer can read, too."""
    try:
        offer = parse_offer(text, direction)
    except SdpError:
        return
    accepted = [line for line in offer.lines if line.accepted]
    assert 1 <= len(accepted) <= len(offer.lines) <= MAX_MEDIA_LINES
    for kind in {line.kind for line in accepted}:
        slots = [line.slot for line in accepted if line.kind == kind]
        assert slots == list(range(len(slots)))
    answer = sdp_offers.answer(offer)
    well_formed(answer, len(offer.lines))
    try:
        aiortc_sdp.SessionDescription.parse(text)
    except Exception:  # whatever it is that they cannot read: we repeat values, such as minptime=1x
        return
    read = aiortc_sdp.SessionDescription.parse(answer)
    assert [media.kind for media in read.media] == [line.kind for line in offer.lines]
    for media, line in zip(read.media, offer.lines, strict=True):
        assert media.rtp.muxId == line.mid
        assert (media.port != 0) == line.accepted
        if line.accepted:
            offered = {int(number) for number in line.formats}
            assert {codec.payloadType for codec in media.rtp.codecs} <= offered


def well_formed(answer: str, lines: int) -> None:
    """An answer is lines of a letter and a value, with as many m-lines as the offer."""
    assert "\n" not in answer.replace("\r\n", "")
    parts = answer.split("\r\n")
    assert parts.pop() == ""
    assert all(part[:1].isalpha() and part[1:2] == "=" for part in parts)
    assert sum(part.startswith("m=") for part in parts) == lines


def sdp_seeds() -> list[bytes]:
    """Offers of the suite, whole and in parts."""
    whole = [sdp_offers.PUBLISH, sdp_offers.SUBSCRIBE]
    whole.append(
        sdp_offers.offer(
            sdp_offers.media("audio", "0", "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid"),
            sdp_offers.media("video", "1", "a=ssrc-group:FID 1 2", "a=ssrc:1 cname:x"),
            sdp_offers.media("application", "2", protocol="UDP/DTLS/SCTP", formats="webrtc"),
            bundle="0 1 2",
        )
    )
    fragment = f"a=ice-ufrag:abcd\r\na=ice-pwd:{sdp_offers.PWD}\r\nm=audio 9 RTP/AVP 0\r\n"
    return [text.encode() for text in (*whole, fragment)]


# ---------------------------------------------------------------------------- tokens


def jwt_target() -> Callable[[bytes], None]:
    """The first byte says how the rest becomes a token: as it is, or signed in some way.

    What was not signed with our key over exactly these bytes is never accepted; what was is
    accepted only for the room, direction and time it names.
    """
    verifier = TokenVerifier([public()])
    ours = {token.rpartition(".")[0] for token in _tokens()}

    def run(data: bytes) -> None:
        how, body = data[:1], data[1:]
        if how == b"s":  # our own signature over any payload: a coordinator gone wrong
            token = signed(body)
            known = {token.rpartition(".")[0]}
        else:
            known = ours
            token = _forged(how, body)
        for direction in Direction:
            try:
                grant = verifier.verify(token, room="lesson-1", direction=direction, now=NOW)
            except TokenError as error:
                refusal = error
            else:
                refusal = None
            if refusal is not None:
                assert refusal.status in (401, 403)
                assert refusal.zh
                assert refusal.en
                continue
            assert token.rpartition(".")[0] in known, "accepted what nobody of ours signed"
            _, payload, _ = token.split(".")
            claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
            assert (grant.room, grant.direction) == ("lesson-1", direction)
            assert (claims["room"], claims["dir"]) == ("lesson-1", direction.value)
            assert claims["nbf"] - LEEWAY_S <= NOW < claims["exp"] + LEEWAY_S
            assert grant.kinds == set(claims["kinds"]) <= {"audio", "video"}
            assert grant.source is None or grant.direction is Direction.PUBLISH

    return run


def _forged(how: bytes, body: bytes) -> str:
    """A token somebody else makes of `body`; unknown ways take it as it is."""
    match how:
        case b"o":  # another's key
            return signed(body, OTHER)
        case b"h":  # our public key as an HMAC secret
            head = _b64(b'{"alg":"HS256"}') + "." + _b64(body)
            secret = base64.urlsafe_b64decode(public()["x"] + "==")
            return f"{head}.{_b64(hmac.digest(secret, head.encode(), hashlib.sha256))}"
        case b"n":  # no signature at all
            return _b64(b'{"alg":"none"}') + "." + _b64(body) + "."
        case b"j":  # any header over a payload we did sign
            return _b64(body) + "." + signed(CLAIMS).partition(".")[2]
    return body.decode("latin-1")


def _tokens() -> list[str]:
    return [signed(CLAIMS), signed(VIEWING), signed(CLAIMS | {"exp": NOW - 10})]


def jwt_seeds() -> list[bytes]:
    """Good tokens as they are, and good claims to be signed by others."""
    claims = [json.dumps(c).encode() for c in (CLAIMS, VIEWING, CLAIMS | {"exp": NOW - 10})]
    return [
        *(b"=" + token.encode() for token in _tokens()),
        *(how + c for how in (b"s", b"o", b"h", b"n") for c in claims),
        b'j{"alg":"Ed25519"}',
        b'j{"alg":"EdDSA","kid":"x"}',
        b'j{"alg":"none"}',
    ]


# ---------------------------------------------------------------------------- HTTP


def parse_request(data: bytes) -> Request | None:
    """`METHOD PATH?QUERY`, header lines, an empty line, the body: as aiohttp hands it over."""
    head, _, body = data.partition(b"\n\n")
    try:
        first, *more = head.decode().split("\n")
    except UnicodeDecodeError:
        return None
    method, _, target = first.partition(" ")
    path, _, query = target.partition("?")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (m.partition(":") for m in more)
    }
    pairs = (part.partition("=") for part in query.split("&") if part)
    return Request(method, path, headers, {name: value for name, _, value in pairs}, body)


class Hosts(Ingests):
    """Recording hosts that are ordered and listed, but whose processes are not started."""

    def __init__(self) -> None:
        super().__init__(lambda _room, _offer: None, None, None)
        self.sources: dict[str, IngestSource] = {}

    def put(self, room: str, source: IngestSource | None) -> None:
        if source is None:
            self.sources.pop(room, None)
        else:
            self.sources[room] = source

    def drop(self, room: str) -> None:
        self.sources.pop(room, None)

    def live(self, room: str) -> bool:
        return room in self.sources

    def room_of(self, key: str) -> str | None:
        return next(iter(self.sources), None) if key == "a-key-of-sixteen" else None

    def pushed(self, room: str, closed: asyncio.Event) -> None:
        assert not closed.is_set()


class Running:
    """A real endpoint on loopback and, for the control API, a real journal on disk."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.settings = RelaySettings(
            media=Listen("127.0.0.1", 0), max_rooms=MAX_ROOMS, max_sessions=MAX_SESSIONS
        )
        self.verifier = TokenVerifier([public()])
        self.hosts = Hosts()
        self.endpoint: Endpoint = self.loop.run_until_complete(
            Endpoint.open(self.settings, on_sample=lambda sample: None)
        )

    def reset(self) -> None:
        """As new, for the next input."""
        for room in self.endpoint.rooms():
            self.endpoint.delete_room(room)
        self.hosts.sources.clear()
        self.verifier.replace_keys([public()])

    def close(self) -> None:
        self.loop.run_until_complete(self.endpoint.close())
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def state(self) -> tuple[object, ...]:
        """What a refused request must leave as it was."""
        sessions = sorted(state.session for state in self.endpoint.status())
        return sorted(self.endpoint.rooms()), sessions

    def check(self) -> None:
        assert len(self.endpoint.rooms()) <= MAX_ROOMS
        assert len(self.endpoint.status()) <= MAX_SESSIONS


WHIP_STATUSES: Final = {
    200, 201, 204, 400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 503,
}  # fmt: skip


def whip_target() -> Callable[[bytes], None]:
    """Requests in a row, separated by a line of dashes; after a `!`, without tokens (open mode)."""
    running = Running()
    with_tokens, without_tokens = (
        Signalling(
            running.endpoint, verifier, running.settings, wall=lambda: NOW, hosts=running.hosts
        )
        for verifier in (running.verifier, None)
    )

    def run(data: bytes) -> None:
        running.reset()
        location = ""
        for part in data.split(b"\n----\n"):
            signalling = without_tokens if part.startswith(b"!") else with_tokens
            text = part.removeprefix(b"!").replace(b"$LOCATION", location.encode())
            request = parse_request(text)
            if request is None or len(request.body) > body_limit(request.method):
                continue
            before = running.state()
            reply = signalling.answer(request)
            checked(reply)
            if reply.status >= 400:
                assert running.state() == before, "a refused request changed something"
            if reply.status == 201:
                location = reply.headers["Location"]
                lines = request.body.count(b"\nm=") + request.body.startswith(b"m=")
                well_formed(reply.body.decode(), lines)
            running.check()

    run.close = running.close  # type: ignore[attr-defined]
    return run


def checked(reply: Reply) -> None:
    assert reply.status in WHIP_STATUSES
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    if reply.status >= 400:
        problem = json.loads(reply.body)
        assert problem["status"] == reply.status
        assert problem["code"]
        assert problem["zh"]
        assert problem["en"]
        assert (reply.status == 401) <= ("WWW-Authenticate" in reply.headers)
        assert reply.status not in (409, 503) or int(reply.headers["Retry-After"]) > 0
    for name, value in reply.headers.items():
        assert "\n" not in name + value
        assert "\r" not in name + value


def _http(first: str, *headers: str, body: str = "") -> bytes:
    return "\n".join([first, *headers, "", body]).encode()


def whip_seeds() -> list[bytes]:
    """Publish, watch, trickle, restart, leave; and the refusals on the way."""
    publish = _http(
        "POST /whip/lesson-1", f"authorization: Bearer {signed(CLAIMS)}", f"content-type: {SDP}",
        body=sdp_offers.PUBLISH,
    )  # fmt: skip
    watch = _http(
        "POST /whep/lesson-1", f"authorization: Bearer {signed(VIEWING)}", f"content-type: {SDP}",
        body=sdp_offers.SUBSCRIBE,
    )  # fmt: skip
    fragment = f"a=ice-ufrag:abcd\r\na=ice-pwd:{sdp_offers.PWD}\r\n"
    later = (
        f"authorization: Bearer {signed(CLAIMS)}", f"content-type: {FRAGMENT}", "if-match: *",
    )  # fmt: skip
    trickle = _http("PATCH $LOCATION", *later, body=fragment)
    restart = _http("PATCH $LOCATION", *later, body=fragment.replace("abcd", "efgh"))
    leave = _http("DELETE $LOCATION", later[0])
    steps = ([publish], [publish, watch], [publish, trickle, restart, leave], [watch])
    return [
        *(b"\n----\n".join(row) for row in steps),
        b"\n----\n".join(
            [
                b"!" + _http("POST /whip/any", f"content-type: {SDP}", body=sdp_offers.PUBLISH),
                b"!" + _http("DELETE $LOCATION"),
            ]
        ),
        b"!" + _http("POST /whip/any?peer=seat-1&source=seat", f"content-type: {SDP}"),
        _http("OPTIONS /whip/lesson-1"),
        _http("GET /whep/lesson-1"),
        _http("POST /whip/lesson-1?peer=host&source=camera", f"content-type: {SDP}"),
    ]


CONTROL_STATUSES: Final = {200, 204, 400, 401, 404, 405, 503}


def control_target() -> Callable[[bytes], None]:
    """Requests in a row, separated by a line of dashes, at the control API of a real relay."""
    running = Running()
    journal = Journal(
        running.folder / "journal",
        relay="relay-1",
        boot="00000000",
        version="0",
        max_bytes=1_000_000,
        sample_s=10.0,
        wall=lambda: datetime.fromtimestamp(NOW, UTC),
    )
    running.loop.run_until_complete(journal.open())
    control = Control(
        running.endpoint,
        journal,
        running.verifier,
        Identity("relay-1", "00000000", 1, "0"),
        Health(running.endpoint.entrance, "00000000"),
        secret="0123456789abcdef",
        metrics=lambda: Reply(200),
        ingests=running.hosts,
    )

    def run(data: bytes) -> None:
        running.reset()
        running.endpoint.entrance.drain.cancel()
        for part in data.split(b"\n----\n"):
            request = parse_request(part)
            if request is None:
                continue
            before = running.state()
            reply = running.loop.run_until_complete(control.answer(request))
            assert reply.status in CONTROL_STATUSES
            if request.path == "/readyz" and reply.status == 503:
                assert json.loads(reply.body)["draining"]
            elif reply.status >= 400:
                assert running.state() == before, "a refused request changed something"
                assert set(json.loads(reply.body)) == {"code", "zh", "en"}
            elif reply.status == 200 and reply.body:
                json.loads(reply.body)
            running.check()

    def close() -> None:
        running.loop.run_until_complete(journal.close())
        running.close()

    run.close = close  # type: ignore[attr-defined]
    return run


def control_seeds() -> list[bytes]:
    """Every documented request."""
    secret = "authorization: Bearer 0123456789abcdef"
    layout = {"*": {"audio": ["camera", None], "video": ["screen", "seat:seat-1"]}, "host": {}}

    def ask(first: str, body: object = None) -> bytes:
        return _http(first, secret, body="" if body is None else json.dumps(body))

    rooms = [ask(f"PUT /rooms/lesson-{n}", {"layouts": layout}) for n in range(5)]
    return [
        ask("GET /status"),
        ask("GET /status?room=lesson-1"),
        b"\n----\n".join(rooms),
        b"\n----\n".join([rooms[0], ask("DELETE /rooms/lesson-0/peers/host"), rooms[0]]),
        b"\n----\n".join([rooms[0], ask("POST /drain", {}), rooms[1], rooms[0]]),
        b"\n----\n".join([rooms[0], ask("DELETE /rooms/lesson-0"), ask("GET /status")]),
        ask("GET /journal?limit=5"),
        ask("GET /journal?after=1.0&limit=5000"),
        ask("POST /journal/confirm", {"cursor": "1.0"}),
        ask("PUT /keys", {"keys": [public()]}),
        ask("PUT /keys", {"keys": [public() | {"d": "x"}, {"kty": "OKP"}]}),
        ask("GET /healthz"),
        ask("GET /readyz"),
        b"\n----\n".join([ask("POST /drain"), ask("GET /readyz"), ask("DELETE /drain")]),
        ask("GET /metrics"),
        _http("GET /status"),
    ]
