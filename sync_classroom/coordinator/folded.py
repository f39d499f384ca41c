"""Facts of lessons, folded once: a lesson that is live gains some every few seconds.

Reading a lesson from its start each time would cost more the longer it lasts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..domain.evidence import Evidence
from ..domain.facts import Fact
from ..domain.ids import OccurrenceId
from ..domain.rules import Rules

# Lessons kept in mind, those counted last: a province has some six hundred at once. What is kept
# are intervals, some 15 KB of 16 seats; a lesson that is forgotten is read from its start again.
LESSONS_KEPT: Final = 1000


class FoldedStore(Protocol):
    """Where the facts are."""

    async def facts_since(
        self, seen: Mapping[OccurrenceId, int]
    ) -> Mapping[OccurrenceId, tuple[int, Sequence[Fact]]]:
        """Of each lesson the facts that arrived after a number, and the number of the latest."""
        ...


@dataclass(slots=True)
class _Lesson:
    """What is known of one lesson up to the fact with a number, under each version of the rules."""

    seen: int
    evidence: Mapping[int, Evidence]


class FoldedFacts:
    """The evidence of lessons, kept between two looks at them. One task may ask at a time."""

    def __init__(self, store: FoldedStore, *, kept: int = LESSONS_KEPT) -> None:
        self._store = store
        self._kept = kept
        self._lessons: OrderedDict[OccurrenceId, _Lesson] = OrderedDict()

    async def of(
        self, lessons: Collection[OccurrenceId], rules: Mapping[int, Rules]
    ) -> Mapping[int, Evidence]:
        """Everything the facts of these lessons prove, by version of the rules; new each time.

        It may be added to: what belongs to no single lesson, such as gaps, is not remembered.
        """
        known = {o: self._known(o, rules) for o in lessons}
        news = await self._store.facts_since({o: lesson.seen for o, lesson in known.items()})
        await asyncio.to_thread(_fold, known, news)
        for ident, lesson in known.items():
            self._lessons[ident] = lesson
            self._lessons.move_to_end(ident)
        while len(self._lessons) > self._kept:
            self._lessons.popitem(last=False)
        return {
            number: Evidence.joined((lesson.evidence[number] for lesson in known.values()), each)
            for number, each in rules.items()
        }

    def _known(self, ident: OccurrenceId, rules: Mapping[int, Rules]) -> _Lesson:
        # Taken out until it is folded whole: what fails halfway is read from the start again.
        lesson = self._lessons.pop(ident, None)
        if lesson is None or lesson.evidence.keys() != rules.keys():
            return _Lesson(0, {number: Evidence(each) for number, each in rules.items()})
        return lesson


def _fold(
    known: Mapping[OccurrenceId, _Lesson],
    news: Mapping[OccurrenceId, tuple[int, Sequence[Fact]]],
) -> None:
    for ident, (latest, facts) in news.items():
        for evidence in known[ident].evidence.values():
            for fact in facts:
                # The store has every id once, and each fact is read once. To remember the ids, too,
                # would take more than all the rest.
                evidence.take(fact)
        known[ident].seen = latest
