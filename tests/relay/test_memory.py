from __future__ import annotations

import ctypes
import gc
from pathlib import Path

from sync_classroom.relay.memory import FEWER, NEW_OBJECTS, REST_S, Ebb, give_back, settle


def test_memory_goes_back_when_half_of_many_have_left_and_once_only() -> None:
    ebb = Ebb()
    assert not ebb.due(100, 0.0)
    assert not ebb.due(51, 1.0)
    assert ebb.due(50, 2.0)
    assert not ebb.due(50, 100.0)  # given back
    assert not ebb.due(26, 101.0)
    assert ebb.due(25, 102.0)


def test_a_few_that_leave_are_not_worth_it() -> None:
    ebb = Ebb()
    assert not ebb.due(FEWER, 0.0)
    assert not ebb.due(1, 1.0)
    assert ebb.due(0, 2.0)


def test_there_is_a_rest_between_two_times() -> None:
    ebb = Ebb()
    ebb.due(200, 0.0)
    assert ebb.due(100, 1.0)
    assert not ebb.due(0, 1.0 + REST_S - 0.1)
    assert ebb.due(0, 1.0 + REST_S)  # what left meanwhile is not forgotten


def test_what_is_there_at_the_start_is_not_looked_at_again() -> None:
    before, thresholds = gc.get_freeze_count(), gc.get_threshold()
    settle()
    try:
        assert gc.get_freeze_count() > before + 1000
        assert len(gc.get_objects()) < 1000
        assert gc.get_threshold() == (NEW_OBJECTS, *thresholds[1:])
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _resident_kb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no resident memory")


def test_free_pages_between_blocks_that_stay_go_back() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    size, count = 100_000, 400  # below what malloc maps by itself
    blocks = [libc.malloc(size) for _ in range(count)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    for block in blocks[:-1:2]:
        libc.free(block)
    full = _resident_kb()
    give_back()
    assert full - _resident_kb() > count // 2 * size // 1000 // 2
    for block in blocks[1::2]:
        libc.free(block)
