"""The fan-out in C (`kernel.c`), driven in batches; chosen where it was built.

Lifetimes: the records given to the kernel hold addresses of payloads, SRTP sessions, socket names
and shapes. `_Pass` holds the objects behind them until the kernel has returned for good, also while
a blocked datagram's owner is asked in between; the kernel itself keeps no address. So a receiver
may leave, and its memory go, at any moment between two passes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..domain.problems import ProblemError
from . import srtp
from .counters import Counters
from .fanout import HEADER_LENGTH, FanOut, Job, Output, PythonFanOut, Shape
from .rtp import Packet
from .udp import SLOT, Address, UdpSocket

VERSION: Final = 1
"""Of `kernel.h`: a module that was built from another one is not used."""
PASS_JOBS: Final = 1024
"""Jobs in one call of the kernel: 48 kB of records; more subscribers take another call."""
PASS_PACKETS: Final = 2048
"""Packets in one call's table: three keyframes of 600 packets and all that goes with them."""
_ABSENT: Final = 0xFFFF
_PACKET: Final = struct.Struct("=QIIIHHHHBBBBBxxxxxxx")
_JOB: Final = struct.Struct("=QQQIIIIHHBBxx")

try:
    from . import _kernel  # type: ignore[attr-defined]  # compiled, or not there
except ImportError:
    _kernel = None


CHOICES: Final = ("auto", "kernel", "python")


def unavailable() -> tuple[str, str] | None:
    """Why the kernel cannot be used, in Chinese and English; None if it can."""
    if _kernel is None:
        return "安装时没有 C 编译器，因此没有编译", "it was not built, for want of a C compiler"
    if _kernel.lib.KERNEL_VERSION != VERSION:
        return "它由旧版源代码编译", "it was built from an older source"
    return None


def make_fanout(choice: str, socket: UdpSocket, counters: Counters) -> FanOut:
    """The fan-out for the setting `fanout`: `auto` takes the kernel where it was built.

    Raises ProblemError `fanout_unavailable` if `kernel` is asked for and cannot be had, ValueError
    for an unknown choice.
    """
    if choice not in CHOICES:
        raise ValueError(f"fanout is one of {', '.join(CHOICES)}, not {choice!r}")
    reason = unavailable()
    if choice == "python" or (choice == "auto" and reason is not None):
        return PythonFanOut(socket, counters)
    if reason is not None:
        raise ProblemError(
            "fanout_unavailable",
            f"设置 relay.fanout 要求 C 转发程序，但不能使用：{reason[0]}。请改为 auto，"
            "或安装 gcc 后重新安装本软件包。",
            f"The setting relay.fanout asks for the kernel, but {reason[1]}. Set it to auto, or"
            " install gcc and then this package again.",
            field="relay.fanout",
            value=choice,
        )
    return KernelFanOut(socket, counters)


class _Table:
    """One list of packets in the kernel's table."""

    __slots__ = ("base_bytes", "contiguous", "count", "first", "levelled", "memory", "packets")

    def __init__(self, packets: Sequence[Packet], first: int) -> None:
        self.packets = packets
        self.first, self.count = first, len(packets)
        self.memory = b"".join([packet.payload for packet in packets])
        self.base_bytes = len(self.memory) + HEADER_LENGTH * len(packets)
        self.levelled = sum(packet.audio_level is not None for packet in packets)
        number = packets[0].seq
        self.contiguous = all(packet.seq == number + place for place, packet in enumerate(packets))


