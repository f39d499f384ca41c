"""A source in virtual time: an hour of loss, jitter and drift; gaps; sizes; restarts; full disks.

Pictures and sounds carry their numbers, so where each stands in the file is compared with when it
was captured.
"""

from __future__ import annotations

import heapq
import random
import struct
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from sync_classroom.relay.recording.depacketise import OPUS_SILENCE, opus_ticks
from sync_classroom.relay.recording.take import FRAGMENT_S, HOLD_S, SANE_S, Anchor, Placing, Take
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec
from sync_classroom.relay.sync import SourceClock, TrackClock
from tests.support.recordings import (
    H264,
    OPUS,
    VP8,
    Item,
    MemorySink,
    Source,
    encoded,
    items,
    opus,
    opus_number,
)

ZERO = 1000.0
NTP_AHEAD_S = 3_900_000_000.0


@dataclass
class Stage:
    """A take and what feeds it, with clocks as the publisher's side of the relay keeps them."""

    video: Codec = H264
    audio_ppm: float = 0.0
    sink: MemorySink = field(default_factory=MemorySink)

    def __post_init__(self) -> None:
        self.take = Take(self.sink, stem="01-camera", zero_s=ZERO, number=0)
        self.take.tracks(audio=True, video=True)
        source = SourceClock()
        self.clocks = {"video": TrackClock(source, 90000), "audio": TrackClock(source, 48000)}
        self.pictures, self.sounds = Source(self.video), Source(OPUS)

    def report(self, kind: str, at_s: float, now: float) -> None:
        """A sender report made at `at_s` after the start arrives now."""
        track = self.pictures if kind == "video" else self.sounds
        rate = track.codec.clock_rate * (1 + (self.audio_ppm / 1e6 if kind == "audio" else 0))
        ticks = (track.timestamp + round(at_s * rate)) & 0xFFFFFFFF
        ntp = int((NTP_AHEAD_S + at_s) * 0x100000000)
        self.clocks[kind].sender_report(ntp, ticks, now)

    def arrive(self, kind: str, packets: list[Packet], now: float) -> None:
        clock = self.clocks[kind]
        for packet in packets:
            packet.arrival_s = now
            clock.packet(packet.timestamp, now)
        assert clock.anchor is not None
        anchor = Anchor(*clock.anchor, reported=clock.reported)
        self.take.packets(kind, self.video if kind == "video" else OPUS, anchor, packets)

    def picture(self, number: int, at_s: float, pictures: tuple[bytes, ...]) -> list[Packet]:
        return self.pictures.picture(pictures[number % len(pictures)], at_s, 0.0, number)

    def run(
        self, from_s: float, to_s: float, *, pictures: tuple[bytes, ...] | None = None,
        lose: tuple[float, float] = (0, 0),
    ) -> None:  # fmt: skip
        """25 pictures and 50 sounds a second, everything that is sent in `lose` lost."""
        pictures = pictures or encoded(self.video.name)
        self.report("video", from_s, ZERO + from_s)
        self.report("audio", from_s, ZERO + from_s)
        for number in range(round(from_s * 25), round(to_s * 25)):
            at_s = number / 25
            now = ZERO + at_s
            video = self.picture(number, at_s, pictures)
            audio = [self.sounds.sound(opus(2 * number + k), at_s + k / 50, 0.0) for k in (0, 1)]
            if not lose[0] <= at_s < lose[1]:
                self.arrive("audio", audio, now)
                self.arrive("video", video, now)
            self.take.advance(now)

    def file(self, number: int = 0) -> list[Item]:
        return items(bytes(list(self.sink.files.values())[number]))


def kinds(found: list[Item], kind: str) -> list[Item]:
    return [item for item in found if item.kind == kind]


def test_pictures_and_sounds_stand_where_they_were_captured() -> None:
    stage = Stage()
    stage.run(0.0, 4.0)
    stage.take.finish(ZERO + 4.0)
    found = stage.file()
    assert [round(item.at_s, 3) for item in kinds(found, "video")] == [
        round(number / 25, 3) for number in range(100)
    ]
    assert [opus_number(item.data) for item in kinds(found, "audio")] == list(range(200))
    assert [round(item.at_s * 50) for item in kinds(found, "audio")] == list(range(200))
    (info,) = stage.sink.infos
    assert (info.gaps, info.silence_s, info.left_out, info.closed) == ([], 0.0, 0, True)
    assert info.duration_s == 4.0
    assert stage.sink.closed == 1


