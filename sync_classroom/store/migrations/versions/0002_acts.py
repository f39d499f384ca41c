"""Acts of lessons that are not over, so that a press repeated over a restart counts once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    """Make the table; acts from before are not known, as they were not stored."""
    op.create_table(
        "acts",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("id", _ordered(), nullable=False),
        sa.ForeignKeyConstraint(["occurrence"], ["occurrences.id"], name="fk_acts_occurrence"),
        sa.PrimaryKeyConstraint("occurrence", "id", name="pk_acts"),
    )


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
