"""Minutes of research sessions: written by whoever took part, paragraph by paragraph."""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.minutes import (
    MAX_PARAGRAPHS,
    MAX_REVISIONS,
    Paragraph,
    paragraph_text,
)
from ..domain.problems import ProblemError, ProblemKind
from .ports import Bus
from .research import Session
from .research_ports import MinutesStore
from .services import Clock


class MinutesService:
    """Callers have checked who may write."""

    def __init__(self, store: MinutesStore, bus: Bus, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    async def of(self, session: Session) -> Sequence[Paragraph]:
        """The latest revision of every paragraph, those taken out too."""
        return await self._store.minutes_of(session.id)

    async def add(self, session: Session, text: str, *, actor: str, key: str) -> Paragraph:
        """A paragraph after all others, once for a `key`. ProblemError `minutes_full`."""
        wanted = Paragraph(
            session.id, 0, 1, paragraph_text(text, empty=False), self._clock(), actor
        )
        made = await self._store.write_paragraph(wanted, key=key, most=MAX_PARAGRAPHS)
        if made is None:
            raise _full("段落", "paragraphs", MAX_PARAGRAPHS)
        await self._tell(session)
        return made

    async def change(
        self, session: Session, number: int, seen: int, text: str, *, actor: str, key: str
    ) -> Paragraph:
        """Another text for a paragraph whose revision `seen` its changer saw; empty takes it out.

        ProblemError `paragraph_changed` if somebody was first (nothing is stored, and nothing of
        theirs is lost), `paragraph_unknown`, or `minutes_full` after very many revisions.
        """
        if seen >= MAX_REVISIONS:
            raise _full("修改", "revisions", MAX_REVISIONS)
        wanted = Paragraph(
            session.id, number, seen + 1, paragraph_text(text, empty=True), self._clock(), actor
        )
        try:
            stored = await self._store.write_paragraph(wanted, key=key, most=MAX_PARAGRAPHS)
        except KeyError:
            raise ProblemError(
                "paragraph_unknown",
                f"纪要没有第 {number} 段。请刷新后再选。",
                f"The minutes have no paragraph {number}. Reload and choose again.",
                kind=ProblemKind.NOT_FOUND,
                field="number",
                value=number,
            ) from None
        if stored is None or stored.text != wanted.text or stored.by != actor:
            raise ProblemError(
                "paragraph_changed",
                "这一段刚被别人改过。您写的还在下面，请对照新的内容合在一起，再保存一次。",
                "Somebody has just changed this paragraph. What you wrote is still below: bring"
                " both together and store it again.",
                kind=ProblemKind.CONFLICT,
                field="text",
                value=stored.revision if stored is not None else None,
            )
        await self._tell(session)
        return stored

    async def _tell(self, session: Session) -> None:
        await self._bus.publish(
            "lesson",
            {"type": "changed", "occurrence": session.occurrence.id, "what": "minutes"},
        )


def _full(zh: str, en: str, most: int) -> ProblemError:
    return ProblemError(
        "minutes_full",
        f"纪要最多 {most} 个{zh}。请把内容合并到已有的段落里。",
        f"Minutes have {most} {en} at most. Put it into a paragraph that is there.",
        kind=ProblemKind.CONFLICT,
        field="text",
        value=most,
    )
