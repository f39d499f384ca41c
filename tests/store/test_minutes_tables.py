from __future__ import annotations

from sync_classroom.store.minutes_tables import research_minutes


def test_every_revision_of_a_paragraph_is_a_row() -> None:
    assert [c.name for c in research_minutes.primary_key] == ["session", "number", "revision"]
