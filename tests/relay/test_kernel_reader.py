"""What the compiled reader does beyond the contract it shares (`test_reader.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.relay import kernel, kernel_reader
from sync_classroom.relay.counters import Counters
from sync_classroom.relay.kernel_reader import KernelReader, make_reader
from sync_classroom.relay.reader import PythonReader
from sync_classroom.relay.rtp import MAX_PAYLOAD
from sync_classroom.relay.srtp import SrtpError
from sync_classroom.relay.udp import RECEIVE_BATCH, UdpSocket
from tests.relay.test_reader import Desk, known, packet
from tests.relay.test_srtp import pair


def test_the_setting_chooses_as_for_the_fan_out(monkeypatch: pytest.MonkeyPatch) -> None:
    udp = UdpSocket("127.0.0.1", 0)
    kinds = {choice: type(make_reader(choice, udp, Counters())) for choice in kernel.CHOICES}
    assert kinds == {"auto": KernelReader, "kernel": KernelReader, "python": PythonReader}
    older = SimpleNamespace(lib=SimpleNamespace(KERNEL_VERSION=kernel.VERSION - 1))
    monkeypatch.setattr(kernel, "_kernel", older)
    assert type(make_reader("auto", udp, Counters())) is PythonReader
    udp.close()


def test_both_sides_agree_on_sizes() -> None:
    lib, sizeof = kernel._kernel.lib, kernel._kernel.ffi.sizeof
    assert sizeof("struct kernel_arrival") == kernel_reader._ARRIVAL.size
    assert (lib.KERNEL_RECEIVE, lib.KERNEL_PAYLOAD) == (RECEIVE_BATCH, MAX_PAYLOAD)
    assert (lib.KERNEL_OTHER, lib.KERNEL_MEDIA, lib.KERNEL_REJECTED) == (
        kernel_reader._OTHER,
        kernel_reader._MEDIA,
        kernel_reader._REJECTED,
    )
    for host in ("127.0.0.1", "::1"):
        udp = UdpSocket(host, 0)
        assert udp.key_length <= lib.KERNEL_KEY
        udp.close()


def test_without_memory_for_a_stream_it_goes_the_long_way() -> None:
    desk = Desk("kernel")
    sender = desk.sender()
    key = desk.key(sender)
    reader = desk.reader
    assert isinstance(reader, KernelReader)
    reader._lib = SimpleNamespace(
        kernel_learn=lambda *_: -1,
        kernel_forget=reader._lib.kernel_forget,
        kernel_read=reader._lib.kernel_read,
    )
    reader.learn(key, known(7, sender.incoming))
    sender.send(packet(7, 1))
    assert list(desk.read().others) == [0]
    assert (reader._known, reader._streams) == ({}, {})
    desk.close()


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 4)), min_size=1, max_size=300
    )
)
@settings(max_examples=60)
def test_the_table_knows_exactly_who_was_learnt_and_not_forgotten(
    steps: list[tuple[bool, int, int]],
) -> None:
    udp = UdpSocket("127.0.0.1", 0)
    reader = make_reader("kernel", udp, Counters())
    assert isinstance(reader, KernelReader)
    incoming, expected = pair()[1], {}
    for learn, address, ssrc in steps:
        key = b"\x02\0" + address.to_bytes(2, "big") + bytes(4)
        if learn:
            expected[key, ssrc] = known(ssrc, incoming)
            reader.learn(key, expected[key, ssrc])
        else:
            reader.forget(key)
            expected = {pair: one for pair, one in expected.items() if pair[0] != key}
    assert set(reader._known.values()) == set(expected.values())
    assert set(reader._numbers) == set(expected.values())
    found = {
        (key, ssrc): one
        for key, streams in reader._streams.items()
        for ssrc, one in streams.items()
    }
    assert found == expected
    for key in {key for key, _ in expected}:
        reader.forget(key)
    assert (reader._known, reader._numbers, reader._streams) == ({}, {}, {})
    udp.close()


# ------------------------------------------------------------------ the same as in Python


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Desk, Desk]]:
    made = Desk("python"), Desk("kernel")
    yield made
    for one in made:
        one.close()


one_byte = st.binary(max_size=24).map(lambda b: b"\xbe\xde" + _words(b))
two_byte = st.tuples(st.integers(0, 15), st.binary(max_size=24)).map(
    lambda t: bytes([0x10, t[0]]) + _words(t[1])
)
other_profile = st.binary(min_size=2, max_size=20).map(lambda b: b[:2] + _words(b[2:]))
extensions = st.one_of(st.just(b""), one_byte, two_byte, other_profile)


def _words(block: bytes) -> bytes:
    block += bytes(-len(block) % 4)
    return (len(block) // 4).to_bytes(2, "big") + block


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # contributing sources
            extensions,
            st.one_of(st.none(), st.integers(0, 40)),  # padding's last byte
            st.integers(0, 255),
            st.integers(0, 0xFFFFFFFF),
            st.binary(max_size=40),
            st.sampled_from([0, 0, 0, 1, 5]),  # how much is cut off
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(0, 15),
)
@settings(max_examples=150)
def test_both_readers_find_the_same(
    both: tuple[Desk, Desk], drawn: list[tuple[int, bytes, int | None, int, int, bytes, int]],
    level_id: int,
) -> None:  # fmt: skip
    found = []
    for desk in both:
        sender = desk.sender()
        key = desk.learn(sender, 7, level_id=level_id)
        before = desk.counters.srtp_rejected, desk.counters.rtp_malformed
        for number, (sources, block, padding, second, ticks, body, cut) in enumerate(drawn):
            first = 0x80 | sources | 0x10 * bool(block) | 0x20 * (padding is not None)
            head = bytes([first, second]) + number.to_bytes(2, "big") + ticks.to_bytes(4, "big")
            data = head + (7).to_bytes(4, "big") + bytes(4 * sources) + block + body
            data += b"" if padding is None else bytes([padding])
            try:
                datagram = sender.protect(data)
            except SrtpError:  # libsrtp itself refuses what is no RTP at all
                continue
            sender.udp.send(datagram[: len(datagram) - cut])
        sender.udp.send(b"\0end")
        runs, others, count = [], 0, 0
        while True:
            reading = desk.read()
            runs += [heard for _, run in reading.runs for heard in run]
            last = reading.others[-1] if reading.others else -1
            others, count = others + len(reading.others), count + reading.count
            if last == reading.count - 1 and desk.socket.length(last) == 4:
                break
        found.append(
            (
                runs,
                others,
                count,
                desk.counters.srtp_rejected - before[0],
                desk.counters.rtp_malformed - before[1],
            )
        )
        desk.reader.forget(key)
        desk.senders.remove(sender)
        sender.udp.close()
    assert found[0] == found[1]
