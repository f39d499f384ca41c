"""What the compiled fan-out does beyond the contract it shares (`test_fanout.py`)."""

from __future__ import annotations

import errno
import gc
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay import kernel
from sync_classroom.relay.counters import Counters
from sync_classroom.relay.fanout import FanOut, Output, PythonFanOut, Shape
from sync_classroom.relay.feed import Feed
from sync_classroom.relay.forwarding import Slot, SlotState
from sync_classroom.relay.kernel import PASS_JOBS, PASS_PACKETS, KernelFanOut, make_fanout
from sync_classroom.relay.rtp import MAX_PAYLOAD, Packet, Vp8Place
from sync_classroom.relay.session import Codec
from sync_classroom.relay.srtp import MAX_TRAILER, SrtpSession
from sync_classroom.relay.udp import MAX_RUN, SEND_BATCH, SLOT, Address, UdpSocket, ffi
from tests.relay.test_srtp import pair

VP8 = Codec("VP8", 96, 90000)
OPUS = Codec("opus", 111, 48000, 2)


@dataclass
class Transport:
    """Where a subscriber is, and its keys."""

    address: Address | None
    outgoing: SrtpSession | None


@dataclass
class System:
    """A `sendmmsg` of our own: what it was asked to send, and what it answers next."""

    answers: list[int] = field(default_factory=list)
    """A count, or an error as a negative number; when used up, everything is taken."""
    taken: list[list[bytes]] = field(default_factory=list)
    """The datagrams of every message taken."""

    def __post_init__(self) -> None:
        self.pointer = ffi.callback("int(int, struct mmsghdr *, unsigned int, int)", self.send)

    def send(self, _fd: int, messages: Any, count: int, _flags: int) -> int:
        answer = self.answers.pop(0) if self.answers else count
        if answer < 0:
            ffi.errno = -answer
            return -1
        for place in range(min(answer, count)):
            header = messages[place].msg_hdr
            self.taken.append(
                [
                    bytes(ffi.buffer(header.msg_iov[n].iov_base, header.msg_iov[n].iov_len))
                    for n in range(header.msg_iovlen)
                ]
            )
        return min(answer, count)

    @property
    def datagrams(self) -> list[bytes]:
        return [datagram for message in self.taken for datagram in message]


class Desk:
    """A fan-out over a socket whose system calls are ours."""

    def __init__(self, choice: str = "kernel", answers: Sequence[int] = ()) -> None:
        self.system = System(list(answers))
        self.socket = UdpSocket("127.0.0.1", 0)
        self.socket._sendmmsg = self.system.pointer
        self.choice = choice
        self.begin()

    def begin(self) -> None:
        """A fan-out of its own, nothing sent and nothing counted."""
        self.system.taken.clear()
        self.counters = Counters()
        self.fanout: FanOut = make_fanout(self.choice, self.socket, self.counters)

    def output(
        self,
        number: int,
        kind: str = "video",
        *,
        shape: Shape | None = None,
        blocked: Callable[[], None] | None = None,
    ) -> Output:
        slot = Slot(
            kind,
            (VP8 if kind == "video" else OPUS,),
            ssrc=1000 + number,
            rtx_ssrc=None,
            first_sequence=65535,
            first_timestamp=0,
        )
        key = socket.AF_INET.to_bytes(2, "little") + (5000 + number).to_bytes(2, "big")
        transport = Transport(
            self.socket.destination(key + socket.inet_aton("127.0.0.1")), pair()[0]
        )
        made = _Watched(slot, transport, shape or Shape.of(1, "0", 2, 3))
        made.on_blocked = blocked
        return made

    def forward(self, feed: Feed, outputs: Sequence[Output], packets: Sequence[Packet]) -> None:
        for packet in packets:
            feed.add(packet)
        batch = feed.take_batch()
        assert batch is not None
        self.fanout.forward([(one, one.slot.take(batch, 2.0)) for one in outputs])


class _Watched(Output):
    """An output that tells when it is asked about a refused datagram."""

    on_blocked: Callable[[], None] | None

    def blocked(self, datagram: memoryview) -> bool:
        if self.on_blocked is not None:
            self.on_blocked()
        return super().blocked(datagram)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.socket.close()


def video(count: int, *, first: int = 1, size: int = 30, last_size: int | None = None,
          ) -> list[Packet]:  # fmt: skip
    return [
        Packet(
            first + n,
            3000 * first,
            n == count - 1,
            bytes([n & 0xFF]) * (size if n < count - 1 or last_size is None else last_size),
            arrival_s=1.5,
            keyframe=n == 0,
        )
        for n in range(count)
    ]


