"""What the line to one subscriber carries, from what its reports say. Pure: time is an argument.

Witnesses: loss between two receiver reports and, sooner, what is asked for again; round trips
against their own minimum; and the receiver's REMB, which browsers compute from the delay of every
packet. REMB is believed when it *falls*: it starts low, and it cannot rise much above what arrives
(1.5 times, 8 % a second), so it never says that a larger picture would fit. That is found out by
probing: for some seconds the relay sends known packets once more as retransmissions, ever a little
faster, until the next layer's rate has been carried without trouble, or trouble shows. What is sent
twice harms nobody's picture.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

START_BPS: Final = 1_000_000
"""A line is first taken for this: a middle layer. A slower one is known after two seconds, a faster
one has the largest picture after five."""
MIN_BPS: Final = 50_000
"""Sound; less is never concluded."""
JUDGE_S: Final = 0.1
"""Reports are weighed at most so often: browsers send fifteen a second for a wall of pictures."""
RATE_WINDOW_S: Final = 1.0
MIN_PACKETS: Final = 20
"""Loss is a fraction of at least so many: one of five packets is not 20 %."""
PACKET_BYTES: Final = 1000
"""Of video, about, where packets are guessed from bytes."""
HEAVY_LOSS: Final = 0.10
"""Loss alone means congestion from here, as for Google's congestion control; below it is noise."""
SOME_LOSS: Final = 0.05
"""Together with a REMB that falls."""
STOP_LOSS: Final = 0.25
"""The lowest layer is given up from here: sound would be the next to go."""
STOP_SHARE: Final = 0.75
"""Or when REMB is below this share of what is sent, with `HEAVY_LOSS` to prove it."""
LASTING_S: Final = 4.0
LASTING_PACKETS: Final = 100
"""Before a picture is stopped, loss is weighed over so long and so many: of thirty packets a second
on a line that loses 5 % by chance, now and then a quarter is missing for a second."""
HISTORY: Final = 16
"""Marks kept for it, a quarter of a second apart at least."""
DELAY_S: Final = 0.1
"""Round trips so much over their minimum are a queue that grows: Wi-Fi alone makes half of it."""
LONG_DELAY_S: Final = 0.2
"""Where no REMB is sent, twice in a row."""
BASE_WINDOW_S: Final = 30.0
"""The minimum is of the last 30 to 60 s: a path that became longer is not called congested for
ever."""
REMB_FRESH_S: Final = 5.0
"""An estimate older than this says nothing: Chromium sends one a second."""
FALL: Final = 0.97
"""REMB falls if it is below this share of the one before, as Chromium itself defines it."""
FELL_S: Final = 2.0
"""A fall is remembered so long."""
REPORT_FRESH_S: Final = 3.0
"""Without a report for this long nothing is concluded, and nothing risked."""
BACK_OFF: Final = 0.9
"""Of what arrived while the line was full is taken for what it carries: its queue must drain."""
REMB_FLOOR: Final = 0.5
"""But not below half of it at once: a browser's first estimate may be of a few packets."""
HOLD_S: Final = 1.5
"""After a decrease: a keyframe of the lower layer, the queue's end and a report on it come
first."""
PROBE_START_S: Final = 1.0
"""After connecting, and after a step up that was carried, before the next one is tried."""
PROBE_STEP: Final = 1.25
PROBE_STEP_S: Final = 0.5
"""A probe goes up by a quarter every half second. Where the line ends, it is over by at most that
quarter, for the third of a second a browser needs to notice: 80 ms of queue."""
PROBE_HOLD_S: Final = 0.5
PROBE_MAX_S: Final = 4.0
"""The rate wanted is held until a report speaks of it, which browsers send within 1.5 s."""
PROBE_TICK_S: Final = 0.02
PROBE_DRAIN_S: Final = 1.0
"""After a probe that failed, its own queue is not held against the line for this long."""
BACKOFF_S: Final = 10.0
BACKOFF_MAX_S: Final = 120.0
"""Between attempts; doubled with every one that failed."""
HOPE_S: Final = 40.0
"""What nobody needs yet is tried three times: one attempt may have met a bad moment."""
TRIAL_S: Final = 6.0
"""A step up after which trouble comes within this time has failed like a probe."""


