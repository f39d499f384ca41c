"""The table of scores that people gave a lesson in a research session."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from .columns import Instant, document, ordered_text
from .tables import metadata

# The rubric in force is the last version; `items` as below.
research_rubrics = Table(
    "research_rubrics",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("items", document(), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
)

# `items` is [[name, weight, most, English name], …], by which a lesson is scored in a session;
# `points` has one number for each.
research_scores = Table(
    "research_scores",
    metadata,
    Column("session", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("lesson", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("by", ordered_text(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("items", document(), nullable=False),
    Column("points", document(), nullable=False),
    Column("remark", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
