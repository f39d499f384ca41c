"""Tables of lessons' documents and of the pages rooms saw; pictures are in documents' folder."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

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

# Which page rooms saw when; `to_at` is NULL of the one they see. `second` is that of `from_at`
# since 1970: of pages turned within one the last stays, so that a lesson has no more rows than
# seconds. A document that is taken back takes its turns with it.
page_turns = Table(
    "page_turns",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("second", BigInteger, primary_key=True),
    Column(
        "document",
        ordered_text(),
        ForeignKey("lesson_documents.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("page", Integer, nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("to_at", Instant),
    Index(None, "document"),
)
