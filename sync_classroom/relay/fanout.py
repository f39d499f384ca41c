"""Copy, rewrite, protect, queue: the one loop that touches every packet for every subscriber.

`FanOut` is the interface; `PythonFanOut` does it with cffi buffers and no allocation per packet
beyond small integers. `kernel.KernelFanOut` takes its place where it was compiled: the same records
and batches, the same contract (`tests/relay/test_fanout.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from . import srtp
from .codecs import rewrite_vp8
from .counters import Counters
from .feed import Batch
from .forwarding import Slot
from .rtp import HEADER_LENGTH, Packet, abs_send_time, extension_block, first_byte
from .udp import MAX_RUN, SEND_BATCH, SLOT, Address, Sender

_SHIFT: Final = SLOT.bit_length() - 1
_MASK32: Final = 0xFFFFFFFF
_FORMATS: Final[dict[int, struct.Struct]] = {}  # by body length: at most one per byte of an MTU
_PROFILE: Final = b"\xbe\xde\0\0"  # RFC 8285 4.2: profile and length, then the elements


class Destination(Protocol):
    """The transport of a subscriber."""

    address: Address | None
    outgoing: srtp.SrtpSession | None


class Shape:
    """Which header extensions a stream carries, by the ids its subscriber negotiated.

    Streams of equal shape share the rewritten bodies of a batch, so there is one object per shape.
    """

    __slots__ = (
        "_head",
        "_tail",
        "audio_level_id",
        "extension_bytes",
        "mid",
        "mid_id",
        "native",
        "send_time_id",
    )

    _known: dict[tuple[int, str, int, int], Shape] = {}  # noqa: RUF012 - bounded below
    _LIMIT: Final = 4096

    def __init__(self, mid_id: int, mid: str, send_time_id: int, audio_level_id: int) -> None:
        self.mid_id, self.mid = mid_id, mid.encode()
        self.send_time_id, self.audio_level_id = send_time_id, audio_level_id
        # Without a level only the time differs from packet to packet.
        block = self._block(bytes(3), None)
        cut = len(_PROFILE) + 1 if send_time_id else len(block)  # up to the element's first byte
        self._head, self._tail = block[:cut], block[cut + 3 :]
        self.extension_bytes = len(block), len(self.template(levelled=True)[0])
        """Of one packet, without and with an audio level."""
        self.native: Any = None  # what a compiled fan-out makes of this shape, once

    @classmethod
    def of(cls, mid_id: int, mid: str, send_time_id: int, audio_level_id: int) -> Shape:
        """The shape with these ids; 0 for an extension that was not negotiated."""
        key = (mid_id, mid, send_time_id, audio_level_id)
        shape = cls._known.get(key)
        if shape is None:
            if len(cls._known) == cls._LIMIT:
                cls._known.clear()  # streams keep theirs; newcomers share among themselves
            shape = cls._known[key] = cls(*key)
        return shape

    def extensions(self, packet: Packet, send_time: int | None = None) -> bytes:
        """The extension block of one packet in this shape; sent then, or when it arrived."""
        level = packet.audio_level
        sent = (packet.send_time if send_time is None else send_time).to_bytes(3, "big")
        if level is not None and self.audio_level_id:
            return self._block(sent, level)
        if not self.send_time_id:
            return self._head
        return self._head + sent + self._tail

    def template(self, *, levelled: bool) -> tuple[bytes, int, int]:
        """A block to fill in, and where in it abs-send-time and the audio level go (0: nowhere)."""
        levelled = levelled and self.audio_level_id != 0
        block = self._block(bytes(3), 0 if levelled else None)
        at, level_at = len(_PROFILE), 0
        send_time_at = at + 1 if self.send_time_id else 0
        at += 4 * bool(self.send_time_id) + (1 + len(self.mid)) * bool(self.mid_id)
        if levelled:
            level_at = at + 1
        return block, send_time_at, level_at

    def _block(self, send_time: bytes, level: int | None) -> bytes:
        elements: list[tuple[int, bytes]] = []
        if self.send_time_id:
            elements.append((self.send_time_id, send_time))
        if self.mid_id:
            elements.append((self.mid_id, self.mid))
        if level is not None:
            elements.append((self.audio_level_id, bytes([level])))
        return extension_block(elements)


class Output:
    """Prebuilt record of one subscriber stream: its slot, its transport, its shape."""

    __slots__ = ("destination", "shape", "slot")

    def __init__(self, slot: Slot, destination: Destination, shape: Shape) -> None:
        self.slot = slot
        self.destination = destination
        self.shape = shape
        slot.sent.extension_bytes = shape.extension_bytes

    def blocked(self, datagram: memoryview) -> bool:
        """See `udp.Owner`. A retransmission is simply lost."""
        if int.from_bytes(datagram[8:12], "big") != self.slot.ssrc:
            return False
        return self.slot.blocked(int.from_bytes(datagram[2:4], "big"))


Job = tuple[Output, Sequence[Packet]]


class FanOut(Protocol):
    """Sends batches of a source's packets to many subscribers."""

    name: str
    """Which implementation it is, for `/metrics`."""

    def forward(self, jobs: Iterable[Job]) -> None:
        """Queue every job's packets under its slot's present numbers; flush by the socket."""
        ...

    def group(self, outputs: Sequence[Output]) -> Any:
        """What `broadcast` needs to know of these; good until one of them is changed or moved."""
        ...

    def broadcast(self, group: Any, batch: Batch) -> None:
        """Queue a batch to all of a group, each under its slot's present shifts."""
        ...

    def resend(self, output: Output, packet: Packet, now: float) -> bool:
        """Queue a packet once more, by RFC 4588 if negotiated; False if it could not be.

        By RFC 4588 it is a packet of its own, and says that it is sent `now`: with the old time
        it would look to the receiver as if the line had become slow.
        """
        ...


