"""The mark of a database of simulated data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0007"
down_revision = "0006"


def upgrade(op: Operations) -> None:
    """Whatever is there already is no simulation."""
    op.create_table(
        "simulation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_simulation_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_simulation"),
    )
