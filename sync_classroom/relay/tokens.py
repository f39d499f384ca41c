"""Who may do what: bearer tokens (RFC 6750) checked without asking the coordinator.

A token is a compact JWS whose `alg` is exactly `Ed25519` (RFC 9864): no other algorithm is ever
considered, so neither `none` nor a public key used as an HMAC secret gets anywhere.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from .session import Direction

ISSUER: Final = "sync-classroom"
ALGORITHM: Final = "Ed25519"
#: Clocks of one programme's servers differ by little; more would keep dead tokens alive.
LEEWAY_S: Final = 5.0
#: Ours are 400 bytes; a header line of a proxy holds 8 kB.
MAX_TOKEN_CHARACTERS: Final = 4096
#: One key in use and those of coordinators being replaced.
MAX_KEYS: Final = 16
KINDS: Final = frozenset({"audio", "video"})

_HEADERS: Final = frozenset({"alg", "kid", "typ"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_HOST = "host"
_CHECK = "check:"
_VIEWER = "viewer:"


class TokenError(Exception):
    """A request that is not authorised. `status` is 401 or 403, `code` stable."""

    def __init__(self, status: int, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.status = status
        self.code = code
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do: one direction in one room, as one peer."""

    room: str
    peer: str
    direction: Direction
    source: str | None
    kinds: frozenset[str]
    makes_room: bool


def is_name(text: str) -> bool:
    """Whether `text` can name a room or a peer."""
    return _NAME.fullmatch(text) is not None


def source_name(kind: str, peer: str) -> str | None:
    """The relay's name of a publisher's source: `camera`, `screen`, `seat:<peer>`,
    `screen:<peer>`; None if unfit.

    `camera` and `screen` belong to the host (or a terminal checking itself in a room of its own);
    every other peer publishes as a seat, and a screen under its own name; viewers do not publish.
    """
    if peer.startswith(_VIEWER):
        return None
    if kind in {"camera", "screen"} and (peer == _HOST or peer.startswith(_CHECK)):
        return kind
    if kind in {"seat", "screen"} and peer != _HOST:
        return f"{kind}:{peer}"
    return None


class TokenVerifier:
    """Checks tokens against the public keys it was given, which may be replaced at any time.

    Each coordinator signs with a key of its own, so keys are kept by who gave them; those given at
    the start are the starter's, whose name is empty.
    """

    def __init__(self, keys: Iterable[Mapping[str, str]] = ()) -> None:
        self._by_owner: dict[str, tuple[OKPKey, ...]] = {}
        self._keys: tuple[OKPKey, ...] = ()
        self.replace_keys(keys)

    def replace_keys(self, keys: Iterable[Mapping[str, str]], owner: str = "") -> None:
        """Take these JWK public keys instead of the owner's former ones.

        ValueError, and nothing is changed, if one is not an Ed25519 key or there are then more than
        `MAX_KEYS` of all owners together.
        """
        taken = []
        for key in keys:
            if key.get("kty") != "OKP" or key.get("crv") != "Ed25519":
                raise ValueError(f"not an Ed25519 JWK: kty {key.get('kty')!r}")
            try:
                loaded = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": str(key["x"])})
                loaded.public_key  # noqa: B018 - raises now, not at the first token
            except (JoseError, KeyError, ValueError) as error:
                raise ValueError(f"not an Ed25519 JWK: {error}") from error
            taken.append(loaded)
        by_owner = {**self._by_owner, owner: tuple(taken)}
        together = tuple(key for keys in by_owner.values() for key in keys)
        if len(together) > MAX_KEYS:
            raise ValueError(f"more than {MAX_KEYS} keys")
        self._by_owner, self._keys = by_owner, together

    def verify(
        self,
        token: str | None,
        *,
        room: str,
        direction: Direction,
        now: float,
        peer: str | None = None,
        source: str | None = None,
    ) -> Grant:
        """The grant of a token for this request at `now` (Unix seconds).

        `peer` and `source` are what the request itself names, if it does. Raises `TokenError`.
        """
        if token is None:
            raise TokenError(
                401,
                "token_missing",
                "请求没有令牌。请带上 Authorization: Bearer 令牌。",
                "No token was sent. Send one as Authorization: Bearer.",
            )
        claims = self._claims(token)
        _check_time(claims, now)
        grant = _grant(claims)
        if grant.room != room:
            raise _forbidden("token_room", "令牌属于另一间课堂。", "The token is for another room.")
        if grant.direction is not direction:
            raise _forbidden(
                "token_direction",
                f"令牌只允许 {grant.direction}。",
                f"The token allows {grant.direction} only.",
            )
        if peer is not None and peer != grant.peer:
            raise _forbidden("token_peer", "令牌属于另一个终端。", "The token is another peer's.")
        if source is not None and source not in {grant.source, (grant.source or "").split(":")[0]}:
            raise _forbidden(
                "token_source", "令牌不允许发布此来源。", "The token does not allow this source."
            )
        return grant

    def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
            raise _invalid("令牌格式不正确。", "The token is malformed.")
        if not _is_ours(token.partition(".")[0]):
            raise _invalid("令牌格式不正确。", "The token's header does not say alg Ed25519.")
        for key in self._keys:
            try:
                signed = jws.deserialize_compact(token, key, algorithms=[ALGORITHM])
                claims = json.loads(signed.payload)
            except (JoseError, ValueError, RecursionError):
                continue
            if isinstance(claims, dict):
                return claims
        raise _invalid(
            "令牌不是由本系统签发的。请在终端页面重新进入课堂。",
            "This relay knows no key that signed the token. Join again from the terminal page.",
        )


