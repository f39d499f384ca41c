"""Clashes found by looking at every minute, slowly and plainly, and small plans full of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from hypothesis import strategies as st

from sync_classroom.domain.ids import OccurrenceId, SeatId
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from tests.support.plans import at, lesson

_MINUTES = st.integers(0, 60)
_ROOM = st.sampled_from(["x", "y", "z", "w"])


@st.composite
def small_plans(draw: st.DrawFn) -> list[Occurrence]:
    """Up to seven lessons of an hour and a half that share few rooms, teachers and classes."""
    plan = []
    for n in range(draw(st.integers(0, 7))):
        start = draw(_MINUTES)
        length = draw(st.integers(1, 30))
        seats = draw(st.lists(st.tuples(_ROOM, st.sampled_from([None, "c", "d"])), max_size=3))
        occurrence = lesson(
            f"o{n}",
            room=draw(_ROOM),
            teacher=draw(st.sampled_from(["t", "u"])),
            host_class=draw(st.sampled_from([None, "c", "e"])),
            seats=seats,
            changes=[
                Change(kind, at("08:00"), "admin", "", seat=SeatId(f"o{n}-s0"))
                for kind in draw(st.lists(st.sampled_from(ChangeKind), max_size=1))
            ],
        )
        values = {f: getattr(occurrence, f) for f in occurrence.__slots__}
        values["starts_at"] = at("09:00") + timedelta(minutes=start)
        values["ends_at"] = values["starts_at"] + timedelta(minutes=length)
        plan.append(Occurrence(**values))
    return plan


def naive_clashes(plan: Iterable[Occurrence], gap: int) -> set[tuple[str, str, str, str]]:
    """(kind, resource, a, b) of every clash.

    Minute by minute: who holds each resource (a gap lengthens every booking).
    """
    holders: dict[tuple[str, str, object], set[str]] = {}
    found = set()
    for o in plan:
        if o.withdrawn:
            continue
        single = [("classroom", o.host.classroom), ("class", o.host.school_class)]
        for seat in o.seats:
            if not o.seat_withdrawn(seat.id):
                single += [("classroom", seat.classroom), ("class", seat.school_class)]
        single = [s for s in single if s[1] is not None]
        for s in set(single):
            if single.count(s) > 1:
                found.add((s[0], str(s[1]), o.id, o.id))
        minute = o.starts_at
        while minute < o.ends_at + timedelta(minutes=gap):
            for kind, ident in {*single, ("teacher", o.host.teacher)}:
                holders.setdefault((kind, str(ident), minute), set()).add(o.id)
            minute += timedelta(minutes=1)
    by_id = {o.id: o for o in plan}
    for (kind, ident, _), ids in holders.items():
        ordered = sorted(ids, key=lambda i: (by_id[OccurrenceId(i)].starts_at, i))
        for n, a in enumerate(ordered):
            found.update((kind, ident, a, b) for b in ordered[n + 1 :])
    return found
