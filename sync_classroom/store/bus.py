"""Opens the bus between coordinators; needs the `redis` extra only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..domain.problems import ProblemError, ProblemKind

if TYPE_CHECKING:
    from .redis_bus import FanOut, RedisBus

_SCHEMES: Final = ("redis", "rediss", "unix")


async def open_redis_bus(url: str, fan_out: FanOut) -> RedisBus:
    """Connect to Redis or Valkey at `url` and return the bus.

    `redis://user:password@host:6379/0`, `rediss://…` (TLS) or `unix:///path`. `fan_out` is the bus
    inside this process that delivers what arrives; the returned bus closes it. Raises ProblemError
    `bus_url`, `bus_driver_missing` or `bus_unreachable`; no message contains the password.
    """
    shown = _shown(url)
    try:
        from .redis_bus import RedisBus
    except ModuleNotFoundError as error:
        raise ProblemError(
            "bus_driver_missing",
            "缺少 redis 客户端。请运行 pip install 'sync-classroom[redis]' 后再启动。",
            "the redis client is not installed: run pip install 'sync-classroom[redis]' and start"
            " again",
            kind=ProblemKind.UNAVAILABLE,
            field="store.redis_url",
            value=shown,
        ) from error
    return await RedisBus.open(url, fan_out, shown=shown)


def _shown(url: str) -> str:
    """The address without user and password; ProblemError for one that is not understood."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad_url("") from None
    if parts.scheme not in _SCHEMES:
        raise _bad_url(parts.scheme)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.hostname or 'localhost'}:{port or 6379}{parts.path}"


def _bad_url(scheme: str) -> ProblemError:
    return ProblemError(
        "bus_url",
        f"无法识别消息总线地址（类型“{scheme}”）。请写成 redis://主机:6379/0。",
        f"the bus URL (of type {scheme!r}) is not understood: write redis://host:6379/0",
        field="store.redis_url",
        value=scheme,
    )