@dataclass(order=True)
class _Sent:
    at_s: float
    order: int
    kind: str = field(compare=False)
    number: int = field(compare=False)
    captured_s: float = field(compare=False)


def _arrivals(
    seconds: int, ppm: float, *, loss: float, jitter_s: float, seed: int
) -> tuple[list[_Sent], int, set[int]]:
    """What arrives, with loss and jitter that reorders; how many sounds were made, and are lost.

    The sound card's clock runs `ppm` fast: an hour of it has that many more sounds.
    """
    randomness = random.Random(seed)
    arrivals: list[_Sent] = []
    lost: set[int] = set()
    sounds = round(seconds * 50 * (1 + ppm / 1e6))
    for number in range(sounds):
        captured_s = number / 50 / (1 + ppm / 1e6)
        if randomness.random() < loss:
            lost.add(number)
        else:
            late_s = 0.02 + randomness.random() * jitter_s
            arrivals.append(_Sent(captured_s + late_s, number, "audio", number, captured_s))
    for number in range(seconds * 5):
        late_s = 0.02 + randomness.random() * jitter_s
        arrivals.append(_Sent(number / 5 + late_s, sounds + number, "video", number, number / 5))
    heapq.heapify(arrivals)
    return arrivals, sounds, lost


@pytest.mark.parametrize(("ppm", "seconds"), [(80.0, 3600), (-300.0, 900)])
def test_after_an_hour_of_drift_loss_and_jitter_sound_is_within_40_ms_of_the_picture(
    ppm: float, seconds: int
) -> None:
    """A sound card 80 ppm fast is 288 ms off in an hour; 300 ppm slow, 270 ms in a quarter."""
    stage = Stage(audio_ppm=ppm)
    arrivals, made_sounds, lost = _arrivals(seconds, ppm, loss=0.01, jitter_s=0.08, seed=11)
    pictures = encoded("H264", count=2, every=1)
    sounds, first_ticks = stage.sounds, stage.sounds.timestamp
    sequence, next_report_s, next_work_s = sounds.sequence, 0.0, 0.0
    picture_packets: dict[int, list[Packet]] = {}
    made = 0
    while arrivals:
        sent = heapq.heappop(arrivals)
        now = ZERO + sent.at_s
        if sent.at_s >= next_report_s:
            stage.report("audio", sent.at_s, now)
            stage.report("video", sent.at_s, now)
            next_report_s += 5.0
        if sent.kind == "audio":
            ticks = (first_ticks + sent.number * 960) & 0xFFFFFFFF
            packet = Packet(sequence + sent.number, ticks, False, opus(sent.number), arrival_s=now)
            stage.arrive("audio", [packet], now)
        else:
            while made <= sent.number:
                picture_packets[made] = stage.picture(made, made / 5, pictures)
                made += 1
            stage.arrive("video", picture_packets.pop(sent.number), now)
        if sent.at_s >= next_work_s:
            stage.take.advance(now)
            next_work_s += 0.1
    stage.take.finish(ZERO + seconds)

    (name,) = stage.sink.files
    found = items(bytes(stage.sink.files[name]))
    video, audio = kinds(found, "video"), kinds(found, "audio")
    assert len(video) == seconds * 5
    # Pictures are shown when they were captured, all along.
    start_s = stage.sink.infos[0].start_s
    assert max(abs(item.at_s + start_s - n / 5) for n, item in enumerate(video)) < 0.025
    # So are sounds, by the file's times and by their count, which is how browsers play them.
    position, worst, heard = 0, 0.0, 0
    for item in audio:
        assert abs(item.at_s - audio[0].at_s - position / 48000) < 0.0001
        number = opus_number(item.data)
        if number is not None:
            heard += 1
            captured_s = number / 50 / (1 + ppm / 1e6)
            worst = max(worst, abs(item.at_s + start_s - captured_s))
        position += opus_ticks(item.data)
    assert worst <= 0.040
    assert heard == made_sounds - len(lost)  # the lost ones make up for those too many
    assert abs(len(audio) - seconds * 50) <= 1
    print(f"{ppm:+.0f} ppm, {seconds} s: sound at most {worst * 1000:.1f} ms off")
    assert abs(position / 48000 - seconds) < 0.05


