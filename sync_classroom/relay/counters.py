"""Plain counters and distributions of the packet plane, for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

JOIN_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
"""From an offer to media flowing: 1 s is the aim, 15 s what a handshake takes with losses."""
LAG_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
"""Lateness of the loop: 5 ms is the aim for added latency, 50 ms is heard."""


@dataclass(slots=True)
class Counters:
    """Totals since start. Packets are RTP packets and bytes theirs, without SRTP's trailer."""

    packets_in: int = 0
    bytes_in: int = 0
    forwarded: int = 0
    retransmitted: int = 0
    bytes_out: int = 0
    datagrams_in: int = 0
    datagrams_out: int = 0
    sendmmsg_calls: int = 0
    would_block: int = 0
    send_errors: int = 0
    truncated: int = 0
    kept_lost: int = 0
    """Audio and control datagrams given up because the socket stayed blocked."""
    stun_ok: int = 0
    stun_bad: int = 0
    unknown_senders: int = 0
    """RTP, RTCP or DTLS from an address no peer has proved to be its own."""
    junk: int = 0
    """Datagrams of no protocol that belongs on this port (RFC 7983)."""
    srtp_rejected: int = 0
    """SRTP or SRTCP that failed its check: forged, replayed or damaged."""
    srtp_failed: int = 0
    """Packets of ours that could not be protected."""
    rtp_malformed: int = 0
    rtp_unmapped: int = 0
    """Authenticated RTP of no negotiated m-line or payload type."""
    rtp_duplicate: int = 0
    """Packets that were here before; senders also fill up with old ones to probe for bandwidth."""
    rtp_probes: int = 0
    """Retransmissions without content, sent to probe for bandwidth."""
    rtcp_malformed: int = 0
    dropped_policy: int = 0
    """Packets withheld from a subscriber that could not keep up; see `forwarding.py`."""
    dropped_blocked: int = 0
    idle_codec: int = 0
    """Routes left idle because the subscriber did not negotiate the source's codec."""
    layer_switches: int = 0
    """Slots that went over to another simulcast layer of what they showed."""
    pictures_stopped: int = 0
    """Pictures withheld because not even their lowest layer fitted the subscriber's line."""
    probes_out: int = 0
    """Retransmissions nobody asked for, sent to find out what a line carries."""
    nacks_in: int = 0
    nacks_out: int = 0
    plis_in: int = 0
    plis_out: int = 0
    sessions_opened: int = 0
    sessions_closed: int = 0
    dtls_failed: int = 0

    def as_dict(self) -> dict[str, int]:
        """Every counter by name."""
        return asdict(self)


class Distribution:
    """How often a figure was how large: counts per bucket, their number and sum."""

    __slots__ = ("_counts", "bounds", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        """Upper bounds, ascending; a last bucket takes what is larger."""
        self._counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one figure; one that equals a bound is within it."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def cumulative(self) -> list[int]:
        """How many were at most each bound, and last how many there were."""
        found, so_far = [], 0
        for count in self._counts:
            so_far += count
            found.append(so_far)
        return found
