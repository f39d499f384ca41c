"""Coverage counted second by second from the raw files, slowly and plainly.

It reads the design and nothing of ours: every interval is a Python set of seconds, every rule is a
line. What `domain.coverage` computes must equal it, figure by figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]


def _second(text: str) -> int:
    return floor(datetime.fromisoformat(text).timestamp())


def _between(first: str, last: str) -> set[int]:
    return set(range(_second(first), _second(last)))


def _rate(numerator: int, denominator: int) -> Json:
    return {"numerator": numerator, "denominator": denominator}


def _week(text: str) -> str:
    year, week, _ = date.fromisoformat(text).isocalendar()
    return f"{year}-W{week:02}"


class Naive:
    """One count. `result()` has the layout of the audit's output."""

    def __init__(self, plan: Json, facts: Iterable[Json], rules: Json, first: str, last: str):
        self.plan, self.rules, self.first, self.last = plan, rules, first, last
        self.held_at = Fraction(str(rules["held"]))
        self.partial_at = Fraction(str(rules["partial"]))
        self.facts: list[Json] = []
        seen = set()
        for fact in facts:
            if fact["id"] not in seen:
                seen.add(fact["id"])
                self.facts.append(fact)
        self.rooms = {c["id"]: c for c in plan["classrooms"]}
        self.schools = {s["id"]: s for s in plan["schools"]}
        self.lessons = [o for o in plan["occurrences"] if o["mode"] == "live"]
        self.host = {o["id"]: self._host(o) for o in plan["occurrences"]}
        self.credit = self._credit()
        self.gaps: set[int] = set()
        for f in self._kind("journal_gap"):
            self.gaps |= _between(f["from"], f["to"])
        self.seats = [
            self._seat(o, q) for o in self.lessons for q in o["seats"] if first <= o["date"] <= last
        ]

    def _kind(self, *kinds: str, **same: str) -> list[Json]:
        return [
            f
            for f in self.facts
            if f["kind"] in kinds and all(f.get(k) == v for k, v in same.items())
        ]

    def _window(self, o: Json) -> set[int]:
        return _between(o["starts_at"], o["ends_at"])

    def _host(self, o: Json) -> set[int]:
        seconds: set[int] = set()
        for f in self._kind("host_media", occurrence=o["id"]):
            if f["packets"] > 0:
                seconds |= _between(f["from"], f["to"])
        return seconds & self._window(o)

    def _delivered(self, o: Json, q: Json) -> set[int]:
        seconds: set[int] = set()
        enough = Fraction(str(self.rules["delivered_ratio"]))
        for f in self._kind("seat_media", occurrence=o["id"], seat=q["id"]):
            if f["sent"] > 0 and f["acked"] >= enough * f["sent"]:
                seconds |= _between(f["from"], f["to"])
        return seconds

    def _vouched(self, o: Json, q: Json) -> set[int]:
        seconds: set[int] = set()
        for f in self._kind("adjustment", occurrence=o["id"], seat=q["id"]):
            seconds |= _between(f["credit_from"], f["credit_to"])
        return seconds

    def _credit(self) -> dict[tuple[str, str], set[int]]:
        credit = {}
        taken: dict[str, set[int]] = {room: set() for room in self.rooms}
        for o in sorted(self.lessons, key=lambda o: (_second(o["starts_at"]), o["id"])):
            for q in o["seats"]:
                mine = (self._delivered(o, q) | self._vouched(o, q)) & self.host[o["id"]]
                mine -= taken[q["classroom"]]
                taken[q["classroom"]] |= mine
                credit[o["id"], q["id"]] = mine
        return credit

    def _state(self, o: Json, q: Json) -> str:
        window, credit = self._window(o), self.credit[o["id"], q["id"]]
        start = _second(o["starts_at"])
        mine = [c for c in o["changes"] if c["kind"] != "seat_cancelled" or c["seat"] == q["id"]]
        stops = [c for c in mine if c["kind"] != "moved"]
        if any(c["excused"] and _second(c["at"]) < start for c in stops):
            return "cancelled_excused"
        if any(c["kind"] == "moved" and _second(c["at"]) < start for c in mine):
            return "moved"
        if mine:
            return "cancelled_unexcused"
        if len(credit) >= self.held_at * len(window):
            return "held"
        lost = self.gaps & window
        if lost and len(credit | lost) >= self.held_at * len(window):
            return "unknown"
        return "partial" if len(credit) >= self.partial_at * len(window) else "missed"

    def _cause(self, o: Json, q: Json, state: str) -> str | None:
        if state == "cancelled_unexcused":
            return "cancelled"
        if state not in ("partial", "missed"):
            return None
        host = self.host[o["id"]]
        if len(host) < Fraction(str(self.rules["host_absent"])) * len(self._window(o)):
            return "host_absent"
        online, sent = set[int](), set[int]()
        for f in self._kind("seat_media", occurrence=o["id"], seat=q["id"]):
            online |= _between(f["from"], f["to"])
            if f["sent"] > 0:
                sent |= _between(f["from"], f["to"])
        lost = host - self.credit[o["id"], q["id"]]
        offline, unheard = len(lost - online), len(lost & (sent - self._delivered(o, q)))
        if offline == unheard == 0:
            return "unexplained"
        return "terminal_offline" if offline >= unheard else "network"

    def _seat(self, o: Json, q: Json) -> Json:
        state = self._state(o, q)
        counts = self._kind("headcount", occurrence=o["id"], seat=q["id"])
        latest = max(counts, key=lambda f: (datetime.fromisoformat(f["at"]), f["id"]), default=None)
        acts = self._kind("interaction", occurrence=o["id"], seat=q["id"])
        return {
            "o": o,
            "q": q,
            "state": state,
            "cause": self._cause(o, q, state),
            "school": self.rooms[q["classroom"]]["school"],
            "window": len(self._window(o)),
            "host": len(self.host[o["id"]]),
            "credit": len(self.credit[o["id"], q["id"]]),
            "adjusted": len(self.credit[o["id"], q["id"]] - self._delivered(o, q)),
            "present": None if latest is None else latest["present"],
            "interacted": any(f["what"] in ("called_on", "answered") for f in acts),
        }

    # ------------------------------------------------------------ measures

    def _figures(self, seats: list[Json]) -> Json:
        due = [s for s in seats if s["state"] not in ("cancelled_excused", "moved")]
        held = [s for s in seats if s["state"] == "held"]
        lessons = {s["o"]["id"]: s for s in due}.values()
        attendances = 0
        for s in held:
            if s["present"] is not None:
                attendances += s["present"]
            elif s["q"]["expected"] is not None:
                attendances += s["q"]["expected"]
        counted: dict[str, list[int]] = {}
        for s in held:
            if s["q"]["class"] is not None:
                seen = counted.setdefault(s["q"]["class"], [])
                if s["present"] is not None:
                    seen.append(s["present"])
        size = {c["id"]: c["enrolment"] for c in self.plan["classes"]}
        states = [s["state"] for s in seats]
        due_periods = sum(s["o"]["periods"] for s in due)
        held_periods = sum(s["o"]["periods"] for s in held)
        credited = sum(s["credit"] for s in seats)
        return {
            "due_periods": due_periods,
            "held_periods": held_periods,
            "held_rate": _rate(held_periods, due_periods),
            "credited_s": credited,
            "fidelity": _rate(sum(s["credit"] for s in due), sum(s["host"] for s in due)),
            "host_s": sum(s["host"] for s in lessons),
            "host_rate": _rate(sum(s["host"] for s in lessons), sum(s["window"] for s in lessons)),
            "host_periods": sum(
                s["o"]["periods"] for s in {s["o"]["id"]: s for s in held}.values()
            ),
            "pupils_reached": sum(max(n) if n else size[c] for c, n in counted.items()),
            "pupil_attendances": attendances,
            "interaction_rate": _rate(sum(s["interacted"] for s in held), len(held)),
            "evidence_complete": _rate(len(due) - states.count("unknown"), len(due)),
            "adjusted_share": _rate(sum(s["adjusted"] for s in seats), credited),
            "due_seats": len(due),
            **{
                f"{state}_seats": states.count(state)
                for state in (
                    "held",
                    "partial",
                    "missed",
                    "unknown",
                    "cancelled_unexcused",
                    "cancelled_excused",
                    "moved",
                )
            },
        }

    def _in(self, since: str, until: str | None) -> bool:
        return since <= self.last and (until is None or until > self.first)

    def _remote(self) -> list[str]:
        return [
            s["id"]
            for s in self.plan["schools"]
            if s["role"] == "remote" and self._in(s["joined_on"], s["left_on"])
        ]

    def _open_rooms(self, school: str | None = None) -> list[str]:
        return [
            c["id"]
            for c in self.plan["classrooms"]
            if self.schools[c["school"]]["role"] == "remote"
            and self._in(c["commissioned_on"], c["retired_on"])
            and school in (None, c["school"])
        ]

    def _classes(self, school: str | None = None) -> list[str]:
        return [
            c["id"]
            for c in self.plan["classes"]
            if self.schools[c["school"]]["role"] == "remote" and school in (None, c["school"])
        ]

    def _covered(self, members: list[str], key: Callable[[Json], str | None]) -> Json:
        held = {key(s) for s in self.seats if s["state"] == "held"}
        return _rate(len([m for m in members if m in held]), len(members))

    def _teaches(self, school: str, day: date) -> bool:
        written = day.isoformat()
        for asked in (school, None):
            for d in self.plan["days"]:
                if d["school"] == asked and d["date"] == written:
                    return bool(d["teaching"])
        terms = self.plan["terms"]
        in_term = any(t["first_day"] <= written <= t["last_day"] for t in terms)
        return day.weekday() < 5 and (in_term or not terms)

    def _regular(self, school: str) -> Json:
        member = self.schools[school]
        weeks = set()
        day, end = date.fromisoformat(self.first), date.fromisoformat(self.last)
        while day <= end:
            written = day.isoformat()
            left = member["left_on"] is not None and written >= member["left_on"]
            if member["joined_on"] <= written and not left and self._teaches(school, day):
                weeks.add(_week(written))
            day += timedelta(days=1)
        good = 0
        for week in weeks:
            held = sum(
                s["o"]["periods"]
                for s in self.seats
                if s["state"] == "held" and s["school"] == school and _week(s["o"]["date"]) == week
            )
            good += held >= self.rules["weekly_norm"]
        return _rate(good, len(weeks))

    def _research(self) -> tuple[Json, dict[str, int]]:
        school_of = {t["id"]: t["school"] for t in self.plan["teachers"]}
        planned = held = 0
        attended: set[str] = set()
        present: dict[str, set[int]] = {t: set() for t in school_of}
        reached: dict[str, int] = {}
        for o in self.plan["occurrences"]:
            if o["mode"] != "research" or not self.first <= o["date"] <= self.last:
                continue
            start = _second(o["starts_at"])
            changes = [c for c in o["changes"] if c["kind"] != "seat_cancelled"]
            if any(
                (c["kind"] == "moved" or c["excused"]) and _second(c["at"]) < start for c in changes
            ):
                continue
            planned += 1
            here = set()
            for teacher in school_of:
                seconds = set[int]()
                for f in self._kind("participant_media", occurrence=o["id"], teacher=teacher):
                    if f["packets"] > 0:
                        seconds |= _between(f["from"], f["to"])
                seconds &= self._window(o)
                if teacher == o["host"]["teacher"]:
                    seconds |= self.host[o["id"]]
                present[teacher] |= seconds
                if len(seconds) >= self.rules["research_min_s"]:
                    here.add(teacher)
            attended |= here
            schools = {school_of[t] for t in here}
            if len(schools) >= self.rules["research_min_schools"]:
                held += 1
                for school in schools:
                    reached[school] = reached.get(school, 0) + 1
        remote = self._remote()
        return {
            "research_planned": planned,
            "research_held": held,
            "research_teachers": len(attended),
            "research_teacher_s": sum(len(s) for s in present.values()),
            "research_schools": _rate(len([s for s in remote if s in reached]), len(remote)),
        }, reached

    def _pushes(self) -> tuple[Json, dict[str, int]]:
        zone = ZoneInfo(self.plan["timezone"])
        count = dict.fromkeys(("addressed", "delivered", "opened", "completed"), 0)
        reached: dict[str, int] = {}
        for p in self.plan["pushes"]:
            ordered = datetime.fromisoformat(p["ordered_at"]).astimezone(zone).date().isoformat()
            if not self.first <= ordered <= self.last:
                continue
            for t in p["targets"]:
                arrived = any(
                    self._kind(f"push_{step}", push=p["id"], target=t["id"])
                    for step in ("delivered", "opened", "completed")
                )
                # Design: `addressed`; what was withdrawn before it could arrive is not owed.
                count["addressed"] += arrived or t.get("withdrawn_at") is None
                for step in ("delivered", "opened", "completed"):
                    if self._kind(f"push_{step}", push=p["id"], target=t["id"]):
                        count[step] += 1
                        if step == "opened":
                            reached[t["school"]] = reached.get(t["school"], 0) + 1
        remote = self._remote()
        return {
            **{f"push_{k}": n for k, n in count.items()},
            "push_open_rate": _rate(count["opened"], count["addressed"]),
            "push_completion_rate": _rate(count["completed"], count["addressed"]),
            "push_schools": _rate(len([s for s in remote if s in reached]), len(remote)),
        }, reached

    def _cell(self, seats: list[Json]) -> Json:
        figures = self._figures(seats)
        names = ("due_periods", "held_periods", "due_seats", "held_seats")
        return {name: figures[name] for name in names}

    def result(self) -> Json:
        """Everything, as `Coverage.to_dict()` has it."""
        remote = self._remote()
        research, met = self._research()
        pushes, pushed = self._pushes()
        matrix = {
            s: {
                "live": sum(x["state"] == "held" and x["school"] == s for x in self.seats),
                "research": met.get(s, 0),
                "push": pushed.get(s, 0),
            }
            for s in remote
        }
        cells = [n for row in matrix.values() for n in row.values()]
        regular = [self._regular(s) for s in remote]
        built = [
            c
            for c in self._open_rooms()
            if self.rooms[c]["commissioned_on"] <= self.last
            and (self.rooms[c]["retired_on"] is None or self.last < self.rooms[c]["retired_on"])
        ]

        def by(key: Callable[[Json], str], always: Iterable[str] = ()) -> dict[str, list[Json]]:
            names = {*always, *(key(s) for s in self.seats)}
            return {n: [s for s in self.seats if key(s) == n] for n in names}

        schools = {}
        for school, seats in by(lambda s: s["school"], remote).items():
            schools[school] = {
                **self._figures(seats),
                "classroom_coverage": self._covered(
                    self._open_rooms(school), lambda s: s["q"]["classroom"]
                ),
                "class_coverage": self._covered(self._classes(school), lambda s: s["q"]["class"]),
                "regular_rate": self._regular(school) if school in remote else _rate(0, 0),
            }
        return {
            "rules": self.rules,
            "period": {"from": self.first, "to": self.last},
            "totals": {
                **self._figures(self.seats),
                "school_coverage": self._covered(remote, lambda s: s["school"]),
                "classroom_coverage": self._covered(
                    self._open_rooms(), lambda s: s["q"]["classroom"]
                ),
                "build_progress": _rate(len(built), self.plan["target_classrooms"]),
                "class_coverage": self._covered(self._classes(), lambda s: s["q"]["class"]),
                "regular_rate": _rate(
                    sum(r["numerator"] for r in regular), sum(r["denominator"] for r in regular)
                ),
                "mode_coverage": _rate(sum(n > 0 for n in cells), len(cells)),
                **research,
                **pushes,
            },
            "by_school": schools,
            "by_classroom": {
                k: self._figures(v)
                for k, v in by(lambda s: s["q"]["classroom"], self._open_rooms()).items()
            },
            "by_subject": {k: self._figures(v) for k, v in by(lambda s: s["o"]["subject"]).items()},
            "by_teacher": {
                k: self._figures(v) for k, v in by(lambda s: s["o"]["host"]["teacher"]).items()
            },
            "by_host_school": {
                k: self._figures(v) for k, v in by(lambda s: s["o"]["host"]["school"]).items()
            },
            "by_week": {
                k: self._figures(v) for k, v in by(lambda s: _week(s["o"]["date"])).items()
            },
            "by_week_school": {
                week: {
                    school: self._cell([s for s in seats if s["school"] == school])
                    for school in {s["school"] for s in seats}
                }
                for week, seats in by(lambda s: _week(s["o"]["date"])).items()
            },
            "causes": {
                c: sum(s["cause"] == c for s in self.seats)
                for c in ("host_absent", "terminal_offline", "network", "cancelled", "unexplained")
            },
            "mode_matrix": matrix,
            "seats": [
                {
                    "seat": s["q"]["id"],
                    "occurrence": s["o"]["id"],
                    "state": s["state"],
                    "credited_s": s["credit"],
                    "window_s": s["window"],
                    "host_s": s["host"],
                }
                for s in self.seats
            ],
        }
