"""Tables of what belongs to a research session beside the plan, by the id of its first plan."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from .columns import Instant, document, ordered_text
from .tables import metadata

# Agenda and materials as often as they were written, never changed. `materials` is [[title, url]].
research_papers = Table(
    "research_papers",
    metadata,
    Column("session", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("key", ordered_text(), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("agenda", Text, nullable=False),
    Column("materials", document(), nullable=False),
    UniqueConstraint("session", "key"),
)
