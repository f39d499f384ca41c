"""An act of others is in the way only where it touched the same."""

from __future__ import annotations

from sync_classroom.domain.draft_acts import ActKind, DraftAct, in_the_way
from sync_classroom.domain.ids import OccurrenceId, SeriesId
from sync_classroom.domain.working_copy import Images
from tests.support.plans import at


def act(revision: int, by: str, *lessons: str, series: tuple[str, ...] = ()) -> DraftAct:
    return DraftAct(
        revision, ActKind.EDIT, revision, by, at("08:00"),
        frozenset(map(OccurrenceId, lessons)), frozenset(map(SeriesId, series)),
    )  # fmt: skip


def test_only_what_others_did_to_the_same_is_in_the_way() -> None:
    acts = (act(1, "li", "a"), act(2, "wang", "a", "b"), act(3, "wang", "c"),
            act(4, "zhao", series=("eng",)))  # fmt: skip
    touched = Images({OccurrenceId("a"): None}, {SeriesId("eng"): None})
    assert [a.revision for a in in_the_way(acts, touched, "li")] == [2, 4]
    assert [a.revision for a in in_the_way(acts, touched, "wang")] == [1, 4]
    assert in_the_way(acts, Images(), "li") == ()