class _Pass:
    """Records for one call, and everything that must live until it is over."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Output, Address, _Table, Any]] = []
        self.tables: dict[int, _Table] = {}
        self.packets = 0


class KernelFanOut(PythonFanOut):
    """The fan-out in C. Single packets (`resend`) go the way of the Python one."""

    name = "kernel"

    def __init__(self, socket: UdpSocket, counters: Counters) -> None:
        super().__init__(socket, counters)
        self._udp = socket
        self._ffi, self._lib = _kernel.ffi, _kernel.lib
        sender = self._lib.kernel_new(
            socket.fd, socket.name_length, srtp.protect_address(), socket.sendmmsg_address()
        )
        if not sender:
            raise MemoryError("no memory for the fan-out kernel")
        self._sender = self._ffi.gc(sender, self._lib.kernel_free)
        self._state = self._lib.kernel_state(self._sender)
        memory = self._lib.kernel_memory(self._sender)
        size = self._lib.KERNEL_BATCH * SLOT
        self._memory = memoryview(self._ffi.buffer(memory, size)).cast("B")
        self._jobs = self._ffi.new("struct kernel_job[]", PASS_JOBS)
        self._job_view = memoryview(self._ffi.buffer(self._jobs)).cast("B")
        self._packets = self._ffi.new("struct kernel_packet[]", PASS_PACKETS)
        self._packet_view = memoryview(self._ffi.buffer(self._packets)).cast("B")

    def forward(self, jobs: Iterable[Job]) -> None:
        """See `FanOut`. What the kernel takes is sent at once, not at the next flush."""
        if self._udp.waiting:
            self._udp.retry()
        current = _Pass()
        for output, packets in jobs:
            destination = output.destination
            address, outgoing = destination.address, destination.outgoing
            if address is None or outgoing is None:
                continue
            for start in range(0, len(packets), PASS_PACKETS):
                part = (
                    packets
                    if len(packets) <= PASS_PACKETS
                    else packets[start : start + PASS_PACKETS]
                )
                table = current.tables.get(id(part))
                if len(current.jobs) == PASS_JOBS or (
                    table is None and current.packets + len(part) > PASS_PACKETS
                ):
                    self._run(current)
                    current, table = _Pass(), None
                if table is None:
                    table = self._tabulate(current, part)
                self._add(current, output, address, outgoing, table)
        if current.jobs:
            self._run(current)

    def _add(
        self,
        current: _Pass,
        output: Output,
        address: Address,
        outgoing: srtp.SrtpSession,
        table: _Table,
    ) -> None:
        slot, shape = output.slot, output.shape
        block = shape.native
        if block is None:
            block = shape.native = self._block(shape)
        _JOB.pack_into(
            self._job_view,
            _JOB.size * len(current.jobs),
            outgoing.handle,
            address.pointer,
            block[0],
            slot.ssrc,
            slot.ts_shift,
            table.first,
            table.count,
            slot.seq_shift & 0xFFFF,
            slot.picture_shift,
            slot.tl0_shift,
            slot.payload_type,
        )
        current.jobs.append((output, address, table, outgoing))
        ring, packets = slot.ring, table.packets
        number = packets[0].seq + slot.seq_shift
        at, count = number & ring.mask, table.count
        if table.contiguous and at + count <= ring.mask + 1:
            ring.slots[at : at + count] = packets
        else:
            for packet in packets:
                ring.slots[(packet.seq + slot.seq_shift) & ring.mask] = packet
        plain, levelled = block[1]
        extensions = plain * (count - table.levelled) + levelled * table.levelled
        total = table.base_bytes + extensions
        output.bytes_sent += total
        slot.octets += total - HEADER_LENGTH * count
        self._counters.forwarded += count
        self._counters.bytes_out += total

    def _tabulate(self, current: _Pass, packets: Sequence[Packet]) -> _Table:
        table = _Table(packets, current.packets)
        view, offset = self._packet_view, _PACKET.size * current.packets
        at = int(self._ffi.cast("uintptr_t", self._ffi.from_buffer(table.memory)))
        for packet in packets:
            vp8, level, length = packet.vp8, packet.audio_level, len(packet.payload)
            picture_at = tl0_at = _ABSENT
            picture_id = tl0 = long_picture = 0
            if vp8 is not None:
                if vp8.picture_id_at is not None:
                    picture_at, picture_id = vp8.picture_id_at, vp8.picture_id
                    long_picture = vp8.long_picture_id
                if vp8.tl0_at is not None:
                    tl0_at, tl0 = vp8.tl0_at, vp8.tl0
            _PACKET.pack_into(
                view,
                offset,
                at,
                length,
                packet.timestamp,
                packet.send_time,
                packet.seq & 0xFFFF,
                picture_at,
                picture_id,
                tl0_at,
                packet.marker,
                0 if level is None else level,
                level is not None,
                tl0,
                long_picture,
            )
            offset += _PACKET.size
            at += length
        current.tables[id(packets)] = table
        current.packets += len(packets)
        return table

    def _block(self, shape: Shape) -> tuple[int, tuple[int, int], Any]:
        """The kernel's form of a shape: its address, its blocks' lengths, and what holds it."""
        made = self._ffi.new("struct kernel_shape *")
        lengths = []
        for block, levelled in ((made.plain, False), (made.levelled, True)):
            content, time_at, level_at = shape.template(levelled=levelled)
            self._ffi.memmove(block.bytes, content, len(content))
            block.length, block.time_at, block.level_at = len(content), time_at, level_at
            lengths.append(len(content))
        return int(self._ffi.cast("uintptr_t", made)), (lengths[0], lengths[1]), made

    # ------------------------------------------------------------------ the call

    def _run(self, current: _Pass) -> None:
        """Have the kernel send a pass; what fails or would block, its owners decide about."""
        state, lib, socket = self._state, self._lib, self._udp
        state.next.job = state.next.packet = 0
        while True:
            result = lib.kernel_forward(self._sender, self._packets, self._jobs, len(current.jobs))
            if state.failures:
                self._take_failures(current)
            if result == lib.KERNEL_DONE:
                break
            if result == lib.KERNEL_BLOCKED:
                self._take_blocked(current)
        socket.calls += state.calls
        socket.datagrams_out += state.datagrams
        socket.would_block += state.would_block
        socket.send_errors += state.send_errors
        state.calls = state.datagrams = state.would_block = state.send_errors = 0

    def _take_failures(self, current: _Pass) -> None:
        state = self._state
        for place in state.failed[0 : state.failures]:
            output, _, table, _ = current.jobs[place.job]
            packet = table.packets[place.packet]
            output.slot.unsent((packet.seq + output.slot.seq_shift) & 0xFFFF)
            self._counters.srtp_failed += 1
            self._counters.forwarded -= 1
        state.failures = 0

    def _take_blocked(self, current: _Pass) -> None:
        state = self._state
        for place in range(state.first, state.used):
            output, address, _, _ = current.jobs[state.places[place].job]
            start = place * SLOT
            datagram = self._memory[start : start + state.lengths[place]]
            if output.blocked(datagram):
                self._udp.keep(datagram, address)
        state.used = 0
