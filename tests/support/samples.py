"""Samples as the packet plane hands them over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync_classroom.relay.session import Direction, Sample

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def sample(
    number: int,
    *,
    direction: Direction = Direction.SUBSCRIBE,
    after: timedelta = timedelta(0),
    jitter_ms: float | None = 2.25,
) -> Sample:
    """Sample `number`: ten seconds long, ten seconds after its predecessor."""
    from_at = START + timedelta(seconds=10 * number) + after
    return Sample(
        room="lesson-1",
        peer=f"seat-{number}",
        direction=direction,
        source="camera" if direction is Direction.PUBLISH else None,
        from_at=from_at,
        to_at=from_at + timedelta(seconds=10),
        packets=3400,
        acked=3390,
        bytes=3_000_000,
        lost=10,
        rtt_ms=12.5,
        jitter_ms=jitter_ms,
        nacks=4,
        plis=1,
        dropped=3,
        path="udp",
    )
