"""The table of research sessions' minutes: every paragraph as often as it was written."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from .columns import Instant, ordered_text
from .tables import metadata

# Rows are never changed; the latest revision of a paragraph counts, an empty one is taken out.
research_minutes = Table(
    "research_minutes",
    metadata,
    Column("session", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("key", ordered_text(), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("session", "key"),
)
