"""Tables of lesson study: what a session watches, and comments at moments of the lesson."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from .columns import Instant, ordered_text
from .tables import metadata

# `session` is the first plan's id. Without `lesson` nothing is watched. Milliseconds and percent.
research_studies = Table(
    "research_studies",
    metadata,
    Column("session", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("lesson", ordered_text(), ForeignKey("occurrences.id")),
    Column("file", Text),
    Column("start_ms", Integer, nullable=False),
    Column("end_ms", Integer, nullable=False),
    Column("playing", Boolean, nullable=False),
    Column("position_ms", Integer, nullable=False),
    Column("rate", Integer, nullable=False),
    Column("at", Instant),
)

# Every lesson that a session watched, from when first.
research_lessons = Table(
    "research_lessons",
    metadata,
    Column("session", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("lesson", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("at", Instant, nullable=False),
)

# Comments stay as they were written.
research_comments = Table(
    "research_comments",
    metadata,
    Column("session", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", ordered_text(), nullable=False),
    Column("lesson", ordered_text(), ForeignKey("occurrences.id"), nullable=False),
    Column("mark_ms", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("session", "key"),
)
