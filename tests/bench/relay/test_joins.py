from __future__ import annotations

from pathlib import Path

import pytest

from bench.relay.joins import Keyframe
from sync_classroom.simulator.client import H264, Outgoing
from sync_classroom.simulator.recording import load_recording, make_recording


@pytest.fixture(scope="module")
def packets(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The packets of the first two pictures of a real lesson; the first is a keyframe."""
    path: Path = tmp_path_factory.mktemp("lesson") / "lesson.mkv"
    make_recording(path, seconds=1, bitrate_kbps=2500)
    stream = Outgoing(7, H264, 90000, 0xFFFF, 0)  # the numbers wrap in the middle of the picture
    units = [unit for unit in load_recording(path).units if unit.video][:2]
    return [
        stream.packet(payload, unit.timestamp, marker=place == len(unit.payloads) - 1)
        for unit in units
        for place, payload in enumerate(unit.payloads)
    ]


def _first(packets: list[bytes]) -> list[bytes]:
    return [packet for packet in packets if packet[4:8] == packets[0][4:8]]


def test_keyframe_is_complete_with_its_last_packet_and_decodes(packets: list[bytes]) -> None:
    keyframe, first = Keyframe(), _first(packets)
    assert len(first) > 1
    assert [keyframe.add(packet) for packet in first] == [False] * (len(first) - 1) + [True]
    assert keyframe.decode() > 0


def test_keyframe_in_reverse_order_is_complete_with_its_first_packet(packets: list[bytes]) -> None:
    keyframe, first = Keyframe(), _first(packets)[::-1]
    assert [keyframe.add(packet) for packet in first] == [False] * (len(first) - 1) + [True]
    assert keyframe.decode() > 0


def test_keyframe_with_a_hole_is_never_complete(packets: list[bytes]) -> None:
    first = _first(packets)
    for missing in range(len(first)):
        keyframe = Keyframe()
        assert not any(keyframe.add(p) for p in first[:missing] + first[missing + 1 :])


def test_picture_that_is_no_keyframe_is_not_taken_for_one(packets: list[bytes]) -> None:
    keyframe = Keyframe()
    assert not any(keyframe.add(p) for p in packets if p[4:8] != packets[0][4:8])
