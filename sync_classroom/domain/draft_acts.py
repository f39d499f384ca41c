"""What was done to a draft, in order: how a second editor learns what changed under their hands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .ids import OccurrenceId, SeriesId
from .working_copy import Images


class ActKind(StrEnum):
    """`amend`: the published plan under the draft was changed at short notice."""

    EDIT = "edit"
    UNDO = "undo"
    REDO = "redo"
    DISCARD = "discard"
    PUBLISH = "publish"
    AMEND = "amend"


@dataclass(frozen=True, slots=True)
class DraftAct:
    """One act and the revision it led to. `seq` is the step it was about, if it was about one."""

    revision: int
    kind: ActKind
    seq: int | None
    by: str
    at: datetime
    occurrences: frozenset[OccurrenceId]
    series: frozenset[SeriesId]

    def touches(self, images: Images) -> bool:
        """Whether it was about any of these."""
        return not (
            self.occurrences.isdisjoint(images.occurrences)
            and self.series.isdisjoint(images.series)
        )


def in_the_way(acts: Iterable[DraftAct], touched: Images, by: str) -> tuple[DraftAct, ...]:
    """What others did to any of these, of acts that an editor has not seen."""
    return tuple(a for a in acts if a.by != by and a.touches(touched))
