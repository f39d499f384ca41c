from __future__ import annotations

from sync_classroom.store.study_tables import (
    research_comments,
    research_lessons,
    research_studies,
)


def test_a_session_watches_one_thing_and_keeps_every_comment_and_lesson() -> None:
    keys = {
        table.name: [c.name for c in table.primary_key]
        for table in (research_studies, research_comments, research_lessons)
    }
    assert keys == {
        "research_studies": ["session"],
        "research_comments": ["session", "number"],
        "research_lessons": ["session", "lesson"],
    }
