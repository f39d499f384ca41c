"""Datagrams over a byte stream (RFC 4571), and what waits for a stream that is slow.

Pure: time is an argument, nothing is read or written here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

# ------------------------------------------------------------------ policy, written down

MAX_FRAME: Final = 2048
"""Bytes of one datagram, as in the UDP port's buffers: media keeps to an Ethernet MTU."""
MAX_QUEUE_BYTES: Final = 256 * 1024
"""Waiting for one connection before video is refused: a keyframe of 100 packets, twice."""
MAX_QUEUE_S: Final = 0.4
"""How long the oldest may have waited before video is refused: players bear half a second, and
what the connection cannot carry now it will not carry any sooner behind a longer queue."""
KEPT_BYTES: Final = 64 * 1024
"""Audio and control may fill the queue so far beyond: 8 s of one voice. Past it they are lost too,
and only a connection that moves nothing at all gets there."""
WRITE_FRAMES: Final = 64
"""Frames in one write: below the system's limit of vectors, and more than a send buffer takes."""

Keep = Callable[[memoryview], bool]
"""Whether to keep a datagram the connection is too slow for; see `udp.Owner.blocked`."""


class Frames:
    """Cuts what arrives into datagrams."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The datagrams that are whole now. Raises ValueError for one longer than `MAX_FRAME`."""
        data = self._rest + data
        found: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= 2:
            length = int.from_bytes(data[at : at + 2], "big")
            if length > MAX_FRAME:
                raise ValueError(f"a frame of {length} bytes")
            if end - at - 2 < length:
                break
            if length:  # RFC 4571 2: a null frame is nothing to anybody
                found.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        self._rest = data[at:]
        return found


def frame(datagram: bytes | memoryview) -> bytes:
    """A datagram with its length before it."""
    return len(datagram).to_bytes(2, "big") + datagram


class SendQueue:
    """Frames that wait for one connection, oldest first; bounded in bytes and in age.

    At a bound, everything not yet begun is offered to its owner, who keeps it (audio, control) or
    gives it up (video, which then waits for a keyframe); so what is kept goes out next, and a slow
    line carries sound. `refused` counts what owners gave up, `lost` what they could not keep.
    """

    __slots__ = ("_begun", "_frames", "lost", "refused", "size")

    def __init__(self) -> None:
        self._frames: deque[tuple[float, bytes, Keep]] = deque()
        self._begun = 0  # bytes of the first frame that are written
        self.size = self.refused = self.lost = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def since_s(self) -> float | None:
        """When the oldest frame was put; None if nothing waits."""
        return self._frames[0][0] if self._frames else None

    def put(self, datagram: memoryview, keep: Keep, now: float) -> None:
        """Queue a datagram, if it may; see the class."""
        if not self._behind(len(datagram), now):
            self._append(datagram, keep, now)
            return
        self._thin()
        if not keep(datagram):
            self.refused += 1
        elif self.size + len(datagram) > MAX_QUEUE_BYTES + KEPT_BYTES:
            self.lost += 1
        else:
            self._append(datagram, keep, now)

    def _append(self, datagram: memoryview, keep: Keep, now: float) -> None:
        self._frames.append((now, frame(datagram), keep))
        self.size += 2 + len(datagram)

    def _behind(self, more: int, now: float) -> bool:
        since_s = self.since_s
        return self.size + more > MAX_QUEUE_BYTES or (
            since_s is not None and now - since_s > MAX_QUEUE_S
        )

    def _thin(self) -> None:
        """Give up what its owner does not want kept; a frame that is begun must be finished."""
        kept: deque[tuple[float, bytes, Keep]] = deque()
        if self._begun:
            kept.append(self._frames.popleft())
        for entry in self._frames:
            if entry[2](memoryview(entry[1])[2:]):
                kept.append(entry)
            else:
                self.size -= len(entry[1])
                self.refused += 1
        self._frames = kept

    def head(self) -> list[memoryview]:
        """What to write next: at most `WRITE_FRAMES` frames, without what is written."""
        parts = [
            memoryview(data)
            for _, (_, data, _) in zip(range(WRITE_FRAMES), self._frames, strict=False)
        ]
        if parts:
            parts[0] = parts[0][self._begun :]
        return parts

    def wrote(self, count: int) -> int:
        """So many bytes of `head()` were taken; how many datagrams that completes."""
        done = 0
        self._begun += count
        while self._frames and self._begun >= len(self._frames[0][1]):
            _, data, _ = self._frames.popleft()
            self._begun -= len(data)
            self.size -= len(data)
            done += 1
        return done
