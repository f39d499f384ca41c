"""Hashing off the loop, bounded."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import PasswordHasher

from sync_classroom.coordinator.passwords import LANES, MEMORY_KIB, TIME_COST, PasswordHashing
from sync_classroom.domain.problems import ProblemError, ProblemKind
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


async def test_the_parameters_are_those_of_rfc_9106() -> None:
    hashing = PasswordHashing()
    encoded = await hashing.hash("a good long password")
    hashing.close()
    assert encoded.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p={LANES}$")


async def test_who_comes_when_too_many_wait_is_told_to_come_again() -> None:
    gate = threading.Event()

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            assert gate.wait(PATIENCE_S)
            return "hash"

    hashing = PasswordHashing(Slow(), max_waiting=3)
    waiting = [asyncio.create_task(hashing.hash("x")) for _ in range(3)]
    await asyncio.sleep(0)  # each task has taken its place
    with pytest.raises(ProblemError) as caught:
        await hashing.hash("x")
    assert caught.value.kind is ProblemKind.UNAVAILABLE
    gate.set()
    assert await asyncio.gather(*waiting) == ["hash"] * 3
    assert await hashing.hash("x") == "hash"
    hashing.close()


async def test_a_damaged_hash_is_a_wrong_password() -> None:
    hashing = PasswordHashing(PasswordHasher(1, 8, 1))
    assert not await hashing.verify("$argon2id$rubbish", "x")
    assert not await hashing.verify(None, "x")
    assert await hashing.verify(await hashing.hash("\ud800"), "\ud800")
    hashing.close()