def test_lost_packets_leave_gaps_of_their_length() -> None:
    stage = Stage()
    stage.run(0.0, 8.0, lose=(3.0, 5.0))
    stage.take.finish(ZERO + 8.0)
    found = stage.file()
    video = [round(item.at_s, 3) for item in kinds(found, "video")]
    assert [at for at in video if at < 3.0] == [round(n / 25, 3) for n in range(75)]
    # The next keyframe is at 5 s: from there on every picture stands at its own time.
    assert [at for at in video if at >= 3.0] == [round(n / 25, 3) for n in range(125, 200)]
    audio = kinds(found, "audio")
    assert len(audio) == 400
    assert [item.data for item in audio[150:250]] == [OPUS_SILENCE] * 100
    assert opus_number(audio[250].data) == 250
    (info,) = stage.sink.infos
    assert sorted(info.gaps) == [("audio", 3.0, 5.0), ("video", 2.96, 5.0)]
    assert info.silence_s == 2.0


def test_a_lost_picture_packet_stops_the_picture_until_a_keyframe_and_not_the_sound() -> None:
    stage = Stage()
    stage.report("video", 0, ZERO)
    stage.report("audio", 0, ZERO)
    pictures = encoded("H264")
    for number in range(100):
        at_s = number / 25
        packets = stage.picture(number, at_s, pictures)
        stage.arrive("video", packets[1:] if number == 30 else packets, ZERO + at_s)
        for k in (0, 1):
            sound = stage.sounds.sound(opus(2 * number + k), at_s + k / 50, 0.0)
            stage.arrive("audio", [sound], ZERO + at_s)
        stage.take.advance(ZERO + at_s)
        if number == 40:
            assert stage.take.wants_key(ZERO + at_s)
    stage.take.finish(ZERO + 4.0)
    found = stage.file()
    shown = [round(item.at_s * 25) for item in kinds(found, "video")]
    assert shown == [*range(30), *range(50, 100)]
    assert len(kinds(found, "audio")) == 200
    (info,) = stage.sink.infos
    assert info.left_out == 19  # picture 30 was one packet: nobody knows that it was a picture
    assert info.gaps == [("video", 1.16, 2.0)]


@pytest.mark.parametrize("codec", [H264, VP8], ids=lambda c: c.name)
def test_another_picture_size_begins_another_file(codec: Codec) -> None:
    stage = Stage(codec)
    stage.run(0.0, 2.0, pictures=encoded(codec.name, 320, 240))
    stage.run(2.0, 4.0, pictures=encoded(codec.name, 640, 360))
    stage.take.finish(ZERO + 4.0)
    small, large = stage.sink.infos
    assert [(i.width, i.height) for i in (small, large)] == [(320, 240), (640, 360)]
    assert (small.start_s, large.start_s) == (0.0, pytest.approx(2.0, abs=0.021))
    for info, count in ((small, 50), (large, 50)):
        assert info.pictures == count
    numbers = [
        opus_number(item.data) for number in (0, 1) for item in kinds(stage.file(number), "audio")
    ]
    assert numbers == list(range(200))  # no sound is lost or said twice between the two
    assert abs(small.start_s + small.duration_s - large.start_s) < 0.04


def test_another_codec_begins_another_kind_of_file() -> None:
    stage = Stage(H264)
    stage.run(0.0, 2.0)
    stage.take.restart("video")
    stage.video, stage.pictures = VP8, Source(VP8, sequence=7, timestamp=99)
    stage.clocks["video"].restart()
    stage.run(2.0, 4.0)
    stage.take.finish(ZERO + 4.0)
    assert [info.name for info in stage.sink.infos] == [
        "01-camera-0001.mp4",
        "01-camera-0002.webm",
    ]
    assert [info.pictures for info in stage.sink.infos] == [50, 50]


