"""Minted tokens are what the relay's verifier takes, and the key stays private."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay.session import Direction
from sync_classroom.relay.tokens import Grant, TokenError, TokenVerifier

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SPAN = {"not_before": NOW - timedelta(minutes=15), "expires": NOW + timedelta(minutes=30)}


def check(minter: TokenMinter, token: str, direction: Direction, room: str = "lesson-1") -> Grant:
    verifier = TokenVerifier(minter.public_keys())
    return verifier.verify(token, room=room, direction=direction, now=NOW.timestamp())


def test_the_relay_takes_a_publishing_token(tmp_path: Path) -> None:
    minter = TokenMinter(tmp_path / "keys" / "tokens.json")
    token = minter.publish("lesson-1", "host", "camera", makes_room=True, **SPAN)
    assert check(minter, token, Direction.PUBLISH) == Grant(
        "lesson-1", "host", Direction.PUBLISH, "camera", frozenset({"audio", "video"}), True
    )
    token = minter.publish("lesson-1", "seat-3", "seat", kinds=["video"], **SPAN)
    grant = check(minter, token, Direction.PUBLISH)
    assert (grant.source, grant.kinds, grant.makes_room) == ("seat:seat-3", {"video"}, False)


def test_the_relay_takes_a_subscribing_token_for_nothing_else(tmp_path: Path) -> None:
    minter = TokenMinter(tmp_path / "tokens.json")
    token = minter.subscribe("lesson-1", "seat-3", **SPAN)
    assert check(minter, token, Direction.SUBSCRIBE).peer == "seat-3"
    with pytest.raises(TokenError):
        check(minter, token, Direction.PUBLISH)
    with pytest.raises(TokenError):
        check(minter, token, Direction.SUBSCRIBE, room="lesson-2")


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    first = TokenMinter(path)
    path.chmod(0o644)
    second = TokenMinter(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.public_keys() == second.public_keys()
    assert [child.name for child in tmp_path.iterdir()] == ["tokens.json"]
    token = first.subscribe("lesson-1", "seat-3", **SPAN)
    assert check(second, token, Direction.SUBSCRIBE).room == "lesson-1"


def test_public_keys_are_public(tmp_path: Path) -> None:
    (key,) = TokenMinter(tmp_path / "tokens.json").public_keys()
    assert set(key) == {"kty", "crv", "x", "kid"}
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")


@pytest.mark.parametrize("text", ["", "rubbish", "{}", '{"kty":"oct","k":"AAAA"}'])
def test_a_damaged_key_file_is_a_problem_not_a_new_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(text)
    with pytest.raises(ProblemError) as caught:
        TokenMinter(path)
    assert caught.value.code == "token_key_damaged"
    assert str(path) in caught.value.en
    assert path.read_text() == text


def test_a_public_key_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps(TokenMinter(tmp_path / "other.json").public_keys()[0]))
    with pytest.raises(ProblemError, match="damaged"):
        TokenMinter(path)


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProblemError) as caught:
        TokenMinter(tmp_path / "file" / "tokens.json")
    assert (caught.value.code, caught.value.field) == ("token_key_unreadable", "server.data_dir")
