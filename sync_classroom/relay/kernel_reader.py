"""The reader in C (`kernel_receive.c`); chosen where it was built and by the same setting.

Lifetimes: a stream's entry in the kernel holds the address of its SRTP session, and `_known` the
session itself until the entry has been taken away. The socket outlives its reader.
"""

from __future__ import annotations

import secrets
import struct
from typing import Any, Final

from . import srtp
from .counters import Counters
from .kernel import kernel_module
from .reader import Known, PythonReader, Reader, Reading
from .rtp import Heard
from .udp import SLOT, UdpSocket

_ARRIVAL: Final = struct.Struct("=IIHHHHBBBBBxxx")
_OTHER, _MEDIA, _REJECTED = 0, 1, 2


def make_reader(choice: str, socket: UdpSocket, counters: Counters) -> Reader:
    """The reader for the setting `fanout`, once `kernel.make_fanout` has found it can be had."""
    module = kernel_module()
    if choice == "python" or module is None:
        return PythonReader(socket, counters)
    return KernelReader(module, socket, counters)


class KernelReader(PythonReader):
    """The reader in C; Python runs once a batch, and once more for each packet it keeps."""

    name = "kernel"

    def __init__(self, module: Any, socket: UdpSocket, counters: Counters) -> None:
        super().__init__(socket, counters)
        ffi, self._lib = module.ffi, module.lib
        reader = self._lib.kernel_reader_new(
            socket.fd,
            socket.key_length,
            socket.messages_address(),
            socket.recvmmsg_address(),
            srtp.unprotect_address(),
            secrets.randbits(64),
        )
        if not reader:
            raise MemoryError("no memory for the reading kernel")
        self._reader = ffi.gc(reader, self._lib.kernel_reader_free)
        arrivals = ffi.buffer(self._lib.kernel_arrivals(self._reader),
                              self._lib.KERNEL_RECEIVE * _ARRIVAL.size)  # fmt: skip
        self._arrivals = memoryview(arrivals).cast("B")
        self._memory = socket.receive_memory
        self._known: dict[int, Known] = {}
        self._numbers: dict[Known, int] = {}
        self._next = 0  # 32 bits: a stream that begins every millisecond needs fifty days

    def learn(self, key: bytes, known: Known) -> None:
        """See `Reader`. Without memory for it the stream goes on the long way."""
        self.forget_stream(key, known.ssrc)
        number = self._next
        if self._lib.kernel_learn(
            self._reader, key, known.ssrc, known.incoming.handle, known.level_id, number
        ):
            return
        self._next = (number + 1) & 0xFFFFFFFF
        self._known[number], self._numbers[known] = known, number
        super().learn(key, known)

    def forget_stream(self, key: bytes, ssrc: int) -> None:
        """One stream of an address is not known any more."""
        known = self._streams.get(key, {}).pop(ssrc, None)
        if known is not None:
            self._lib.kernel_forget(self._reader, key, ssrc)
            del self._known[self._numbers.pop(known)]

    def forget(self, key: bytes) -> None:
        """See `Reader`."""
        for ssrc in tuple(self._streams.get(key, ())):
            self.forget_stream(key, ssrc)
        super().forget(key)

    def read(self) -> Reading:
        """See `Reader`."""
        count = self._lib.kernel_read(self._reader)
        memory, runs, others = self._memory, {}, []  # type: ignore[var-annotated]
        run: list[Heard] = []
        latest = -1
        start = -SLOT
        for (
            stream, timestamp, sequence, first, end, length, found, kind, marker, level, levelled,
        ) in _ARRIVAL.iter_unpack(self._arrivals[: count * _ARRIVAL.size]):  # fmt: skip
            start += SLOT
            if found == _MEDIA:
                if stream != latest:
                    latest = stream
                    run = runs.setdefault(stream, [])
                payload = memory[start + first : start + end]
                run.append(
                    (kind, marker, sequence, timestamp, level if levelled else None, payload,
                     length)
                )  # fmt: skip
            elif found == _OTHER:
                others.append(start // SLOT)
            elif found == _REJECTED:
                self._counters.srtp_rejected += 1
            else:
                self._counters.rtp_malformed += 1
        known = self._known
        return Reading(count, [(known[number], heard) for number, heard in runs.items()], others)
