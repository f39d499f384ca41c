"""Small random bundles, in raw JSON, made to hit every rule of coverage with few seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

_SHANGHAI = timezone(timedelta(hours=8))
_DAYS = ("2026-09-04", "2026-09-07", "2026-09-11", "2026-09-12")
_PLACES = ("host-1", "remote-1", "remote-2", "remote-3")
_ROOMS = ("host-1-r1", "remote-1-r1", "remote-1-r2", "remote-2-r1", "remote-3-r1")
_TEACHERS = tuple(f"{school}-t" for school in _PLACES)
_MAYBE_DAY = st.sampled_from([None, "2026-09-07", "2026-09-12", "2027-01-01"])

RULES: Json = {
    "name": "test",
    "version": "7",
    "delivered_ratio": 0.8,
    "held": 0.8,
    "partial": 0.1,
    "host_absent": 0.1,
    "weekly_norm": 2,
    "research_min_s": 12,
    "research_min_schools": 2,
}


def _at(day: str, second: float, *, utc: bool = False) -> str:
    instant = datetime.fromisoformat(f"{day}T09:00:00+08:00") + timedelta(seconds=second)
    return instant.astimezone(UTC if utc else _SHANGHAI).isoformat()


@st.composite
def _roster(draw: st.DrawFn) -> Json:
    schools = [
        {
            "id": name,
            "name": name,
            "role": "host" if name.startswith("host") else "remote",
            "joined_on": draw(st.sampled_from(["2020-09-01", "2026-09-08", "2026-09-13"])),
            "left_on": None,
        }
        for name in _PLACES
    ]
    rooms = [
        {
            "id": name,
            "school": name[:-3],
            "name": name,
            "commissioned_on": draw(st.sampled_from(["2020-12-31", "2026-09-05"])),
            "retired_on": draw(_MAYBE_DAY),
            "capacity": None,
        }
        for name in _ROOMS
    ]
    days = [
        {
            "school": school,
            "date": day,
            "teaching": draw(st.booleans()),
            "follows_weekday": None,
            "follows_week": None,
            "bell_set": None,
        }
        for school in (None, "remote-1")
        for day in draw(st.sets(st.sampled_from([*_DAYS, "2026-09-13"]), max_size=2))
    ]
    first_day, last_day = draw(
        st.sampled_from(
            [
                ("2026-09-01", "2026-09-07"),
                ("2026-09-01", "2027-01-22"),
                ("2026-09-10", "2026-09-11"),
                ("2026-09-10", "2027-01-22"),
            ]
        )
    )
    term = {
        "id": "t",
        "name": "t",
        "week1_monday": "2026-08-31",
        "first_day": first_day,
        "last_day": last_day,
    }
    return {
        "schema": "sync-classroom/plan/1",
        "timezone": "Asia/Shanghai",
        "target_classrooms": 4,
        "schools": schools,
        "classrooms": rooms,
        "classes": [
            {"id": f"{r}-c", "school": r[:-3], "grade": 3, "name": r, "enrolment": 30 + n}
            for n, r in enumerate(_ROOMS)
        ],
        "teachers": [{"id": t, "school": t[:-2], "name": t} for t in _TEACHERS],
        "terms": [term] if draw(st.booleans()) else [],
        "days": days,
        "bell_sets": [],
    }


@st.composite
def _occurrence(draw: st.DrawFn, ident: str) -> Json:
    day = draw(st.sampled_from([*_DAYS, *[_DAYS[1]] * 5]))
    start = draw(st.integers(0, 30))
    length = draw(st.sampled_from([10, 20, 25, 40]))
    seats = [
        {
            "id": f"{ident}-s{n}",
            "classroom": room,
            "class": draw(st.sampled_from([None, f"{room}-c"])),
            "expected": draw(st.sampled_from([None, 33])),
        }
        for n, room in enumerate(
            draw(st.lists(st.sampled_from([*_ROOMS, *_ROOMS[1:3]]), max_size=4))
        )
    ]
    kinds = ["cancelled", "moved", *(["seat_cancelled"] if seats else [])]
    changes = [
        {
            "kind": kind,
            "seat": seats[0]["id"] if kind == "seat_cancelled" else None,
            "to": None,
            "excused": draw(st.booleans()),
            "at": _at(day, start + draw(st.sampled_from([-3600, -0.5, 0, 5]))),
            "by": "admin",
            "reason": "",
        }
        for kind in draw(st.one_of(st.just([]), st.lists(st.sampled_from(kinds), max_size=2)))
    ]
    return {
        "id": ident,
        "mode": draw(st.sampled_from(["live", "live", "live", "research"])),
        "title": "课",
        "subject": draw(st.sampled_from(["英语", "科学"])),
        "grade": None,
        "term": None,
        "date": day,
        "starts_at": _at(day, start),
        "ends_at": _at(day, start + length),
        "periods": draw(st.integers(1, 2)),
        "host": {
            "school": "host-1",
            "classroom": "host-1-r1",
            "teacher": "host-1-t",
            "class": None,
        },
        "seats": seats,
        "participants": ["remote-1-t"],
        "changes": changes,
    }


@st.composite
def _span(draw: st.DrawFn, day: str, first: str = "from", last: str = "to") -> Json:
    begin = draw(st.integers(-20, 700)) / 10
    end = begin + draw(st.sampled_from([0, 0.4, 3, 9.7, 10, 30, 60]))
    return {
        first: _at(day, begin, utc=draw(st.booleans())),
        last: _at(day, end, utc=draw(st.booleans())),
    }


@st.composite
def _fact(draw: st.DrawFn, ident: str, occurrences: list[Json]) -> Json:
    occurrence = draw(st.sampled_from(occurrences))
    day = occurrence["date"]
    about: Json = {"id": ident, "occurrence": occurrence["id"]}
    seats = occurrence["seats"] or [{"id": "nobody"}]
    seat = {"seat": draw(st.sampled_from(seats))["id"]}
    moment = _at(day, draw(st.integers(0, 70)))
    kind = draw(
        st.sampled_from(
            [
                *["host_media"] * 4,
                *["seat_media"] * 6,
                "participant_media",
                "participant_media",
                "headcount",
                "interaction",
                "journal_gap",
                "adjustment",
                "push",
            ]
        )
    )
    if kind == "host_media":
        packets = draw(st.sampled_from([900, 900, 900, 0]))
        return {**about, "kind": kind, **draw(_span(day)), "packets": packets, "bytes": 1}
    if kind == "seat_media":
        sent, acked = draw(
            st.sampled_from([(100, 100), (100, 80), (995, 796), (100, 79), (5, 4), (0, 0)])
        )
        sample = {"sent": sent, "acked": acked, "bytes": 1}
        return {**about, "kind": kind, **seat, **draw(_span(day)), **sample}
    if kind == "participant_media":
        teacher = draw(st.sampled_from([*_TEACHERS, "stranger"]))
        packets = {"packets": draw(st.sampled_from([9, 9, 0])), "bytes": 1}
        return {**about, "kind": kind, "teacher": teacher, **draw(_span(day)), **packets}
    if kind == "headcount":
        present = draw(st.integers(0, 50))
        return {**about, "kind": kind, **seat, "at": moment, "present": present, "by": "x"}
    if kind == "interaction":
        what = draw(st.sampled_from(["hand_raised", "called_on", "answered", "message"]))
        return {**about, "kind": kind, **seat, "at": moment, "what": what}
    if kind == "journal_gap":
        return {"id": ident, "kind": kind, "relay": "r", **draw(_span(day))}
    if kind == "adjustment":
        vouched = draw(_span(day, "credit_from", "credit_to"))
        who = {"at": moment, "by": "x", "reason": "y"}
        return {**about, "kind": kind, **seat, **vouched, **who}
    return {
        "id": ident,
        "kind": draw(st.sampled_from(["push_delivered", "push_opened", "push_completed"])),
        "push": "p0",
        "target": draw(st.sampled_from(["p0-t0", "p0-t1", "p0-t9"])),
        "at": moment,
    }


def _whole(occurrence: Json) -> Json:
    """A host that sent all the time: without one, hardly any seat is ever credited."""
    return {
        "id": f"h:{occurrence['id']}",
        "kind": "host_media",
        "occurrence": occurrence["id"],
        "from": occurrence["starts_at"],
        "to": occurrence["ends_at"],
        "packets": 9,
        "bytes": 9,
    }


@st.composite
def bundles(draw: st.DrawFn) -> tuple[Json, list[Json]]:
    """A plan and its facts; some fact ids are numbered, some are not."""
    plan = draw(_roster())
    count = draw(st.integers(1, 5))
    occurrences = [draw(_occurrence(f"o{n}")) for n in range(count)]
    plan["occurrences"] = occurrences
    plan["pushes"] = [
        {
            "id": "p0",
            "resource": "rec",
            "subject": "英语",
            "grade": None,
            "reason": "未听满",
            "ordered_at": _at(draw(st.sampled_from(_DAYS)), draw(st.sampled_from([0, 60_000]))),
            "targets": [
                {
                    "id": f"p0-t{n}",
                    "school": f"remote-{n + 1}",
                    "classroom": None,
                    "class": None,
                    "teacher": None,
                    **({"withdrawn_at": _at(_DAYS[-1], 60_000)} if draw(st.booleans()) else {}),
                }
                for n in range(2)
            ],
        }
    ][: draw(st.integers(0, 1))]
    size = draw(st.integers(0, 30))
    names = [f"relay:b1:{n}" if n % 3 else f"c{n}" for n in range(size)]
    whole = [_whole(o) for o in occurrences if draw(st.booleans())]
    return plan, [*whole, *(draw(_fact(name, occurrences)) for name in names)]
