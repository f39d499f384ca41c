"""argon2id in a bounded pool of threads: a hash takes about 160 ms and 64 MiB, never on the loop.

A sign-in for a login that does not exist verifies against a decoy, so that the answer takes as
long as for one that does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ..domain.problems import ProblemError, ProblemKind

# RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
TIME_COST: Final = 3
MEMORY_KIB: Final = 64 * 1024
LANES: Final = 4
# Two at a time keep one core free for lessons on the smallest machine (2 × 64 MiB).
THREADS: Final = 2
# Who comes when so many wait is told to try again: 16 × 160 ms / 2 is a wait people accept.
MAX_WAITING: Final = 16

T = TypeVar("T")


class PasswordHashing:
    """Hashes and verifies. `close` ends its threads."""

    def __init__(
        self, hasher: PasswordHasher | None = None, *, max_waiting: int = MAX_WAITING
    ) -> None:
        self._hasher = hasher or PasswordHasher(TIME_COST, MEMORY_KIB, LANES)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._max_waiting = max_waiting
        self._waiting = 0
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash, with its own salt and parameters in it."""
        return await self._run(lambda: self._hasher.hash(_octets(password)))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password belongs to the hash; None (nobody) costs the same and is False."""
        return await self._run(lambda: self._verify(encoded, password))

    def outdated(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def close(self) -> None:
        """Wait for nobody, start nothing new."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, encoded: str | None, password: str) -> bool:
        if self._decoy is None:
            self._decoy = self._hasher.hash(secrets.token_bytes(16))
        try:
            return self._hasher.verify(encoded or self._decoy, _octets(password))
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting:
            raise ProblemError(
                "sign_in_busy",
                "现在登录的人太多，请几秒后再试。",
                "Too many people are signing in just now; try again in a few seconds.",
                kind=ProblemKind.UNAVAILABLE,
                retry_after_s=5,
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _octets(password: str) -> bytes:
    """UTF-8; a lone surrogate from a JSON escape must not be a server error."""
    return password.encode("utf-8", "surrogatepass")
