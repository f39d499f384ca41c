"""Bell sets with a name and dates they hold from and to, reasons of days, and who edited what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0004"
down_revision = "0003"


def upgrade(op: Operations) -> None:
    """What was there holds for ever and has no reason; the history begins empty."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("bell_sets", sa.Column("name", sa.Text(), nullable=True))
    op.add_column("bell_sets", sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column("bell_sets", sa.Column("valid_to", sa.Date(), nullable=True))
    op.add_column("day_exceptions", sa.Column("reason", sa.Text(), nullable=True))
    op.create_table(
        "calendar_edits",
        sa.Column("number", number, nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", ordered, nullable=False),
        sa.Column("subject", ordered, nullable=False),
        sa.Column("school", ordered, nullable=True),
        sa.Column("old", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("new", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_calendar_edits_school"),
        sa.PrimaryKeyConstraint("number", name="pk_calendar_edits"),
        sa.UniqueConstraint("key", name="uq_calendar_edits_key"),
    )
    op.create_index("ix_calendar_edits_kind_subject", "calendar_edits", ["kind", "subject"])
