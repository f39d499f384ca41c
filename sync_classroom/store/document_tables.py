"""The table of lessons' documents; their pages' pictures are in the documents' folder."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, UniqueConstraint

from .columns import Instant, document, ordered_text
from .tables import metadata

# `pages` is [[width, height], …]; it and `refused`, [code, value], are NULL while the document is
# converted, and one of them always.
lesson_documents = Table(
    "lesson_documents",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), nullable=False),
    Column("key", ordered_text(), nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("pages", document()),
    Column("refused", document()),
    UniqueConstraint("occurrence", "key"),
    Index(None, "sha256"),
    Index(None, "at"),
)
