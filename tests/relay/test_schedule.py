from __future__ import annotations

import random
import weakref

from sync_classroom.relay.schedule import Schedule


def test_keys_come_out_by_deadline_once() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.set("b", 2.0)
    schedule.set("a", 1.0)
    schedule.set("c", 3.0)
    assert schedule.next == 1.0
    assert list(schedule.pop_due(2.0)) == ["a", "b"]
    assert list(schedule.pop_due(2.0)) == []
    assert schedule.next == 3.0


def test_a_deadline_can_move_both_ways() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.set("a", 5.0)
    schedule.advance_to("a", 7.0)
    assert schedule.next == 5.0
    schedule.advance_to("a", 4.0)
    assert schedule.next == 4.0
    schedule.set("a", 9.0)
    assert schedule.next == 9.0
    schedule.remove("a")
    assert schedule.next is None
    assert list(schedule.pop_due(100.0)) == []


def test_a_key_that_is_gone_is_not_kept() -> None:
    class Session:
        pass

    schedule: Schedule[Session] = Schedule()
    session = Session()
    gone = weakref.ref(session)
    schedule.set(session, 30.0)
    schedule.set(session, 5.0)
    schedule.remove(session)
    schedule.remove(session)  # again is fine
    del session
    assert gone() is None
    assert schedule.next is None


def test_superseded_entries_do_not_pile_up() -> None:
    schedule: Schedule[int] = Schedule()
    randomness = random.Random(1)
    deadlines: dict[int, float] = {}
    for _ in range(20_000):
        key = randomness.randrange(10)
        deadlines[key] = randomness.random()
        schedule.set(key, deadlines[key])
    assert len(schedule) == 10
    assert len(schedule._heap) <= 64 + 8 * 10 + 1
    assert list(schedule.pop_due(1.0)) == sorted(deadlines, key=deadlines.__getitem__)
