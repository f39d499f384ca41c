"""The fan-out in C (`kernel.c`), driven in batches; chosen where it was built.

Lifetimes: the records given to the kernel hold addresses of payloads, SRTP sessions, socket names
and shapes. `_Pass` and `_Group` hold the objects behind them until the kernel has returned for
good, also while a blocked datagram's owner is asked in between; the kernel itself keeps no address.
So a receiver may leave, and its memory go, at any moment: at the latest with the group it was in.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..domain.problems import ProblemError
from . import srtp
from .counters import Counters
from .fanout import FanOut, Job, Output, PythonFanOut, Shape
from .feed import Batch
from .rtp import HEADER_LENGTH, Packet
from .udp import SLOT, Address, UdpSocket

VERSION: Final = 3
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


def kernel_module() -> Any:
    """The compiled module; None if it cannot be used."""
    return None if unavailable() is not None else _kernel


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


_Sending = tuple[Output, Address, Sequence[Packet]]


class _Pass:
    """The jobs and the table of one call, and everything that must live until it is over."""

    __slots__ = ("jobs", "kept", "packets", "tables")

    def __init__(self) -> None:
        self.jobs: list[_Sending] = []
        # By a list's identity: where its packets begin, their bytes, and those with a level.
        self.tables: dict[int, tuple[int, int, int]] = {}
        self.packets = 0
        self.kept: list[Any] = []


class _Group:
    """Jobs that are the same for every batch, with all they hold; see `FanOut.group`."""

    __slots__ = ("extension_bytes", "jobs", "kept", "others", "records")

    def __init__(self) -> None:
        self.jobs: list[_Sending] = []
        self.records: Any = None
        self.others: list[Output] = []  # without a transport yet
        self.extension_bytes = (0, 0)
        self.kept: list[Any] = []


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

    # ------------------------------------------------------------------ one by one

    def forward(self, jobs: Iterable[Job]) -> None:
        """See `FanOut`. What the kernel takes is sent at once, not at the next flush."""
        current = _Pass()
        for output, packets in jobs:
            destination = output.destination
            if destination.address is None or destination.outgoing is None:
                continue
            for start in range(0, len(packets), PASS_PACKETS):
                part = packets
                if len(packets) > PASS_PACKETS:
                    part = packets[start : start + PASS_PACKETS]
                if len(current.jobs) == PASS_JOBS or (
                    id(part) not in current.tables and current.packets + len(part) > PASS_PACKETS
                ):
                    self._run_pass(current)
                    current = _Pass()
                self._add(current, output, part)
        self._run_pass(current)

    def _add(self, current: _Pass, output: Output, packets: Sequence[Packet]) -> None:
        known = current.tables.get(id(packets))
        if known is None:
            known = current.tables[id(packets)] = (
                current.packets,
                sum([len(packet.payload) for packet in packets]),
                sum([packet.audio_level is not None for packet in packets]),
            )
            current.kept.append(self._tabulate(packets, current.packets))
            current.packets += len(packets)
        first, payload, levelled = known
        address, outgoing = output.destination.address, output.destination.outgoing
        assert address is not None  # looked at by who calls
        assert outgoing is not None
        place, count = len(current.jobs), len(packets)
        self._record(self._job_view, place, output, address, outgoing, (first, count))
        current.jobs.append((output, address, packets))
        current.kept.append(outgoing)
        plain_bytes, levelled_bytes = output.shape.extension_bytes
        self._counters.forwarded += count
        self._counters.bytes_out += (
            payload
            + HEADER_LENGTH * count
            + plain_bytes * (count - levelled)
            + levelled_bytes * levelled
        )

    def _run_pass(self, current: _Pass) -> None:
        if current.jobs:
            self._run(self._jobs, current.jobs)

    # ------------------------------------------------------------------ all together

    def group(self, outputs: Sequence[Output]) -> _Group:
        """See `FanOut`."""
        made = _Group()
        made.records = self._ffi.new("struct kernel_job[]", len(outputs))
        view = memoryview(self._ffi.buffer(made.records)).cast("B")
        plain_bytes = levelled_bytes = 0
        for output in outputs:
            address, outgoing = output.destination.address, output.destination.outgoing
            if address is None or outgoing is None:
                made.others.append(output)
                continue
            self._record(view, len(made.jobs), output, address, outgoing, (0, 0))
            made.jobs.append((output, address, ()))
            made.kept.append((outgoing, output.shape))
            plain, levelled = output.shape.extension_bytes
            plain_bytes += plain
            levelled_bytes += levelled
        made.extension_bytes = plain_bytes, levelled_bytes
        return made

    def broadcast(self, group: _Group, batch: Batch) -> None:
        """See `FanOut`."""
        receivers, count = len(group.jobs), len(batch.packets)
        for start in range(0, count, PASS_PACKETS) if receivers else ():
            packets = batch.packets[start : start + PASS_PACKETS]
            kept = self._tabulate(packets, 0)
            self._run(group.records, group.jobs, packets)
            del kept
        plain_bytes, levelled_bytes = group.extension_bytes
        self._counters.forwarded += receivers * count
        self._counters.bytes_out += (
            receivers * (batch.payload + HEADER_LENGTH * count)
            + plain_bytes * (count - batch.levelled)
            + levelled_bytes * batch.levelled
        )
        if group.others:
            self.forward([(output, batch.packets) for output in group.others])

    # ------------------------------------------------------------------ records

    def _record(
        self,
        view: memoryview,
        place: int,
        output: Output,
        address: Address,
        outgoing: srtp.SrtpSession,
        part: tuple[int, int],
    ) -> None:
        slot, shape = output.slot, output.shape
        if shape.native is None:
            shape.native = self._shape(shape)
        _JOB.pack_into(
            view,
            _JOB.size * place,
            outgoing.handle,
            address.pointer,
            shape.native[0],
            slot.ssrc,
            slot.ts_shift,
            *part,
            slot.seq_shift & 0xFFFF,
            slot.picture_shift,
            slot.tl0_shift,
            slot.payload_type,
        )

    def _tabulate(self, packets: Sequence[Packet], first: int) -> Any:
        """Enter packets into the table; what must be held while the kernel reads it."""
        memory = b"".join([packet.payload for packet in packets])
        view, offset = self._packet_view, _PACKET.size * first
        at = int(self._ffi.cast("uintptr_t", self._ffi.from_buffer(memory)))
        pack_into, size = _PACKET.pack_into, _PACKET.size
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
            pack_into(
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
            offset += size
            at += length
        return memory

    def _shape(self, shape: Shape) -> tuple[int, Any]:
        """The kernel's form of a shape: its address, and what holds it."""
        made = self._ffi.new("struct kernel_shape *")
        for block, levelled in ((made.plain, False), (made.levelled, True)):
            content, time_at, level_at = shape.template(levelled=levelled)
            self._ffi.memmove(block.bytes, content, len(content))
            block.length, block.time_at, block.level_at = len(content), time_at, level_at
        return int(self._ffi.cast("uintptr_t", made)), made

    # ------------------------------------------------------------------ the call

    def _run(self, records: Any, jobs: Sequence[_Sending], packets: Sequence[Packet] = ()) -> None:
        """Have the kernel send, to every job its part of the table, or these packets that fill it.

        What fails or would block, its owners decide about.
        """
        state, lib, socket = self._state, self._lib, self._udp
        if socket.waiting:
            socket.retry()
        state.next.job = state.next.packet = 0
        while True:
            result = lib.kernel_forward(
                self._sender, self._packets, records, len(jobs), len(packets)
            )
            if state.failures:
                self._take_failures(jobs, packets)
            if result == lib.KERNEL_DONE:
                break
            if result == lib.KERNEL_BLOCKED:
                self._take_blocked(jobs)
        socket.calls += state.calls
        socket.datagrams_out += state.datagrams
        socket.would_block += state.would_block
        socket.send_errors += state.send_errors
        state.calls = state.datagrams = state.would_block = state.send_errors = 0

    def _take_failures(self, jobs: Sequence[_Sending], packets: Sequence[Packet]) -> None:
        state = self._state
        for place in state.failed[0 : state.failures]:
            output, _, part = jobs[place.job]
            packet = (packets or part)[place.packet]
            output.slot.unsent((packet.seq + output.slot.seq_shift) & 0xFFFF)
            self._counters.srtp_failed += 1
            self._counters.forwarded -= 1
        state.failures = 0

    def _take_blocked(self, jobs: Sequence[_Sending]) -> None:
        state = self._state
        for place in range(state.first, state.used):
            output, address, _ = jobs[state.places[place].job]
            start = place * SLOT
            datagram = self._memory[start : start + state.lengths[place]]
            if output.blocked(datagram):
                self._udp.keep(datagram, address)
        state.used = 0
