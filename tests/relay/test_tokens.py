"""Every way a token can be wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from sync_classroom.relay.session import Direction
from sync_classroom.relay.tokens import (
    LEEWAY_S,
    MAX_KEYS,
    MAX_TOKEN_CHARACTERS,
    Grant,
    TokenError,
    TokenVerifier,
    is_name,
    source_name,
)

KEY = OKPKey.generate_key("Ed25519")
OTHER = OKPKey.generate_key("Ed25519")
PUBLIC: dict[str, Any] = KEY.as_dict(private=False)
NOW = 1_800_000_000.0
CLAIMS: dict[str, Any] = {
    "iss": "sync-classroom",
    "room": "lesson-1",
    "peer": "host",
    "dir": "publish",
    "src": "camera",
    "kinds": ["audio", "video"],
    "nbf": NOW - 60,
    "exp": NOW + 60,
}
SEAT = CLAIMS | {"peer": "seat-7", "src": "seat"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(
    claims: dict[str, Any] | bytes, *, key: OKPKey = KEY, header: dict[str, Any] | None = None
) -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact(header or {"alg": "Ed25519"}, payload, key, algorithms=["Ed25519"])


def verify(token: str | None, **more: Any) -> Grant:
    asked = {"room": "lesson-1", "direction": Direction.PUBLISH, "now": NOW} | more
    return TokenVerifier([PUBLIC]).verify(token, **asked)


def refused(token: str | None, **more: Any) -> tuple[int, str]:
    with pytest.raises(TokenError) as caught:
        verify(token, **more)
    assert caught.value.zh
    assert caught.value.en
    return caught.value.status, caught.value.code


def test_a_hosts_token_grants_its_camera() -> None:
    grant = verify(signed(CLAIMS | {"mk": True}))
    assert grant == Grant(
        "lesson-1", "host", Direction.PUBLISH, "camera", frozenset({"audio", "video"}), True
    )


def test_a_seats_token_grants_its_own_source() -> None:
    grant = verify(signed(SEAT | {"kinds": ["video"]}))
    assert (grant.peer, grant.source, grant.makes_room) == ("seat-7", "seat:seat-7", False)
    assert grant.kinds == {"video"}


def test_a_subscribers_token_has_no_source() -> None:
    claims = {k: v for k, v in SEAT.items() if k != "src"} | {"dir": "subscribe"}
    grant = verify(signed(claims), direction=Direction.SUBSCRIBE)
    assert (grant.direction, grant.source) == (Direction.SUBSCRIBE, None)


def test_no_token_is_401_missing() -> None:
    assert refused(None) == (401, "token_missing")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "é", "x" * (MAX_TOKEN_CHARACTERS + 1)])
def test_rubbish_is_401(token: str) -> None:
    assert refused(token) == (401, "token_invalid")


@pytest.mark.parametrize(
    "header",
    [
        '"{alg"', "[]", "5", "null", "{}", '{"alg":5}', '{"alg":"EdDSA"}', '{"alg":"none"}',
        '{"alg":["Ed25519"]}', '{"alg":"Ed25519","crit":["b64"],"b64":false}',
        '{"alg":"Ed25519","kid":7}', '{"alg":"Ed25519","jwk":{}}', "[" * 3000,
    ],
)  # fmt: skip
def test_a_header_that_is_not_ours_is_401(header: str) -> None:
    _, payload, signature = signed(CLAIMS).split(".")
    assert refused(f"{b64(header.encode())}.{payload}.{signature}") == (401, "token_invalid")


def test_validity_is_checked_with_a_small_leeway() -> None:
    token = signed(CLAIMS)
    assert verify(token, now=NOW + 60 + LEEWAY_S - 0.1).peer == "host"
    assert verify(token, now=NOW - 60 - LEEWAY_S).peer == "host"
    assert refused(token, now=NOW + 60 + LEEWAY_S) == (401, "token_invalid")
    assert refused(token, now=NOW - 60 - LEEWAY_S - 0.1) == (401, "token_invalid")


@pytest.mark.parametrize("name", ["nbf", "exp", "iss", "room", "peer", "kinds", "dir"])
def test_a_missing_claim_is_refused(name: str) -> None:
    claims = {k: v for k, v in CLAIMS.items() if k != name}
    assert refused(signed(claims)) == (401, "token_invalid")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": None},
        {"nbf": []},
        {"iss": "somebody"},
        {"room": 5},
        {"room": "../x"},
        {"peer": ""},
        {"kinds": []},
        {"kinds": "audio"},
        {"kinds": ["smell"]},
        {"kinds": [["audio"]]},
        {"dir": "both"},
        {"dir": 3},
    ],
)
def test_claims_of_the_wrong_shape_are_refused(claims: dict[str, Any]) -> None:
    assert refused(signed(CLAIMS | claims)) == (401, "token_invalid")


def test_not_a_number_is_no_expiry() -> None:
    payload = json.dumps(CLAIMS | {"exp": float("nan")}).encode()
    assert refused(signed(payload)) == (401, "token_invalid")


@pytest.mark.parametrize("payload", [b"[]", b"5", b"not json", b"[" * 50_000, b"\xff"])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    token = signed(payload[:2000])
    assert refused(token) == (401, "token_invalid")


def test_a_foreign_key_is_refused() -> None:
    assert refused(signed(CLAIMS, key=OTHER)) == (401, "token_invalid")


def test_a_key_is_not_believed_from_the_header() -> None:
    header = {"alg": "Ed25519", "jwk": OTHER.as_dict(private=False)}
    assert refused(signed(CLAIMS, key=OTHER, header=header)) == (401, "token_invalid")


def test_a_changed_claim_is_refused() -> None:
    head, _, signature = signed(SEAT).split(".")
    forged = b64(json.dumps(CLAIMS).encode())
    assert refused(f"{head}.{forged}.{signature}") == (401, "token_invalid")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_alg_none_is_refused(alg: str) -> None:
    head, payload = b64(json.dumps({"alg": alg}).encode()), b64(json.dumps(CLAIMS).encode())
    for signature in ("", signed(CLAIMS).split(".")[2]):
        assert refused(f"{head}.{payload}.{signature}") == (401, "token_invalid")


@pytest.mark.parametrize(
    "secret",
    [PUBLIC["x"].encode(), json.dumps(PUBLIC).encode(), b""],
    ids=["its value", "its JSON", "nothing"],  # the key is another one in every process
)
def test_the_public_key_is_no_hmac_secret(secret: bytes) -> None:
    head, payload = b64(b'{"alg":"HS256"}'), b64(json.dumps(CLAIMS).encode())
    mac = hmac.new(secret, f"{head}.{payload}".encode(), hashlib.sha256).digest()
    assert refused(f"{head}.{payload}.{b64(mac)}") == (401, "token_invalid")


def test_the_algorithm_is_exactly_ed25519() -> None:
    # A good signature of the same key under the algorithm's older, wider name.
    head, payload = b64(b'{"alg":"EdDSA"}'), b64(json.dumps(CLAIMS).encode())
    private = KEY.private_key
    assert isinstance(private, Ed25519PrivateKey)
    signature = private.sign(f"{head}.{payload}".encode())
    assert refused(f"{head}.{payload}.{b64(signature)}") == (401, "token_invalid")


def test_another_room_is_forbidden() -> None:
    assert refused(signed(CLAIMS), room="lesson-2") == (403, "token_room")


def test_another_direction_is_forbidden() -> None:
    assert refused(signed(CLAIMS), direction=Direction.SUBSCRIBE) == (403, "token_direction")


def test_another_peer_or_source_in_the_request_is_forbidden() -> None:
    token = signed(SEAT)
    assert verify(token, peer="seat-7", source="seat").source == "seat:seat-7"
    assert verify(token, source="seat:seat-7").source == "seat:seat-7"
    assert refused(token, peer="host") == (403, "token_peer")
    assert refused(token, source="camera") == (403, "token_source")
    assert refused(token, source="seat:seat-8") == (403, "token_source")


@pytest.mark.parametrize("source", ["camera", "screen:seat-9", "seat:seat-9", "", None, 5])
def test_a_seats_token_cannot_publish_as_host(source: object) -> None:
    assert refused(signed(SEAT | {"src": source})) == (403, "token_source")


def test_who_may_publish_what() -> None:
    assert source_name("camera", "host") == "camera"
    assert source_name("screen", "host") == "screen"
    assert source_name("seat", "host") is None
    assert source_name("seat", "seat-1") == "seat:seat-1"
    assert source_name("camera", "seat-1") is None
    assert source_name("camera", "check:room-1") == "camera"
    assert source_name("seat", "check:room-1") == "seat:check:room-1"
    assert source_name("screen", "t:a") == "screen:t:a"
    assert source_name("screen", "viewer:x") is None
    assert source_name("seat", "viewer:x") is None
    assert source_name("camera", "viewer:x") is None


def test_keys_of_all_owners_together_are_bounded() -> None:
    verifier = TokenVerifier([PUBLIC])  # type: ignore[list-item]
    verifier.replace_keys([PUBLIC] * (MAX_KEYS - 1), "b1")  # type: ignore[list-item]
    with pytest.raises(ValueError, match=f"more than {MAX_KEYS}"):
        verifier.replace_keys([PUBLIC], "b2")  # type: ignore[list-item]
    verifier.replace_keys([], "b1")
    verifier.replace_keys([PUBLIC], "b2")  # type: ignore[list-item]


def test_keys_can_be_replaced() -> None:
    verifier = TokenVerifier([PUBLIC])
    asked: dict[str, Any] = {"room": "lesson-1", "direction": Direction.PUBLISH, "now": NOW}
    verifier.replace_keys([OTHER.as_dict(private=False), PUBLIC])  # type: ignore[list-item]
    assert verifier.verify(signed(CLAIMS), **asked).peer == "host"
    assert verifier.verify(signed(CLAIMS, key=OTHER), **asked).peer == "host"
    verifier.replace_keys([])
    with pytest.raises(TokenError):
        verifier.verify(signed(CLAIMS), **asked)


@pytest.mark.parametrize(
    "keys",
    [
        [{"kty": "oct", "k": "AAAA"}],
        [{"kty": "OKP", "crv": "Ed448", "x": "AAAA"}],
        [{"kty": "OKP", "crv": "Ed25519"}],
        [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}],
        [{}],
        [PUBLIC] * (MAX_KEYS + 1),
    ],
)
def test_what_is_no_ed25519_key_is_not_taken(keys: list[dict[str, str]]) -> None:
    verifier = TokenVerifier([PUBLIC])
    with pytest.raises(ValueError, match=r"key|JWK"):
        verifier.replace_keys(keys)
    asked: dict[str, Any] = {"room": "lesson-1", "direction": Direction.PUBLISH, "now": NOW}
    assert verifier.verify(signed(CLAIMS), **asked).peer == "host"  # the old keys stay


def test_names_are_what_ids_may_be() -> None:
    assert all(map(is_name, ("host", "seat:1-2_3.4", "viewer:ab", "a" * 100)))
    assert not any(map(is_name, ("", ".x", "a b", "a/b", "a" * 101, "中", "a\n")))