def sequences(datagrams: Sequence[bytes], ssrc: int) -> list[int]:
    return [int.from_bytes(d[2:4], "big") for d in datagrams if d[8:12] == ssrc.to_bytes(4, "big")]


# ------------------------------------------------------------------ which one


def test_the_kernel_is_built_here_and_chosen_by_itself(desk: Desk) -> None:
    assert kernel.unavailable() is None
    assert type(make_fanout("auto", desk.socket, desk.counters)) is KernelFanOut
    assert type(make_fanout("python", desk.socket, desk.counters)) is PythonFanOut
    assert (KernelFanOut.name, PythonFanOut.name) == ("kernel", "python")


def refusal(desk: Desk) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        make_fanout("kernel", desk.socket, desk.counters)
    return caught.value


def test_without_a_compiler_python_forwards_and_the_wish_for_the_kernel_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_kernel", None)
    assert type(make_fanout("auto", desk.socket, desk.counters)) is PythonFanOut
    refused = refusal(desk)
    assert (refused.code, refused.field) == ("fanout_unavailable", "relay.fanout")
    assert "for want of a C compiler" in refused.en


def test_a_kernel_built_from_an_older_source_is_not_used(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = SimpleNamespace(lib=SimpleNamespace(KERNEL_VERSION=kernel.VERSION - 1))
    monkeypatch.setattr(kernel, "_kernel", older)
    assert type(make_fanout("auto", desk.socket, desk.counters)) is PythonFanOut
    assert "built from an older source" in refusal(desk).en


def test_an_unknown_choice_is_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="auto, kernel, python, not 'fast'"):
        make_fanout("fast", desk.socket, desk.counters)


def test_both_sides_agree_on_sizes() -> None:
    lib, sizeof = kernel._kernel.lib, kernel._kernel.ffi.sizeof
    assert sizeof("struct kernel_packet") == kernel._PACKET.size
    assert sizeof("struct kernel_job") == kernel._JOB.size
    assert (lib.KERNEL_SLOT, lib.KERNEL_BATCH) == (SLOT, SEND_BATCH)
    assert lib.KERNEL_TRAILER >= MAX_TRAILER
    longest = Shape.of(14, "m" * 16, 13, 12).template(levelled=True)[0]
    assert len(longest) <= lib.KERNEL_EXTENSIONS
    assert 12 + len(longest) + MAX_PAYLOAD + MAX_TRAILER <= SLOT


# ------------------------------------------------------------------ the same bytes as in Python

places = st.one_of(
    st.none(),
    st.builds(
        Vp8Place,
        st.sampled_from([None, 2]),
        st.integers(0, 0x7F),
        st.just(False),
        st.sampled_from([None, 4]),
        st.integers(0, 255),
    ),
    st.builds(
        Vp8Place, st.just(2), st.integers(0, 0x7FFF), st.just(True), st.just(4), st.integers(0, 255)
    ),
)


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Desk, Desk]]:
    made = Desk("python"), Desk("kernel")
    yield made
    for one in made:
        one.socket.close()


drawn_packets = st.lists(
    st.builds(
        lambda ticks, marker, payload, level, vp8: (ticks, marker, payload, level, vp8),
        st.integers(0, 0xFFFFFFFF),
        st.booleans(),
        st.binary(min_size=6, max_size=60),
        st.one_of(st.none(), st.integers(0, 255)),
        places,
    ),
    min_size=1,
    max_size=12,
)
shapes = st.builds(
    Shape.of, st.integers(0, 14), st.text("abc1", min_size=1, max_size=16), st.integers(0, 14),
    st.integers(0, 14),
)  # fmt: skip


@given(
    drawn_packets,
    st.lists(st.tuples(shapes, st.integers(0, 0x7FFF), st.integers(0, 255)), min_size=1,
             max_size=5),
    st.integers(0, 0x30000),
)  # fmt: skip
@settings(max_examples=100)
def test_both_fanouts_send_the_same_bytes(
    both: tuple[Desk, Desk], drawn: list[Any], subscribers: list[tuple[Shape, int, int]], first: int
) -> None:
    sent = []
    for made in both:
        made.begin()
        packets = [
            Packet(
                first + n,
                ticks,
                marker,
                payload,
                arrival_s=n / 10,
                audio_level=level,
                keyframe=n == 0,
                vp8=vp8,
            )
            for n, (ticks, marker, payload, level, vp8) in enumerate(drawn)
        ]
        feed = Feed("video", VP8)
        outputs = []
        for number, (shape, _, _) in enumerate(subscribers):
            outputs.append(made.output(number, shape=shape))
            outputs[-1].slot.route(feed, 0.0)
        for packet in packets:
            feed.add(packet)
        batch = feed.take_batch()
        assert batch is not None
        jobs = [(one, one.slot.take(batch, 2.0)) for one in outputs]
        for one, (_, picture, tl0) in zip(outputs, subscribers, strict=True):
            one.slot.picture_shift, one.slot.tl0_shift = picture, tl0
        made.fanout.forward(jobs)
        made.socket.flush()
        rings = [[p and packets.index(p) for p in one.slot.ring.slots] for one in outputs]
        totals = [
            (one.slot.sent.bytes, one.slot.sent.octets, one.slot.account.sent) for one in outputs
        ]
        sent.append((list(made.system.taken), rings, totals, made.counters.as_dict()))
    assert sent[0] == sent[1]


