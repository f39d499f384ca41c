"""What terminals have of pushes; pushes are found by classroom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0019"
down_revision = "0018"


def upgrade(op: Operations) -> None:
    """One table and one index."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "push_copies",
        sa.Column("push", ordered, nullable=False),
        sa.Column("target", ordered, nullable=False),
        sa.Column("state", ordered, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("failure", ordered, nullable=True),
        sa.Column("watched_s", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["push"], ["pushes.id"], name="fk_push_copies_push"),
        sa.PrimaryKeyConstraint("push", "target", name="pk_push_copies"),
    )
    op.create_index("ix_push_targets_classroom", "push_targets", ["classroom"])
