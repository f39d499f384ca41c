"""Warnings of a plan read from its raw JSON, minute by minute, slowly and plainly.

It reads the design and nothing of ours but the calendar's answer, which has tests of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
Warned = tuple[str, str, str | None]

RULES = (
    "not_teaching",
    "local_break",
    "not_commissioned",
    "capacity",
    "unmapped_day",
    "no_assistant",
)


def naive_warnings(
    plan: Json, day: Callable[[str, str], tuple[bool, bool, list[tuple[str, str]]]]
) -> list[Warned]:
    """(rule, occurrence, seat) in order.

    `day(school, date)` says whether it teaches, whether it is unmapped, and the clock times of its
    periods.
    """
    zone = ZoneInfo(plan["timezone"])
    rooms = {r["id"]: r for r in plan["classrooms"]}
    named = any(q.get("assistant") for o in plan["occurrences"] for q in o["seats"])
    found: list[Warned] = []

    def minutes(o: Json) -> list[datetime]:
        at = datetime.fromisoformat(o["starts_at"])
        listed = []
        while at < datetime.fromisoformat(o["ends_at"]):
            listed.append(at.astimezone(zone))
            at += timedelta(minutes=1)
        return listed

    def in_a_break(o: Json, school: str) -> bool:
        for minute in minutes(o):
            teaching, _, periods = day(school, minute.date().isoformat())
            clock = minute.strftime("%H:%M")
            during = any(start <= clock < end for start, end in periods)
            begun = any(start <= clock for start, _ in periods)
            to_come = any(clock < start for start, _ in periods)
            if teaching and not during and begun and to_come:
                return True
        return False

    def warns(rule: str, o: Json, q: Json) -> bool:
        room = rooms[q["classroom"]]
        teaching, unmapped, _ = day(room["school"], o["date"])
        match rule:
            case "not_teaching":
                return not teaching
            case "local_break":
                return in_a_break(o, room["school"])
            case "not_commissioned":
                ended = room["retired_on"] is not None and room["retired_on"] <= o["date"]
                return o["date"] < room["commissioned_on"] or ended
            case "capacity":
                expected, capacity = q["expected"], room["capacity"]
                return None not in (expected, capacity) and expected > capacity
            case "unmapped_day":
                return unmapped
            case _:
                return named and q.get("assistant") is None

    def start(o: Json) -> tuple[datetime, str]:
        return datetime.fromisoformat(o["starts_at"]), o["id"]

    for o in sorted(plan["occurrences"], key=start):
        if any(c["kind"] in ("cancelled", "moved") for c in o["changes"]):
            continue
        gone = {c["seat"] for c in o["changes"] if c["kind"] == "seat_cancelled"}
        for rule in RULES:
            if rule == "unmapped_day" and day(o["host"]["school"], o["date"])[1]:
                found.append((rule, o["id"], None))
            found += [
                (rule, o["id"], q["id"])
                for q in o["seats"]
                if q["id"] not in gone and warns(rule, o, q)
            ]
    return found
