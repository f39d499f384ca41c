from __future__ import annotations

from sync_classroom.store.meeting_tables import meeting_presence


def test_a_person_is_in_one_meeting_at_a_time_by_the_key() -> None:
    assert [c.name for c in meeting_presence.primary_key] == ["peer"]