def test_a_new_ssrc_goes_on_in_the_same_file() -> None:
    stage = Stage()
    stage.run(0.0, 2.0)
    for kind in ("video", "audio"):
        stage.take.restart(kind)
        stage.clocks[kind].restart()
    stage.pictures = Source(H264, sequence=50, timestamp=12345)
    stage.sounds = Source(OPUS, sequence=60, timestamp=54321)
    stage.run(3.0, 5.0)
    stage.take.finish(ZERO + 5.0)
    (info,) = stage.sink.infos
    assert sorted(info.gaps) == [("audio", 2.0, 3.0), ("video", 1.96, 3.0)]
    assert len(kinds(stage.file(), "audio")) == 250


def test_a_publisher_that_comes_back_begins_another_file_at_its_time() -> None:
    stage = Stage()
    stage.run(0.0, 2.0)
    stage.take.finish(ZERO + 30.0)  # it was silent for 28 s before it was given up
    stage.pictures = Source(H264, sequence=50, timestamp=12345)
    stage.sounds = Source(OPUS, sequence=60, timestamp=54321)
    for clock in stage.clocks.values():
        clock.restart()
    stage.run(40.0, 42.0)
    stage.take.finish(ZERO + 42.0)
    first, second = stage.sink.infos
    assert (first.start_s, first.duration_s) == (0.0, pytest.approx(3.0, abs=0.05))
    assert (second.start_s, second.duration_s) == (pytest.approx(40.0), pytest.approx(2.0))


def test_sound_without_pictures_is_recorded_after_a_moment() -> None:
    stage = Stage()
    stage.report("audio", 0, ZERO)
    for number in range(200):
        now = ZERO + number / 50
        stage.arrive("audio", [stage.sounds.sound(opus(number), number / 50, 0.0)], now)
        stage.take.advance(now)
        assert bool(stage.sink.files) == (number / 50 >= HOLD_S)
    stage.take.finish(ZERO + 4.0)
    (info,) = stage.sink.infos
    assert (info.video, info.audio, info.start_s) == (None, "opus", 0.0)
    assert [opus_number(item.data) for item in stage.file()] == list(range(200))


def test_a_microphone_alone_waits_for_no_picture() -> None:
    stage = Stage()
    stage.take.tracks(audio=True, video=False)
    stage.report("audio", 0, ZERO)
    stage.arrive("audio", [stage.sounds.sound(opus(0), 0.0, 0.0)], ZERO)
    stage.take.advance(ZERO)
    assert list(stage.sink.files) == ["01-camera-0001.mp4"]


def test_sound_before_the_first_keyframe_is_kept() -> None:
    stage = Stage()
    stage.report("audio", 0, ZERO)
    for number in range(50):
        now = ZERO + number / 50
        stage.arrive("audio", [stage.sounds.sound(opus(number), number / 50, 0.0)], now)
        stage.take.advance(now)
    stage.run(1.0, 2.0)
    stage.take.finish(ZERO + 2.0)
    (info,) = stage.sink.infos
    assert info.start_s == 0.0
    assert [opus_number(item.data) for item in kinds(stage.file(), "audio")] == list(range(100))
    assert round(kinds(stage.file(), "video")[0].at_s, 3) == 1.0


def test_silence_that_is_not_sent_takes_its_time() -> None:
    """Opus DTX: nothing is lost, the numbers run on, only time passes."""
    stage = Stage()
    stage.take.tracks(audio=True, video=False)
    stage.report("audio", 0, ZERO)
    for number in [*range(10), 30, 50, *range(70, 80)]:
        now = ZERO + number / 50
        stage.arrive("audio", [stage.sounds.sound(opus(number), number / 50, 0.0)], now)
        stage.take.advance(now)
    stage.take.finish(ZERO + 1.6)
    (info,) = stage.sink.infos
    found = {round(item.at_s * 50): opus_number(item.data) for item in stage.file()}
    assert found[30] == 30
    assert found[50] == 50
    assert found[79] == 79
    assert sorted(found) == list(range(80))
    assert info.gaps == []


