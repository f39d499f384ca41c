from __future__ import annotations

from sync_classroom.store.material_tables import research_files


def test_a_resource_belongs_to_a_session_once() -> None:
    assert [c.name for c in research_files.primary_key] == ["session", "resource"]