class Verdict(Enum):
    """What the witnesses say together."""

    CARRIED = "carried"
    OVER = "over"
    """More is sent than arrives in time: take lower layers."""
    DROWNING = "over by so much that sound suffers"
    """Where there is no lower layer, pictures stop."""


class _Rate:
    """A running total's bits a second over the last `RATE_WINDOW_S`."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, total: int, now: float) -> float:
        """The rate up to now, when the total is this."""
        marks = self._marks
        if not marks or now - marks[-1][0] >= JUDGE_S / 2:
            marks.append((now, total))
        while len(marks) > 2 and now - marks[1][0] >= RATE_WINDOW_S:
            marks.popleft()
        since, before = marks[0]
        return (total - before) * 8 / (now - since) if now > since else 0.0


class _Probe:
    """One attempt to carry more."""

    __slots__ = ("base_bps", "held_s", "level_bps", "loss", "remb", "stepped_s", "target_bps")

    def __init__(self, base_bps: float, target_bps: float, loss: float, now: float) -> None:
        self.base_bps = base_bps
        self.target_bps = target_bps
        self.level_bps = min(target_bps, base_bps * PROBE_STEP)
        self.stepped_s = now
        self.held_s: float | None = now if self.level_bps >= target_bps else None
        self.loss = loss
        self.remb: int | None = None

    def step(self, now: float) -> None:
        if self.held_s is None and now >= self.stepped_s + PROBE_STEP_S:
            self.level_bps = min(self.target_bps, self.level_bps * PROBE_STEP)
            self.stepped_s = now
            if self.level_bps >= self.target_bps:
                self.held_s = now


class Downlink:
    """The estimate for one subscriber, and when to try for more.

    `pads` says whether retransmissions go to an SSRC of their own, so that probing with them is
    possible; without, the next layer itself is the trial, and `BACKOFF_S` keeps it rare.
    """

    def __init__(self, now: float, *, pads: bool) -> None:
        self.estimate_bps: float = START_BPS
        self.wanted_bps: int | None = None
        self.remb_bps: int | None = None
        self.rtt_s: float | None = None
        self._pads = pads
        self._remb_s = self._fell_s = self._reported_s = float("-inf")
        self._loss = 0.0
        self._missing = 0
        self._asked = _Rate()
        self._loss_fresh = False
        self._baseline = (0, 0)
        self._acked = (0, 0)
        self._history: deque[tuple[float, int, int]] = deque()
        self._delays = 0
        self._last_rtt_s: float | None = None
        self._lows = [float("inf"), float("inf")]
        self._low_s = now
        self._all, self._media = _Rate(), _Rate()
        self._rate_bps = self._media_bps = 0.0
        self._padded = 0
        self._owed = 0.0
        self._ticked_s = now
        self._judged_s = float("-inf")
        self._held_until_s = self._trial_until_s = float("-inf")
        self._next_probe_s = now + (PROBE_START_S if pads else BACKOFF_S)
        self._backoff_s = BACKOFF_S
        self._proven_bps = 0.0
        self._probe: _Probe | None = None

    @property
    def hopeful(self) -> bool:
        """Whether more may be tried than anybody needs just now: it harms nothing, and has not
        failed too often since the line last carried or refused something."""
        return self._pads and self._backoff_s <= HOPE_S

    # ------------------------------------------------------------------ witnesses

    def remb(self, bps: int, now: float) -> None:
        """The receiver's estimate."""
        before = self.remb_bps
        if before is None or now - self._remb_s > REMB_FRESH_S:
            # The first one is a fall only if it is far below what is sent (or nobody knows that).
            if bps < STOP_SHARE * self._rate_bps or not self._rate_bps:
                self._fell_s = now
        elif bps < FALL * before:
            self._fell_s = now
        self.remb_bps, self._remb_s = bps, now
        if self._probe is not None and self._probe.remb is None:
            self._probe.remb = bps

    def round_trip(self, seconds: float, now: float) -> None:
        """A report block said how long a packet and its report were on their way."""
        self.rtt_s = seconds if self.rtt_s is None else self.rtt_s + (seconds - self.rtt_s) / 8
        if now - self._low_s >= BASE_WINDOW_S:
            self._lows, self._low_s = [self._lows[1], float("inf")], now
        self._lows[1] = min(self._lows[1], seconds)
        self._last_rtt_s = seconds
        self._delays = self._delays + 1 if seconds - min(self._lows) >= LONG_DELAY_S else 0

    def acknowledged(self, sent: int, acked: int, now: float) -> None:
        """Running totals of packets as of a report: how many were sent, how many have arrived."""
        self._reported_s = now
        self._acked = (sent, acked)
        if not self._history or now - self._history[-1][0] >= LASTING_S / HISTORY:
            self._history.append((now, sent, acked))
            while len(self._history) > 1 and now - self._history[1][0] >= LASTING_S:
                self._history.popleft()
        packets = sent - self._baseline[0]
        if packets >= MIN_PACKETS:
            arrived = acked - self._baseline[1]
            self._loss = min(1.0, max(0.0, 1 - arrived / packets))
            self._loss_fresh = True
            self._baseline = self._acked

    @property
    def lasting_loss(self) -> float:
        """The loss of the last `LASTING_S`, as far as reported; 0 where that is too little."""
        if not self._history:
            return 0.0
        _, before, arrived = self._history[0]
        sent, acked = self._acked
        return 1 - (acked - arrived) / (sent - before) if sent - before >= LASTING_PACKETS else 0.0

    def missing(self, count: int) -> None:
        """So many packets were asked for again."""
        self._missing += count

    # ------------------------------------------------------------------ verdict

    def due(self, now: float) -> bool:
        """Whether it is time to `judge` again."""
        return now >= self._judged_s + JUDGE_S

    def unjudged_s(self, now: float) -> float:
        """How long ago the last judgement was."""
        return now - self._judged_s

    def judge(self, sent_bytes: int, now: float) -> Verdict:
        """Weigh everything; `sent_bytes` is the running total of all that went out."""
        if not self.due(now):
            return Verdict.CARRIED
        self._judged_s = now
        self._rate_bps = self._all.mark(sent_bytes, now)
        self._media_bps = self._media.mark(sent_bytes - self._padded, now)
        known = self._known_loss(now)
        verdict = self._weigh(known, now)
        if self._probe is not None:
            self._judge_probe(verdict, now)
            verdict = Verdict.CARRIED
        elif now < self._held_until_s:
            verdict = Verdict.CARRIED
        elif verdict is not Verdict.CARRIED:
            self._decrease(known, now)
        elif now - self._reported_s <= REPORT_FRESH_S and self._well(now):
            if now >= self._trial_until_s - TRIAL_S / 2:  # before, it may be too early to tell
                self._proven_bps = max(self._proven_bps, self._rate_bps)
                self.estimate_bps = max(self.estimate_bps, self._rate_bps)
            self._consider(now)
        self._loss_fresh = False
        return verdict

    def _fell(self, now: float) -> bool:
        """REMB went down, below what is sent."""
        return (
            self.remb_bps is not None
            and now - self._fell_s <= FELL_S
            and self.remb_bps < self._rate_bps
        )

    def _well(self, now: float) -> bool:
        """Nothing speaks against more."""
        return self._loss < HEAVY_LOSS and not self._fell(now) and not self._delayed()

    def _delayed(self) -> bool:
        return self._last_rtt_s is not None and self._last_rtt_s - min(self._lows) >= DELAY_S

    def _known_loss(self, now: float) -> float:
        """By the last report, or by requests since: those come first, but some twice."""
        asked = self._asked.mark(self._missing, now) / 8
        sent = self._rate_bps / 8 / PACKET_BYTES
        reported = self._loss if now - self._reported_s <= REPORT_FRESH_S else 0.0
        return max(reported, min(1.0, asked / sent)) if sent and self._fell(now) else reported

    def _weigh(self, known: float, now: float) -> Verdict:
        # A report on loss is here for one judgement; a REMB's fall meets all that is known.
        loss = self._loss if self._loss_fresh else 0.0
        fell = self._fell(now)
        remb = self.remb_bps if fell and self.remb_bps is not None else float("inf")
        if loss >= STOP_LOSS or (known >= HEAVY_LOSS and remb < STOP_SHARE * self._rate_bps):
            return Verdict.DROWNING
        if loss >= HEAVY_LOSS or (fell and (known >= SOME_LOSS or self._delayed())):
            return Verdict.OVER
        silent = self.remb_bps is None or now - self._remb_s > REMB_FRESH_S
        return Verdict.OVER if silent and self._delays >= 2 else Verdict.CARRIED

    def _decrease(self, loss: float, now: float) -> None:
        if now < self._trial_until_s:
            # What was carried before the step up is carried still.
            self.estimate_bps = max(MIN_BPS, self._proven_bps)
            self._held_until_s = now + HOLD_S
            self._back_off(now, failed=True)
            return
        arrived = self._rate_bps * (1 - loss)
        carried = BACK_OFF * arrived
        if self._fell(now) and self.remb_bps is not None:
            # Without loss all seems to arrive, only later and later: then REMB knows better.
            carried = min(carried, max(self.remb_bps, REMB_FLOOR * arrived))
        self.estimate_bps = max(MIN_BPS, min(self.estimate_bps, carried))
        self._proven_bps = min(self._proven_bps, self.estimate_bps)
        self._held_until_s = now + HOLD_S
        self._back_off(now, failed=False)

    def _back_off(self, now: float, *, failed: bool) -> None:
        if not failed:
            self._backoff_s = BACKOFF_S
        self._next_probe_s = now + self._backoff_s
        if failed:
            self._backoff_s = min(BACKOFF_MAX_S, 2 * self._backoff_s)
        self._trial_until_s = float("-inf")
        self._delays = 0
        self._fell_s = float("-inf")

    # ------------------------------------------------------------------ trying for more

    def _consider(self, now: float) -> None:
        """Begin a probe, or a trial, if there is something to gain and nothing against it."""
        if self._trial_until_s != float("-inf") and now >= self._trial_until_s:
            self._backoff_s = BACKOFF_S  # the last step up has been carried
            self._trial_until_s = float("-inf")
        wanted = self.wanted_bps
        if wanted is None or wanted <= self.estimate_bps:
            return
        if now < self._next_probe_s:
            return
        if not self._pads:
            self._raise(wanted, now)
        elif self._media_bps > 0:
            self._probe = _Probe(self._media_bps, wanted, self._loss, now)
            self._ticked_s, self._owed = now, 0.0

    def _raise(self, bps: float, now: float) -> None:
        self.estimate_bps = bps
        self._trial_until_s = now + TRIAL_S
        self._next_probe_s = now + PROBE_START_S + HOLD_S

    def _judge_probe(self, verdict: Verdict, now: float) -> None:
        probe = self._probe
        assert probe is not None  # who calls has looked
        remb = self.remb_bps if now - self._remb_s <= REMB_FRESH_S else None
        worse = probe.remb is not None and remb is not None and remb < FALL * probe.remb
        if remb is not None and probe.remb is not None:
            probe.remb = max(probe.remb, remb)
        lossy = self._loss_fresh and self._loss >= probe.loss + SOME_LOSS
        if self.wanted_bps is None:
            self._probe = None
        elif verdict is not Verdict.CARRIED or worse or lossy or self._delayed():
            self._probe = None
            self._proven_bps = max(self._proven_bps, probe.base_bps)
            self.estimate_bps = max(self.estimate_bps, probe.base_bps)
            self._held_until_s = now + PROBE_DRAIN_S
            self._back_off(now, failed=True)
        elif probe.held_s is not None and now >= probe.held_s + PROBE_HOLD_S:
            if self._reported_s > probe.held_s + PROBE_HOLD_S / 2:
                self._probe = None
                self._raise(probe.target_bps, now)
            elif now >= probe.held_s + PROBE_MAX_S:
                self._probe = None
                self._next_probe_s = now + self._backoff_s

    @property
    def deadline_s(self) -> float | None:
        """When `padding` may be due; None while nothing is probed."""
        return None if self._probe is None else self._ticked_s + PROBE_TICK_S

    def padding(self, now: float) -> int:
        """Bytes to send now beside the media; tell `padded` what was sent."""
        probe = self._probe
        if probe is None or now < self._ticked_s + PROBE_TICK_S:
            return 0
        probe.step(now)
        elapsed = min(now - self._ticked_s, 5 * PROBE_TICK_S)  # a late timer is not made up for
        self._ticked_s = now
        self._owed += max(0.0, probe.level_bps - self._media_bps) * elapsed / 8
        return int(self._owed)

    def padded(self, size: int) -> None:
        """So many bytes of padding went out."""
        self._padded += size
        self._owed -= size
