"""Plain counters of the packet plane, for `/metrics`."""

from __future__ import annotations

from dataclasses import asdict, dataclass


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
    tcp_accepted: int = 0
    tcp_refused: int = 0
    """Connections turned away because too many had not proved whose they are; see `tcp.py`."""
    tcp_expired: int = 0
    """Connections closed because no right check came (again), or because nothing moved."""
    tcp_malformed: int = 0
    """Connections closed because what came over them was not STUN in RFC 4571 frames."""
    tcp_blocked: int = 0
    """Video datagrams given up because their connection was too slow."""
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
    nacks_in: int = 0
    nacks_out: int = 0
    plis_in: int = 0
    plis_out: int = 0
    sessions_opened: int = 0
    sessions_closed: int = 0
    sessions_refused: int = 0
    dtls_failed: int = 0

    def as_dict(self) -> dict[str, int]:
        """Every counter by name."""
        return asdict(self)
