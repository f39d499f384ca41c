"""The table of files that belong to a research session: versions of resources of the library."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from .columns import Instant, ordered_text
from .tables import metadata

# `session` is the first plan's id; `no` is the version that was the latest when it was added.
research_files = Table(
    "research_files",
    metadata,
    Column("session", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("resource", ordered_text(), ForeignKey("resources.id"), primary_key=True),
    Column("no", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
)
