"""Who had a recording begin or stop, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0030"
down_revision = "0029"


def upgrade(op: Operations) -> None:
    """One table."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "recording_acts",
        sa.Column("occurrence", ordered, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_recording_acts_occurrence"
        ),
        sa.PrimaryKeyConstraint("occurrence", "no", name="pk_recording_acts"),
    )