_Rows = list[tuple[struct.Struct, int, int, int, int, bytes, int]]
_Prepared = tuple[_Rows, int]
_Target = tuple[Output, Address, srtp.SrtpSession, int, int, int, int]


def _target(output: Output) -> _Target | None:
    """Where and as what an output's packets go now; None without a transport."""
    slot, destination = output.slot, output.destination
    address, outgoing = destination.address, destination.outgoing
    if address is None or outgoing is None:
        return None
    return (
        output, address, outgoing, slot.ssrc, slot.payload_type, slot.seq_shift, slot.ts_shift,
    )  # fmt: skip


class PythonFanOut:
    """The fan-out in Python over cffi."""

    name = "python"

    def __init__(self, socket: Sender, counters: Counters) -> None:
        self._socket = socket
        self._counters = counters
        self._cells = srtp.length_cells(socket.send_lengths, SEND_BATCH)

    def forward(self, jobs: Iterable[Job]) -> None:
        """See `FanOut`."""
        prepared: dict[tuple[Shape, int], _Prepared] = {}
        for output, packets in jobs:
            target = _target(output)
            if target is None:
                continue
            slot = output.slot
            if slot.picture_shift or slot.tl0_shift:
                self._write((target,), *_prepare(output.shape, packets, slot))
                continue
            key = (output.shape, id(packets))
            found = prepared.get(key)
            if found is None:
                found = prepared[key] = _prepare(output.shape, packets)
            self._write((target,), *found)

    def group(self, outputs: Sequence[Output]) -> Any:
        """See `FanOut`: what stays the same from batch to batch, of those alike together."""
        alike: dict[Shape, list[_Target]] = {}
        others: list[Output] = []
        for output in outputs:
            target = _target(output)
            if target is None or output.slot.picture_shift or output.slot.tl0_shift:
                others.append(output)
            else:
                alike.setdefault(output.shape, []).append(target)
        return tuple(alike.items()), others

    def broadcast(self, group: Any, batch: Batch) -> None:
        """See `FanOut`."""
        alike, others = group
        for shape, targets in alike:
            self._write(targets, *_prepare(shape, batch.packets))
        if others:
            self.forward([(output, batch.packets) for output in others])

    def _write(self, targets: Sequence[_Target], rows: _Rows, total: int) -> None:
        """Write, protect and queue a batch for outputs of one shape."""
        socket, cells, protect = self._socket, self._cells, srtp.protect
        view, pointers, lengths = socket.send_view, socket.send_pointers, socket.send_lengths
        last = SEND_BATCH - min(len(rows), MAX_RUN)  # where a run still fits, not cut in two
        place = socket.used
        for output, address, outgoing, ssrc, payload_type, seq_shift, ts_shift in targets:
            if place > last:
                socket.flush()
                place = 0
            start, raw = place, outgoing.raw
            for row, first, marker, seq, timestamp, body, length in rows:
                if place == SEND_BATCH:
                    socket.label(start, place, address, output)
                    socket.flush()
                    place = start = 0
                row.pack_into(
                    view,
                    place << _SHIFT,
                    first,
                    marker | payload_type,
                    (seq + seq_shift) & 0xFFFF,
                    (timestamp + ts_shift) & _MASK32,
                    ssrc,
                    body,
                )
                lengths[2 * place + 1] = length
                if protect(raw, pointers[place], cells[place]):
                    output.slot.unsent((seq + seq_shift) & 0xFFFF)
                    self._counters.srtp_failed += 1
                    self._counters.forwarded -= 1
                else:
                    place += 1
            socket.label(start, place, address, output)
        if place == SEND_BATCH:
            socket.flush()  # whoever writes next finds room
        self._counters.forwarded += len(targets) * len(rows)
        self._counters.bytes_out += len(targets) * total

    def resend(self, output: Output, packet: Packet, now: float) -> bool:
        """See `FanOut`."""
        slot, destination = output.slot, output.destination
        if destination.address is None or destination.outgoing is None:
            return False
        payload = packet.payload
        if packet.vp8 is not None:
            payload = rewrite_vp8(payload, packet.vp8, slot.picture_shift, slot.tl0_shift)
        number = (packet.seq + slot.seq_shift) & 0xFFFF
        payload_type, ssrc, sequence, send_time = slot.payload_type, slot.ssrc, number, None
        if slot.rtx_payload_type is not None and slot.rtx_ssrc is not None:
            payload_type, ssrc = slot.rtx_payload_type, slot.rtx_ssrc
            sequence = slot.rtx_sequence
            slot.rtx_sequence = (sequence + 1) & 0xFFFF
            payload = number.to_bytes(2, "big") + payload  # RFC 4588 4: the original number
            send_time = abs_send_time(now)
        extensions = output.shape.extensions(packet, send_time)
        body = extensions + payload
        socket = self._socket
        timestamp = (packet.timestamp + slot.ts_shift) & _MASK32
        _format(len(body)).pack_into(
            socket.send_view,
            socket.used << _SHIFT,
            first_byte(bool(extensions)),
            packet.marker | payload_type,
            sequence,
            timestamp,
            ssrc,
            body,
        )
        try:
            length = destination.outgoing.protect_rtp(
                socket.send_pointers[socket.used], HEADER_LENGTH + len(body)
            )
        except srtp.SrtpError:
            self._counters.srtp_failed += 1
            return False
        socket.commit(length, destination.address, output)
        self._counters.retransmitted += 1
        self._counters.bytes_out += HEADER_LENGTH + len(body)
        return True


def _format(length: int) -> struct.Struct:
    found = _FORMATS.get(length)
    if found is None:
        found = _FORMATS[length] = struct.Struct(f">BBHII{length}s")
    return found


def _prepare(shape: Shape, packets: Sequence[Packet], slot: Slot | None = None) -> _Prepared:
    """The packets' bodies in this shape and their bytes in all; `slot` if it shifts VP8 numbers."""
    rows: _Rows = []
    total = 0
    for packet in packets:
        payload = packet.payload
        if slot is not None and packet.vp8 is not None:
            payload = rewrite_vp8(payload, packet.vp8, slot.picture_shift, slot.tl0_shift)
        extensions = shape.extensions(packet)
        body = extensions + payload
        length = HEADER_LENGTH + len(body)
        total += length
        rows.append(
            (
                _format(len(body)),
                first_byte(bool(extensions)),
                packet.marker,
                packet.seq,
                packet.timestamp,
                body,
                length,
            )
        )
    return rows, total
