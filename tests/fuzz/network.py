"""Fuzz targets of the media port's outermost layer: STUN with ICE, and what stands in a payload."""

from __future__ import annotations

import binascii
import hmac
import struct
from collections.abc import Callable

from aiortc.codecs.vpx import VpxPayloadDescriptor

from sync_classroom.relay import stun
from sync_classroom.relay.codecs import is_keyframe_part, rewrite_vp8, vp8_place
from sync_classroom.relay.ice import (
    CONSENT_S,
    MAX_ADDRESSES,
    REFUSALS_PER_S,
    Credentials,
    IceTable,
    Outcome,
)
from tests.fuzz.reader import Reader, block

UFRAG, PWD = "0123456789ab", "0123456789abcdef0123456789abcdef0123"
RAW, SIGNED = 0, 1
ADDRESSES = 16
#: What an unauthenticated sender may draw back at most, beyond the size of what it sent: no
#: reflector is worth building on this.
MAX_ANSWER_BYTES = 64


# ---------------------------------------------------------------------------- STUN


class Ice:
    """An ICE table with one agent of known credentials, and what must always be true of it."""

    def __init__(self) -> None:
        self.table = IceTable()
        self.now = 100.0
        self.agent = self.table.open("session", self.now)
        self.table.close(self.agent)
        known = Credentials(UFRAG, PWD)
        self.agent.credentials[:] = [known]
        self.table._agents[UFRAG] = (self.agent, known)
        self.answers = 0
        self.began_s = self.now

    def step(self, reader: Reader) -> None:
        """One datagram: how, from where, after how long, and its bytes."""
        how, place, wait = reader.u8() & 1, reader.u8() % ADDRESSES, reader.u8()
        data = reader.block()
        self.now += wait / 10
        if how == SIGNED:
            data = signed(data)
        address = struct.pack(">HHI", 2, 5000 + place, 0x7F000001)
        before = (self.agent.address, dict(self.agent.addresses), self.agent.deadline_s)
        try:
            verdict = self.table.receive(data, address, lambda: ("192.0.2.1", 5000), self.now)
        except ValueError:
            verdict = None
        if verdict is None or verdict.agent is None:
            assert before == (self.agent.address, self.agent.addresses, self.agent.deadline_s)
        else:
            assert verdict.outcome is Outcome.ANSWERED
            assert stun.parse(data).integrity_is(PWD)
            assert self.agent.addresses[address] == self.now
            assert self.agent.deadline_s == self.now + CONSENT_S
        if verdict is not None and verdict.response is not None:
            self.answered(verdict.response, data, verdict.agent is not None)
        assert self.agent.address is None or self.agent.address in self.agent.addresses
        assert len(self.agent.addresses) <= MAX_ADDRESSES
        assert len(self.table) == 1

    def answered(self, response: bytes, data: bytes, authentic: bool) -> None:
        answer, asked = stun.parse(response), stun.parse(data)
        assert answer.transaction == asked.transaction
        assert answer.fingerprinted
        if authentic:
            assert answer.kind is stun.MessageType.SUCCESS
            assert answer.integrity_is(PWD)
            return
        assert answer.kind is stun.MessageType.ERROR
        if answer.integrity_is(PWD):
            assert asked.integrity_is(PWD)  # 420 and 487 go to those who know the password
            return
        assert len(response) <= MAX_ANSWER_BYTES
        self.answers += 1
        assert self.answers <= REFUSALS_PER_S * (1 + self.now - self.began_s) + 1


def signed(attributes: bytes) -> bytes:
    """A request of these attributes with both checks right, to get at what lies behind them."""
    body = attributes[: len(attributes) & ~3]

    def head(length: int) -> bytes:
        return struct.pack(">HHI12x", stun.MessageType.REQUEST, length, stun.MAGIC_COOKIE)

    mac = hmac.digest(PWD.encode(), head(len(body) + 24) + body, "sha1")
    body += struct.pack(">HH", stun.Attribute.MESSAGE_INTEGRITY, 20) + mac
    message = head(len(body) + 8) + body
    crc = binascii.crc32(message) ^ 0x5354554E
    return message + struct.pack(">HHI", stun.Attribute.FINGERPRINT, 4, crc)


def stun_target() -> Callable[[bytes], None]:
    """Datagrams that look like STUN, in a row, against one agent."""

    def run(data: bytes) -> None:
        ice, reader = Ice(), Reader(data)
        while reader:
            ice.step(reader)

    return run


