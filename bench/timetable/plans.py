"""Plans as large as a city's or a province's, the same ones every time.

A city is two host schools with one studio each and eight remote schools with six classrooms: 50
rooms. Each studio teaches six periods a day to 24 rooms, which is 30 lessons a week for every room.
A few rooms, head counts and bells are as wrong as real plans are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from sync_classroom.domain.bundle import PLAN_SCHEMA

Json = dict[str, Any]

ROOMS_OF_A_CITY: Final = 50
PERIODS_A_DAY: Final = 6
SUBJECTS: Final = ("英语", "科学", "美术", "音乐", "信息科技", "道德与法治")
MONDAY: Final = date(2026, 8, 31)
_CLOCKS: Final = (
    ("08:10", "08:50"),
    ("09:00", "09:40"),
    ("10:00", "10:40"),
    ("10:50", "11:30"),
    ("13:30", "14:10"),
    ("14:20", "15:00"),
)
# Ten minutes later: every lesson then lies across a break.
_LATE_CLOCKS: Final = (
    ("08:20", "09:00"),
    ("09:10", "09:50"),
    ("10:10", "10:50"),
    ("11:00", "11:40"),
    ("13:40", "14:20"),
    ("14:30", "15:10"),
)
# One city in so many has a school with late bells, one lesson in so many a room that is taken.
_LATE_EVERY: Final = 10
_TAKEN_EVERY: Final = 997


def roster(cities: int, weeks: int) -> Json:
    """The plan's tables without occurrences."""
    made: Json = {
        "schema": PLAN_SCHEMA,
        "timezone": "Asia/Shanghai",
        "target_classrooms": 48 * cities,
        "schools": [],
        "classrooms": [],
        "classes": [],
        "teachers": [],
        "terms": [
            {
                "id": "2026-autumn",
                "name": "第一学期",
                "week1_monday": MONDAY.isoformat(),
                "first_day": MONDAY.isoformat(),
                "last_day": (MONDAY + timedelta(weeks=weeks, days=-1)).isoformat(),
            }
        ],
        "days": [],
        "bell_sets": [],
    }
    for city in range(cities):
        for host in range(2):
            _add_school(made, f"c{city:03}-h{host}", "host", 1, _CLOCKS)
        for remote in range(8):
            late = city % _LATE_EVERY == 0 and remote == 0
            clocks = _LATE_CLOCKS if late else _CLOCKS
            _add_school(made, f"c{city:03}-r{remote}", "remote", 6, clocks)
    return made


def _add_school(
    made: Json, school: str, role: str, rooms: int, clocks: tuple[tuple[str, str], ...]
) -> None:
    of_school = {"school": school}
    made["schools"].append(
        {"id": school, "name": f"学校 {school}", "role": role, "joined_on": "2020-09-01",
         "left_on": None}
    )  # fmt: skip
    for n in range(rooms):
        made["classrooms"].append(
            {"id": f"{school}-r{n}", **of_school, "name": f"{n + 1}号直播教室",
             "commissioned_on": "2020-12-31", "retired_on": None, "capacity": 45}
        )  # fmt: skip
        made["classes"].append(
            {"id": f"{school}-c{n}", **of_school, "grade": n + 1, "name": f"{n + 1}(1)班",
             "enrolment": 42}
        )  # fmt: skip
        made["teachers"].append({"id": f"{school}-t{n}", **of_school, "name": f"老师 {n}"})
    periods = [{"no": n, "start": a, "end": b} for n, (a, b) in enumerate(clocks, 1)]
    made["bell_sets"].append({"id": f"{school}-bells", **of_school, "periods": periods})


def lessons(cities: int, weeks: int) -> Iterator[Json]:
    """The occurrences of the term, day by day."""
    count = 0
    for day in range(7 * weeks):
        on = MONDAY + timedelta(days=day)
        if on.isoweekday() > 5:
            continue
        for period in range(PERIODS_A_DAY):
            for city in range(cities):
                for host in range(2):
                    count += 1
                    yield _lesson(city, host, on, period, count)


def _lesson(city: int, host: int, on: date, period: int, count: int) -> Json:
    school = f"c{city:03}-h{host}"
    ident = f"{school}-{on:%Y%m%d}-{period}"
    start, end = _CLOCKS[period]
    subject = SUBJECTS[(on.toordinal() + period) % len(SUBJECTS)]
    seats = []
    for n in range(24):
        # The one host has the first three rooms of each remote school, the other one the rest.
        remote, room = divmod(n, 3)
        room += 3 * host
        if n == 0 and count % _TAKEN_EVERY == 0:
            room = (room + 3) % 6
        where = f"c{city:03}-r{remote}"
        seats.append(
            {"id": f"{ident}-s{n:02}", "classroom": f"{where}-r{room}",
             "class": f"{where}-c{room}", "expected": 46 if count % 4999 == n else 42}
        )  # fmt: skip
    return {
        "id": ident,
        "mode": "live",
        "title": f"{subject} 第{on.isocalendar().week}周",
        "subject": subject,
        "grade": 3,
        "term": "2026-autumn",
        "date": on.isoformat(),
        "starts_at": f"{on}T{start}:00+08:00",
        "ends_at": f"{on}T{end}:00+08:00",
        "periods": 1,
        "host": {"school": school, "classroom": f"{school}-r0", "teacher": f"{school}-t0",
                 "class": None},
        "seats": seats,
        "participants": [],
        "changes": [],
    }  # fmt: skip


def write_plan(path: Path, cities: int, weeks: int) -> int:
    """Write `plan.json`; the number of its occurrences."""
    head = json.dumps({**roster(cities, weeks), "pushes": []}, ensure_ascii=False)
    count = 0
    with path.open("w", encoding="utf-8") as out:
        out.write(head.removesuffix("}"))
        out.write(', "occurrences": [')
        for count, lesson in enumerate(lessons(cities, weeks), 1):
            out.write(",\n" if count > 1 else "\n")
            out.write(json.dumps(lesson, ensure_ascii=False))
        out.write("\n]}\n")
    return count
