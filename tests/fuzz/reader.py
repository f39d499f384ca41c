"""Fuzz inputs as sequences of small fields: reading never fails, it only runs out."""

from __future__ import annotations


class Reader:
    """Takes fields off the front of an input; past its end numbers are 0 and strings short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        """At most `size` bytes."""
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def u8(self) -> int:
        return int.from_bytes(self.take(1), "big")

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def block(self) -> bytes:
        """A string of up to 64 kB behind its two-byte length."""
        return self.take(self.u16())

    def rest(self) -> bytes:
        found = self._data[self._at :]
        self._at = len(self._data)
        return found


def block(data: bytes) -> bytes:
    """What `Reader.block` reads, for seeds."""
    return len(data).to_bytes(2, "big") + data