def test_a_picture_without_sound_keeps_its_sound_track_going() -> None:
    stage = Stage()
    stage.run(0.0, 2.0)
    pictures = encoded("H264")
    for number in range(50, 200):  # the microphone is off
        now = ZERO + number / 25
        stage.arrive("video", stage.picture(number, number / 25, pictures), now)
        stage.take.advance(now)
    written = kinds(stage.file(), "audio")
    assert written[-1].at_s > 8.0 - FRAGMENT_S - 1.0  # not only at the end
    stage.take.finish(ZERO + 8.0)
    assert kinds(stage.file(), "audio")[-1].at_s > 7.0


def test_whatever_the_moment_at_most_two_seconds_are_not_yet_written() -> None:
    stage = Stage()
    behind = []
    for number in range(250):
        stage.run(number / 25, (number + 1) / 25)
        if stage.sink.files:
            found = stage.file()
            behind.append(number / 25 - max((item.at_s for item in found), default=0.0))
    assert max(behind) < 2.0


def test_a_full_disk_ends_the_file_and_a_keyframe_begins_the_next() -> None:
    stage = Stage()
    stage.run(0.0, 2.0)
    stage.sink.full = True
    with pytest.raises(OSError, match="space"):
        stage.run(2.0, 4.0)
    stage.take.abandon()
    stage.sink.full = False
    stage.run(4.0, 6.0)
    stage.take.finish(ZERO + 6.0)
    first, second = stage.sink.infos
    assert (first.closed, second.closed) == (False, True)
    assert second.start_s == pytest.approx(4.0, abs=0.03)


def test_a_stepped_source_clock_does_not_move_media_in_time() -> None:
    """The offset that both tracks share moves with one track's report before the other's."""
    stage = Stage()
    stage.run(0.0, 2.0)
    ticks = (stage.pictures.timestamp + 2 * 90000) & 0xFFFFFFFF
    stage.clocks["video"].sender_report(int((NTP_AHEAD_S + 600) * 0x100000000), ticks, ZERO + 2)
    pictures = encoded("H264")
    for number in range(50, 100):
        now = ZERO + number / 25
        stage.arrive("video", stage.picture(number, number / 25, pictures), now)
        for k in (0, 1):
            sound = stage.sounds.sound(opus(2 * number + k), number / 25 + k / 50, 0.0)
            stage.arrive("audio", [sound], now + k / 50)
        stage.take.advance(now)
    stage.take.finish(ZERO + 4.0)
    found = stage.file()
    for before, after in pairwise(kinds(found, "video")):
        assert 0 < after.at_s - before.at_s < 0.1
    assert len(kinds(found, "audio")) == pytest.approx(200, abs=2)


def test_placing_follows_its_own_packets_while_nothing_is_reported() -> None:
    placing = Placing(90000)
    placing.hear(Anchor(100.0, 0, reported=False))
    for hour in range(30):  # 32 bits wrap in 13 hours
        at_s = 100.0 + hour * 3600
        for part in range(60):
            now = at_s + part * 60
            ticks = round((now - 100.0) * 90000) & 0xFFFFFFFF
            assert placing.at_s(ticks, now) == pytest.approx(now, abs=0.001)
    placing.hear(Anchor(1.0, 0, reported=False))
    assert placing.at_s(ticks, now) == pytest.approx(now, abs=0.001)  # the first one holds


def test_placing_believes_arrival_rather_than_a_clock_gone_mad() -> None:
    placing = Placing(48000)
    placing.hear(Anchor(100.0, 0, reported=True))
    assert placing.at_s(48000, 101.0 + SANE_S) == 101.0
    assert placing.at_s(48000, 101.1 + SANE_S) == 101.1 + SANE_S


def test_malformed_sound_is_counted_and_left_out() -> None:
    stage = Stage()
    stage.report("audio", 0, ZERO)
    bad = stage.sounds.sound(b"\x7b", 0.0, 0.0)
    stage.arrive("audio", [bad, stage.sounds.sound(struct.pack(">I", 0xF8000000), 0.02, 0.0)], ZERO)
    stage.take.advance(ZERO)
    assert stage.take.malformed == 1
