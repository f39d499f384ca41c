from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.facts import (
    Adjustment,
    Fact,
    Headcount,
    HostMedia,
    Interaction,
    InteractionKind,
    JournalGap,
    ParticipantMedia,
    PushProgress,
    PushStep,
    SeatMedia,
    TerminalJournal,
    fact_to_dict,
    parse_fact,
)
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import (
    FactId,
    OccurrenceId,
    PushId,
    SeatId,
    TargetId,
    TeacherId,
)
from tests.support.plans import at

F, O, S = FactId("relay-1:b1:7"), OccurrenceId("o1"), SeatId("o1-s0")  # noqa: E741
A, B = at("09:00:00"), at("09:00:09.500")
TEN, NINE = "2026-11-23T09:00:00+08:00", "2026-11-23T09:00:09.500000+08:00"

WRITTEN: list[tuple[Fact, dict[str, object]]] = [
    (
        HostMedia(F, O, A, B, 900, 100_000),
        {
            "kind": "host_media",
            "occurrence": "o1",
            "from": TEN,
            "to": NINE,
            "packets": 900,
            "bytes": 100_000,
        },
    ),
    (
        SeatMedia(F, O, S, A, B, 900, 901, 100_000),
        {
            "kind": "seat_media",
            "occurrence": "o1",
            "seat": "o1-s0",
            "from": TEN,
            "to": NINE,
            "sent": 900,
            "acked": 901,
            "bytes": 100_000,
        },
    ),
    (
        ParticipantMedia(F, O, TeacherId("t"), A, A, 0, 0),
        {
            "kind": "participant_media",
            "occurrence": "o1",
            "teacher": "t",
            "from": TEN,
            "to": TEN,
            "packets": 0,
            "bytes": 0,
        },
    ),
    (
        Headcount(F, O, S, A, 41, "remote-1-r1"),
        {
            "kind": "headcount",
            "occurrence": "o1",
            "seat": "o1-s0",
            "at": TEN,
            "present": 41,
            "by": "remote-1-r1",
        },
    ),
    (
        Interaction(F, O, S, A, InteractionKind.CALLED_ON),
        {
            "kind": "interaction",
            "occurrence": "o1",
            "seat": "o1-s0",
            "at": TEN,
            "what": "called_on",
        },
    ),
    (
        JournalGap(F, "relay-1", A, B),
        {"kind": "journal_gap", "relay": "relay-1", "from": TEN, "to": NINE},
    ),
    (
        PushProgress(F, PushStep.OPENED, PushId("p"), TargetId("p-t1"), A),
        {"kind": "push_opened", "push": "p", "target": "p-t1", "at": TEN},
    ),
    (
        Adjustment(F, O, S, A, B, B, "李主任", "录像为证"),
        {
            "kind": "adjustment",
            "occurrence": "o1",
            "seat": "o1-s0",
            "credit_from": TEN,
            "credit_to": NINE,
            "at": NINE,
            "by": "李主任",
            "reason": "录像为证",
        },
    ),
    (
        TerminalJournal(F, O, S, A, B, 7, "0f" * 32),
        {
            "kind": "terminal_journal",
            "occurrence": "o1",
            "seat": "o1-s0",
            "from": TEN,
            "to": NINE,
            "samples": 7,
            "sha256": "0f" * 32,
        },
    ),
]


@pytest.mark.parametrize(("fact", "written"), WRITTEN)
def test_a_fact_is_written_and_read_as_the_design_says(
    fact: Fact, written: dict[str, object]
) -> None:
    assert fact_to_dict(fact) == {"id": "relay-1:b1:7", **written}
    assert parse_fact(json.loads(json.dumps(fact_to_dict(fact)))) == fact


@pytest.mark.parametrize(("fact", "written"), WRITTEN)
def test_every_field_is_needed_and_named_when_it_is_missing(
    fact: Fact, written: dict[str, object]
) -> None:
    whole = {"id": "f", **written}
    for field in whole:
        rest = {k: v for k, v in whole.items() if k != field}
        with pytest.raises(MalformedError) as caught:
            parse_fact(rest)
        assert caught.value.field == field
        assert f"field {field!r} is missing; it must be" in str(caught.value)
        assert f"字段 {field} 缺少" in caught.value.zh


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("from", "2026-11-23T09:00:00", "must be an instant with offset"),
        ("from", "yesterday", "must be an instant with offset"),
        ("from", 1_700_000_000, "must be an instant with offset"),
        ("to", "2026-11-23T08:59:59+08:00", "must be not before 'from'"),
        ("sent", -1, "must be a whole number, 0 or more, not -1"),
        ("acked", 1.0, "must be a whole number"),
        ("bytes", True, "must be a whole number"),
        ("bytes", None, "must be a whole number"),
        ("seat", "", "must be an identifier"),
        ("occurrence", "a b", "must be an identifier"),
        ("id", 7, "must be an identifier"),
        ("kind", "seat_medium", "must be one of host_media, seat_media"),
        ("kind", ["seat_media"], "must be one of"),
    ],
)
def test_a_bad_value_is_refused_by_name(field: str, value: object, says: str) -> None:
    good = {"id": "f", **WRITTEN[1][1]}
    with pytest.raises(ValueError, match=r"^fact .*field") as caught:
        parse_fact({**good, field: value})
    assert isinstance(caught.value, MalformedError)
    assert caught.value.field == field
    assert caught.value.value == value
    assert says in str(caught.value)


def test_a_bad_value_is_quoted_shortly() -> None:
    with pytest.raises(MalformedError) as caught:
        parse_fact({"id": "f", "kind": "x" * 10_000})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("what", ["clapped", None, 3])
def test_an_unknown_interaction_is_refused(what: object) -> None:
    with pytest.raises(MalformedError, match="hand_raised, called_on, answered, message"):
        parse_fact({"id": "f", **WRITTEN[4][1], "what": what})


@pytest.mark.parametrize("junk", [None, [], "x", 3])
def test_what_is_no_object_is_refused(junk: object) -> None:
    with pytest.raises(MalformedError, match="must be an object with fields"):
        parse_fact(junk)  # type: ignore[arg-type]


def test_fields_nobody_knows_are_passed_over() -> None:
    assert parse_fact({"id": F, **WRITTEN[0][1], "rtt_ms": 18}) == WRITTEN[0][0]


def test_offsets_and_z_are_the_same_instant() -> None:
    written = {**WRITTEN[5][1], "from": "2026-11-23T01:00:00Z"}
    fact = parse_fact({"id": "f", **written})
    assert isinstance(fact, JournalGap)
    assert fact.from_at == A == datetime(2026, 11, 23, 1, tzinfo=UTC)


@given(
    st.dictionaries(
        st.sampled_from([*WRITTEN[1][1], *WRITTEN[7][1], "id", "what", "teacher"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-3, 3),
            st.floats(),
            st.text("a:/é ", max_size=30),
            st.sampled_from([TEN, NINE, *[w["kind"] for _, w in WRITTEN]]),
            st.lists(st.integers(), max_size=2),
        ),
    )
)
def test_rubbish_is_refused_and_never_breaks_anything(values: dict[str, object]) -> None:
    try:
        fact = parse_fact(values)
    except MalformedError:
        return
    assert parse_fact(fact_to_dict(fact)) == fact
