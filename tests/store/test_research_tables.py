from __future__ import annotations

from sync_classroom.store.research_tables import research_papers


def test_a_sessions_papers_are_one_row_a_revision() -> None:
    assert [c.name for c in research_papers.primary_key] == ["session", "revision"]