def _step(how: int, place: int, wait: int, data: bytes) -> bytes:
    return bytes([how, place, wait]) + block(data)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def stun_seeds() -> list[bytes]:
    """Checks as browsers send them: good, nominating, with a wrong password, in the wrong role."""
    name = _attribute(stun.Attribute.USERNAME, f"{UFRAG}:abcd".encode())
    controlling = _attribute(stun.Attribute.ICE_CONTROLLING, bytes(8))
    nominate = _attribute(stun.Attribute.USE_CANDIDATE, b"")
    controlled = _attribute(stun.Attribute.ICE_CONTROLLED, bytes(8))
    check = signed(name + controlling)
    indication = stun.build(stun.MessageType.INDICATION, bytes(12), {}, None)
    stranger = stun.build(
        stun.MessageType.REQUEST, bytes(12), {stun.Attribute.USERNAME: b"nobody:abcd"}, "x" * 24
    )
    moves = b"".join(_step(SIGNED, place, 60, name + controlling + nominate) for place in range(12))
    return [
        _step(RAW, 0, 0, check),
        _step(RAW, 0, 0, check) + _step(RAW, 1, 50, check) + _step(RAW, 0, 255, check),
        _step(SIGNED, 0, 0, name + controlling + nominate),
        _step(SIGNED, 0, 0, name + controlled),
        _step(SIGNED, 0, 0, name + _attribute(0x0077, b"unknown, required")),
        _step(RAW, 0, 0, indication) + _step(RAW, 1, 1, stranger) * 30,
        moves,
    ]


# ---------------------------------------------------------------------------- payloads


def payload_target() -> Callable[[bytes], None]:
    """Two shifts, then a payload: keyframe tests, VP8 numbers found and rewritten."""

    def run(data: bytes) -> None:
        reader = Reader(data)
        picture_shift, tl0_shift, payload = reader.u16(), reader.u8(), reader.rest()
        for codec in ("H264", "VP8", "opus"):
            assert isinstance(is_keyframe_part(codec, payload), bool)
        place = vp8_place(payload)
        compare(payload)
        if place is None:
            return
        assert rewrite_vp8(payload, place, 0, 0) == payload
        changed = rewrite_vp8(payload, place, picture_shift, tl0_shift)
        assert len(changed) == len(payload)
        again = vp8_place(changed)
        assert again is not None
        assert (again.picture_id_at, again.long_picture_id, again.tl0_at) == (
            place.picture_id_at,
            place.long_picture_id,
            place.tl0_at,
        )
        width = 0x7FFF if place.long_picture_id else 0x7F
        if place.picture_id_at is not None:
            assert again.picture_id == (place.picture_id + picture_shift) & width
        if place.tl0_at is not None:
            assert again.tl0 == (place.tl0 + tl0_shift) & 0xFF
        assert is_keyframe_part("VP8", changed) == is_keyframe_part("VP8", payload)

    return run


def compare(payload: bytes) -> None:
    """Our reading of a VP8 descriptor against aiortc's, where aiortc can read it."""
    try:
        theirs, _ = VpxPayloadDescriptor.parse(payload)
    except ValueError:
        return
    ours = vp8_place(payload)
    numbers = (None, None) if ours is None else (ours.picture_id_at, ours.tl0_at)
    if len(payload) < 3:
        return  # nothing of a frame behind the descriptor: we need not know its numbers
    assert (theirs.picture_id is None) == (numbers[0] is None)
    assert (theirs.tl0picidx is None) == (numbers[1] is None)
    if ours is not None:
        assert theirs.picture_id in (None, ours.picture_id)
        assert theirs.tl0picidx in (None, ours.tl0)


def payload_seeds() -> list[bytes]:
    """Single NAL units, STAP-A, FU-A; VP8 descriptors from none to all fields."""
    payloads = [
        b"\x67\x42\xe0\x1f",
        b"\x65\x88\x84",
        b"\x41\x9a\x01",
        b"\x78\x00\x04\x67\x42\xe0\x1f\x00\x02\x68\xce",
        b"\x7c\x85\x88\x84",
        b"\x7c\x05\x88\x84",
        b"\x10\x00\x00",
        b"\x90\x80\x11\x00\x00",
        b"\x90\x80\x81\x11\x00\x00",
        b"\x90\xe0\x81\x11\x05\x20\x00\x00",
        b"\x80\x40\x05\x01\x02",
    ]
    return [struct.pack(">HB", shift, shift & 0xFF) + p for p in payloads for shift in (0, 0x7FFF)]