# ------------------------------------------------------------------ what the system refuses


def test_a_socket_that_would_block_costs_a_video_its_turn_and_audio_nothing() -> None:
    desk = Desk(answers=[1, -errno.EAGAIN])
    feed, sound = Feed("video", VP8), Feed("audio", OPUS)
    first, second = desk.output(1), desk.output(2)
    for one in (first, second):
        one.slot.route(feed, 0.0)
    voice = desk.output(3, "audio")
    voice.slot.route(sound, 0.0)
    desk.forward(feed, [first, second], video(4))
    assert sequences(desk.system.datagrams, 1001) == [65535, 0, 1, 2]
    assert sequences(desk.system.datagrams, 1002) == []
    assert (first.slot.state, second.slot.state) == (SlotState.LIVE, SlotState.PAUSED)
    assert (second.slot.account.sent, second.slot.dropped, second.slot.refused) == (0, 4, 4)
    assert (desk.socket.would_block, desk.socket.calls, desk.socket.waiting) == (1, 2, False)
    desk.system.answers = [-errno.ENOBUFS]
    packet = Packet(9, 960, False, b"voice", arrival_s=1.5)
    desk.forward(sound, [voice], [packet])
    assert (voice.slot.account.sent, desk.socket.waiting) == (1, True)
    desk.socket.close()


def test_what_is_kept_goes_out_before_anything_new() -> None:
    desk = Desk(answers=[-errno.EAGAIN])
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    feed = Feed("audio", OPUS)
    voice = desk.output(3, "audio")
    key = socket.AF_INET.to_bytes(2, "little") + receiver.getsockname()[1].to_bytes(2, "big")
    voice.destination.address = desk.socket.destination(key + socket.inet_aton("127.0.0.1"))
    voice.slot.route(feed, 0.0)
    for number in (1, 2):
        desk.forward(feed, [voice], [Packet(number, 960, False, b"voice", arrival_s=1.5)])
    assert select.select([receiver], [], [], 5)[0]
    assert sequences([receiver.recv(SLOT)], 1003) == [65535]
    assert sequences(desk.system.datagrams, 1003) == [0]
    assert desk.socket.waiting is False
    receiver.close()
    desk.socket.close()


def test_the_rest_of_a_batch_is_sent_after_a_full_buffer_was_refused() -> None:
    desk = Desk(answers=[-errno.EAGAIN])
    feed = Feed("audio", OPUS)
    voices = [desk.output(n, "audio") for n in range(SEND_BATCH + 3)]
    for one in voices:
        one.slot.route(feed, 0.0)
    batch = [Packet(9, 960, False, b"voice", arrival_s=1.5)]
    desk.forward(feed, voices, batch)
    assert len(desk.system.datagrams) == 3
    assert all(one.slot.account.sent == 1 for one in voices)
    desk.socket.close()


def test_a_receiver_may_leave_in_mid_batch() -> None:
    desk = Desk(answers=[-errno.EAGAIN])
    feed = Feed("video", VP8)
    outputs: list[Output] = []

    def everybody_leaves() -> None:
        if not outputs:
            return
        for one in outputs:
            one.destination.address = one.destination.outgoing = None
            one.slot.route(None, 3.0)
        outputs.clear()
        gc.collect()

    for number in range(60):
        outputs.append(desk.output(number, blocked=everybody_leaves))
        outputs[-1].slot.route(feed, 0.0)
    desk.forward(feed, outputs, video(10, size=900))
    # The buffers hold twelve runs of ten, which were refused; the others stayed valid while their
    # owners left.
    assert len(desk.system.datagrams) == 600 - SEND_BATCH // 10 * 10
    assert sequences(desk.system.datagrams, 1059) == [(65535 + n) & 0xFFFF for n in range(10)]
    desk.forward(feed, outputs, video(3, first=11))
    assert len(desk.system.datagrams) == 600 - SEND_BATCH // 10 * 10
    desk.socket.close()


