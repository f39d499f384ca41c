"""Relay tokens: the coordinator's signing key and the grants it signs.

The private key is made at first use and kept in a file only its owner can read; the relay is given
the public half. See docs/relay-interface.md for the claims.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from ..domain.problems import ProblemError, ProblemKind

ISSUER: Final = "sync-classroom"
ALGORITHM: Final = "Ed25519"
BOTH_KINDS: Final = ("audio", "video")
_OWNER_ONLY: Final = 0o600


class TokenMinter:
    """Signs tokens with the key in `key_file`, which is made (0600) if there is none.

    Raises ProblemError when the file cannot be read, written, or is not such a key.
    """

    def __init__(self, key_file: Path) -> None:
        self._key = _load_or_make(key_file)
        self._kid = self._key.thumbprint()

    def public_keys(self) -> list[dict[str, str]]:
        """JWK public keys for `PUT /keys` and the relay's settings."""
        public = self._key.as_dict(private=False)
        return [{**{name: str(public[name]) for name in ("kty", "crv", "x")}, "kid": self._kid}]

    def publish(
        self,
        room: str,
        peer: str,
        source: Literal["camera", "screen", "seat"],
        *,
        not_before: datetime,
        expires: datetime,
        kinds: Sequence[str] = BOTH_KINDS,
        makes_room: bool = False,
    ) -> str:
        """A token to publish one source. `makes_room`: the first publish may make the room."""
        claims: dict[str, object] = {"dir": "publish", "src": source}
        if makes_room:
            claims["mk"] = True
        return self._sign(room, peer, claims, kinds, not_before, expires)

    def subscribe(
        self,
        room: str,
        peer: str,
        *,
        not_before: datetime,
        expires: datetime,
        kinds: Sequence[str] = BOTH_KINDS,
    ) -> str:
        """A token to receive a room's media as `peer`."""
        return self._sign(room, peer, {"dir": "subscribe"}, kinds, not_before, expires)

    def _sign(
        self,
        room: str,
        peer: str,
        more: dict[str, object],
        kinds: Sequence[str],
        not_before: datetime,
        expires: datetime,
    ) -> str:
        claims = {
            "iss": ISSUER,
            "room": room,
            "peer": peer,
            "kinds": list(kinds),
            "nbf": int(not_before.timestamp()),
            "exp": int(expires.timestamp()),
            **more,
        }
        header = {"alg": ALGORITHM, "kid": self._kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])


def _load_or_make(path: Path) -> OKPKey:
    try:
        if not path.exists():
            _make(path)
        path.chmod(_OWNER_ONLY)  # a restored backup may have brought wider permissions
        key = OKPKey.import_key(json.loads(path.read_text("ascii")))
        if not key.is_private or key.curve_name != "Ed25519":
            raise ValueError("not an Ed25519 private key")
    except OSError as error:
        raise ProblemError(
            "token_key_unreadable",
            f"无法读写令牌密钥文件 {path}：{error.strerror}。请检查 server.data_dir 的权限。",
            f"The token key file {path} cannot be read or written: {error.strerror}."
            " Check the permissions of server.data_dir.",
            kind=ProblemKind.UNAVAILABLE,
            field="server.data_dir",
            value=str(path),
        ) from error
    except (ValueError, JoseError) as error:
        raise ProblemError(
            "token_key_damaged",
            f"令牌密钥文件 {path} 已损坏。请从备份恢复；没有备份时删除它，系统会重新生成，"
            "终端需要重新进入课堂。",
            f"The token key file {path} is damaged. Restore it from a backup; without one, delete"
            " it: a new key is made and terminals join again.",
            field="server.data_dir",
            value=str(path),
        ) from error
    return key


def _make(path: Path) -> None:
    """Write a fresh key beside `path` and link it in, so that two starters agree on one key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True))
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key is ours
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