def _is_ours(header: str) -> bool:
    """Whether a token's header is a JSON object that names our algorithm and nothing critical.

    Looked at before the library does: it takes any JSON for an object, and would understand
    headers (`crit`, `b64`) that a token of ours never has.
    """
    try:
        read = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        return False
    if not isinstance(read, dict) or read.get("alg") != ALGORITHM:
        return False
    return set(read) <= _HEADERS and all(isinstance(value, str) for value in read.values())


def _check_time(claims: Mapping[str, Any], now: float) -> None:
    not_before, expires = claims.get("nbf"), claims.get("exp")
    for instant in (not_before, expires):
        if isinstance(instant, bool) or not isinstance(instant, int | float):
            raise _invalid(
                "令牌缺少有效期。", "The token says not from when until when it is valid."
            )
    assert isinstance(not_before, int | float)
    assert isinstance(expires, int | float)
    if not now < expires + LEEWAY_S:
        raise _invalid("令牌已过期。请重新进入课堂。", "The token has expired. Join again.")
    if not now >= not_before - LEEWAY_S:
        raise _invalid(
            "令牌尚未生效。请在上课前 15 分钟内再试,并检查本机时钟。",
            "The token is not valid yet. Try again nearer the lesson, and check the clocks.",
        )


def _grant(claims: Mapping[str, Any]) -> Grant:
    room, peer, kinds = claims.get("room"), claims.get("peer"), claims.get("kinds")
    good = claims.get("iss") == ISSUER and isinstance(room, str) and isinstance(peer, str)
    if not good or not isinstance(kinds, list) or not kinds:
        raise _invalid("令牌内容不完整。", "The token lacks iss, room, peer or kinds.")
    assert isinstance(room, str)
    assert isinstance(peer, str)
    if (
        not is_name(room)
        or not is_name(peer)
        or not all(isinstance(kind, str) and kind in KINDS for kind in kinds)
    ):
        raise _invalid("令牌内容不正确。", "The token's room, peer or kinds are not valid.")
    try:
        direction = Direction(str(claims.get("dir")))
    except ValueError:
        raise _invalid("令牌没有方向。", "The token's dir is not publish or subscribe.") from None
    source = None
    if direction is Direction.PUBLISH:
        source = source_name(str(claims.get("src")), peer)
        if source is None:
            raise _forbidden(
                "token_source",
                "此终端不能发布这个来源。",
                "This peer cannot publish this source.",
            )
    return Grant(room, peer, direction, source, frozenset(kinds), claims.get("mk") is True)


def _invalid(zh: str, en: str) -> TokenError:
    return TokenError(401, "token_invalid", zh, en)


def _forbidden(code: str, zh: str, en: str) -> TokenError:
    return TokenError(403, code, zh, en)
