"""Tables of reports, publications and restatements."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from .columns import Instant, document, ordered_text, row_number
from .tables import metadata

# One row a report asked for; its files are in the data folder of the coordinator `place`.
reports = Table(
    "reports",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("key", ordered_text(), nullable=False),
    Column("kind", Text, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("language", Text, nullable=False),
    Column("formats", document(), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("place", ordered_text(), nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("done_at", Instant),
    Column("cut_off", Instant),
    Column("files", document(), nullable=False),
    Column("sha256", document(), nullable=False),
    Column("held", document()),
    Column("failure", document()),
    UniqueConstraint("key"),
    Index(None, "state"),
)

# Triggers refuse UPDATE and DELETE. `basis` is as `domain.publications` writes it.
publications = Table(
    "publications",
    metadata,
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("key", ordered_text(), nullable=False),
    Column("report", ordered_text(), ForeignKey("reports.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("language", Text, nullable=False),
    Column("cut_off", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("sha256", document(), nullable=False),
    Column("files", document(), nullable=False),
    Column("place", ordered_text(), nullable=False),
    Column("basis", document(), nullable=False),
    UniqueConstraint("key"),
    UniqueConstraint("report"),
)

# What became of a publication each time it was computed again; triggers keep it.
restatements = Table(
    "restatements",
    metadata,
    Column("seq", row_number(), primary_key=True),
    Column("publication", Integer, ForeignKey("publications.no"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("differences", document(), nullable=False),
    Column("why", document(), nullable=False),
    Index(None, "publication"),
)
