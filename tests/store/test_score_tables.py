from __future__ import annotations

from sync_classroom.store.score_tables import research_rubrics, research_scores


def test_a_person_scores_a_lesson_once_in_a_session() -> None:
    assert [c.name for c in research_scores.primary_key] == ["session", "lesson", "by"]


def test_a_version_of_the_rubric_is_there_once() -> None:
    assert [c.name for c in research_rubrics.primary_key] == ["version"]
