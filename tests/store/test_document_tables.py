from __future__ import annotations

from sync_classroom.store.document_tables import lesson_documents


def test_a_request_gives_a_lesson_one_document() -> None:
    unique = [
        {c.name for c in constraint.columns}
        for constraint in lesson_documents.constraints
        if type(constraint).__name__ == "UniqueConstraint"
    ]
    assert unique == [{"occurrence", "key"}]