def test_where_segmentation_fails_it_is_given_up_for_good() -> None:
    desk = Desk(answers=[-errno.EIO])
    feed = Feed("video", VP8)
    one = desk.output(1)
    one.slot.route(feed, 0.0)
    desk.forward(feed, [one], video(5))
    assert [len(message) for message in desk.system.taken] == [1] * 5
    desk.forward(feed, [one], video(5, first=6))
    assert [len(message) for message in desk.system.taken] == [1] * 10
    assert (desk.socket.send_errors, desk.socket.datagrams_out) == (0, 10)
    desk.socket.close()


def test_runs_of_one_size_go_as_one_message_and_the_last_may_be_shorter(desk: Desk) -> None:
    feed = Feed("video", VP8)
    first, second = desk.output(1), desk.output(2)
    for one in (first, second):
        one.slot.route(feed, 0.0)
    desk.forward(feed, [first, second], video(4, last_size=10))
    assert [len(message) for message in desk.system.taken] == [4, 4]
    desk.system.taken.clear()
    desk.forward(feed, [first], video(MAX_RUN + 2, first=5))
    assert [len(message) for message in desk.system.taken] == [MAX_RUN, 2]


def test_a_destination_that_is_refused_does_not_hold_up_the_others() -> None:
    desk = Desk(answers=[1, -errno.EPERM, -errno.EINTR])
    feed = Feed("video", VP8)
    outputs = [desk.output(n) for n in range(3)]
    for one in outputs:
        one.slot.route(feed, 0.0)
    desk.forward(feed, outputs, video(2))
    assert [sequences(desk.system.datagrams, 1000 + n) for n in range(3)] == [
        [65535, 0],
        [],
        [65535, 0],
    ]
    assert (desk.socket.send_errors, desk.socket.datagrams_out) == (2, 4)
    desk.socket.close()


# ------------------------------------------------------------------ bounds


def test_packets_that_cannot_be_protected_are_accounted_as_never_sent(desk: Desk) -> None:
    feed = Feed("video", VP8)
    good, bad = desk.output(1), desk.output(2)
    bad.slot.ssrc = good.slot.ssrc  # libsrtp refuses numbers it has seen long ago
    bad.destination = good.destination
    for one in (good, bad):
        one.slot.route(feed, 0.0)
    many = [Packet(1 + n, 0, False, b"x" * 8, arrival_s=1.0, keyframe=n == 0) for n in range(1700)]
    desk.forward(feed, [good], many)
    before = len(desk.system.datagrams)
    for packet in many[:600]:
        feed.add(packet)
    batch = feed.take_batch()
    assert batch is not None
    jobs = [(bad, bad.slot.take(batch, 2.0))]
    bad.slot.seq_shift = good.slot.seq_shift
    desk.fanout.forward(jobs)
    assert len(desk.system.datagrams) == before
    assert desk.counters.srtp_failed == 600
    assert desk.counters.forwarded == 1700


def test_more_subscribers_and_packets_than_one_call_takes(desk: Desk) -> None:
    feed = Feed("audio", OPUS)
    voices = [desk.output(n, "audio") for n in range(PASS_JOBS + 7)]
    for one in voices:
        one.slot.route(feed, 0.0)
    desk.forward(feed, voices, [Packet(9, 960, False, b"voice", arrival_s=1.5)])
    assert len({d[8:12] for d in desk.system.datagrams}) == PASS_JOBS + 7
    desk.system.taken.clear()
    long = [Packet(10 + n, 960, False, b"voice", arrival_s=1.5) for n in range(PASS_PACKETS + 5)]
    desk.forward(feed, voices[:2], long)
    for number in (1000, 1001):
        assert sequences(desk.system.datagrams, number) == list(range(PASS_PACKETS + 5))


def test_a_payload_too_large_for_a_slot_is_not_written(desk: Desk) -> None:
    feed = Feed("video", VP8)
    one = desk.output(1)
    one.slot.route(feed, 0.0)
    huge = [Packet(1, 0, True, b"x" * (SLOT - 20), arrival_s=1.0, keyframe=True)]
    desk.forward(feed, [one], huge)
    assert desk.system.datagrams == []
    assert (desk.counters.srtp_failed, one.slot.account.sent) == (1, 0)


def test_the_largest_payload_fits_with_everything_a_subscriber_may_negotiate(desk: Desk) -> None:
    feed = Feed("video", VP8)
    one = desk.output(1, shape=Shape.of(14, "m" * 16, 13, 12))
    one.slot.route(feed, 0.0)
    packet = Packet(1, 0, True, b"x" * MAX_PAYLOAD, arrival_s=1.0, keyframe=True, audio_level=9)
    desk.forward(feed, [one], [packet])
    assert [len(d) for d in desk.system.datagrams] == [12 + 28 + MAX_PAYLOAD + 16]
