from __future__ import annotations

import array
import struct

import pylibsrtp
import pytest
from pylibsrtp import _binding

from sync_classroom.relay import srtp
from sync_classroom.relay.udp import SLOT, ffi

PROFILES = {
    "AEAD_AES_128_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28, 16),
    "AEAD_AES_256_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44, 16),
    "AES128_CM_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30, 10),
}


def pair(profile: str = "AEAD_AES_128_GCM") -> tuple[srtp.SrtpSession, srtp.SrtpSession]:
    """Sender and receiver with one key, as a DTLS handshake leaves them."""
    number, length, _ = PROFILES[profile]
    sessions = []
    for kind in (pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND):
        policy = pylibsrtp.Policy(key=bytes(range(length)), ssrc_type=kind, srtp_profile=number)
        policy.allow_repeat_tx = True
        policy.window_size = 1024
        sessions.append(srtp.SrtpSession(pylibsrtp.Session(policy)))
    return sessions[0], sessions[1]


@pytest.mark.parametrize("name", ["srtp_protect", "srtp_protect_rtcp", "srtp_unprotect",
                                  "srtp_unprotect_rtcp", "srtp_err_status_ok"])  # fmt: skip
def test_canary_pylibsrtp_binding_has(name: str) -> None:
    assert hasattr(_binding.lib, name)


def test_canary_pylibsrtp_session_keeps_its_handle_in_srtp() -> None:
    policy = pylibsrtp.Policy(key=bytes(30), ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    session = pylibsrtp.Session(policy)
    assert "srtp_ctx_t_ *" in str(_binding.ffi.typeof(session._srtp[0]))


def packet(sequence: int, payload: bytes) -> bytes:
    return struct.pack(">BBHII", 0x80, 96, sequence, 1, 0x1234) + payload


@pytest.mark.parametrize("profile", PROFILES)
def test_protect_and_unprotect_in_place_up_to_a_full_buffer(profile: str) -> None:
    sender, receiver = pair(profile)
    memory = ffi.new("char[]", SLOT)
    view = memoryview(ffi.buffer(memory)).cast("B")
    for sequence, size in enumerate((1, 1200, 1488, SLOT - 12 - srtp.MAX_TRAILER)):
        data = packet(sequence, bytes([sequence]) * size)
        view[: len(data)] = data
        length = sender.protect_rtp(memory, len(data))
        assert length == len(data) + PROFILES[profile][2]
        assert bytes(view[12 : len(data)]) != data[12:]
        assert receiver.unprotect(memory, length) == len(data)
        assert bytes(view[: len(data)]) == data


def test_control_packets_in_place() -> None:
    sender, receiver = pair()
    memory = ffi.new("char[]", SLOT)
    view = memoryview(ffi.buffer(memory)).cast("B")
    data = bytes.fromhex("80c9000112345678")
    view[: len(data)] = data
    length = sender.protect_rtcp(memory, len(data))
    assert length <= len(data) + srtp.MAX_TRAILER
    assert receiver.unprotect_rtcp(memory, length) == len(data)
    assert bytes(view[: len(data)]) == data


def test_damaged_and_replayed_packets_are_errors() -> None:
    sender, receiver = pair()
    memory = ffi.new("char[]", SLOT)
    view = memoryview(ffi.buffer(memory)).cast("B")
    data = packet(5, b"secret")
    view[: len(data)] = data
    length = sender.protect_rtp(memory, len(data))
    good = bytes(view[:length])
    view[14] ^= 1
    with pytest.raises(srtp.SrtpError):
        receiver.unprotect(memory, length)
    view[:length] = good
    receiver.unprotect(memory, length)
    view[:length] = good
    with pytest.raises(srtp.SrtpError):
        receiver.unprotect(memory, length)


def test_a_retransmission_is_byte_for_byte_the_same() -> None:
    """AES-GCM forbids two different packets under one number; the same one twice is allowed."""
    sender, _ = pair()
    memory = ffi.new("char[]", SLOT)
    view = memoryview(ffi.buffer(memory)).cast("B")
    seen = []
    for sequence in (5, 6, 5):
        data = packet(sequence, b"payload")
        view[: len(data)] = data
        seen.append(bytes(view[: sender.protect_rtp(memory, len(data))]))
    assert seen[0] == seen[2]


def test_length_cells_are_the_vectors_own_lengths() -> None:
    lengths = memoryview(array.array("Q", [0, 11, 0, 22, 0, 33]))
    cells = srtp.length_cells(lengths, 3)
    assert [cell[0] for cell in cells] == [11, 22, 33]
    cells[1][0] = 1200
    assert lengths.tolist() == [0, 11, 0, 1200, 0, 33]
