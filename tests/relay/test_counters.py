from __future__ import annotations

from sync_classroom.relay.counters import Counters


def test_every_counter_is_a_plain_int_by_name() -> None:
    counters = Counters()
    counters.forwarded += 3
    values = counters.as_dict()
    assert values["forwarded"] == 3
    assert all(type(value) is int for value in values.values())
    named = {"packets_in", "bytes_out", "stun_ok", "stun_bad", "unknown_senders", "nacks_in",
            "plis_out", "sessions_opened", "sendmmsg_calls", "would_block"}  # fmt: skip
    assert named <= values.keys()
