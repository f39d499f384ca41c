from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC

from sync_classroom.domain.chain import FIRST_HEAD, canonical, chained
from sync_classroom.domain.facts import Adjustment, SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from tests.support.plans import at

ONE = SeatMedia(
    FactId("f-1"), OccurrenceId("o"), SeatId("s"), at("09:00"), at("09:00:10"), 10, 9, 5
)
TWO = Adjustment(
    FactId("f-2"),
    OccurrenceId("o"),
    SeatId("s"),
    at("09:00"),
    at("09:10"),
    at("12:00"),
    "王",
    "录像",
)


def test_the_canonical_text_is_written_down_once_and_for_all() -> None:
    """An auditor who computes the chain in another language needs every letter of it."""
    assert canonical(ONE) == (
        b'{"acked":9,"bytes":5,"from":"2026-11-23T01:00:00+00:00","id":"f-1",'
        b'"kind":"seat_media","occurrence":"o","seat":"s","sent":10,'
        b'"to":"2026-11-23T01:00:10+00:00"}'
    )
    assert "王".encode() in canonical(TWO)


def test_a_head_seals_the_head_before_it_and_the_fact() -> None:
    first = hashlib.sha256(bytes.fromhex(FIRST_HEAD) + canonical(ONE)).hexdigest()
    assert chained(FIRST_HEAD, [ONE]) == first
    both = hashlib.sha256(bytes.fromhex(first) + canonical(TWO)).hexdigest()
    assert chained(FIRST_HEAD, [ONE, TWO]) == chained(first, [TWO]) == both
    assert chained(FIRST_HEAD, [TWO, ONE]) != both
    assert chained(FIRST_HEAD, [replace(ONE, acked=10), TWO]) != both


def test_the_zone_of_an_instant_does_not_matter() -> None:
    moved = replace(ONE, from_at=ONE.from_at.astimezone(UTC), to_at=ONE.to_at.astimezone(UTC))
    assert chained(FIRST_HEAD, [moved]) == chained(FIRST_HEAD, [ONE])
