"""Schools' lines: shared turns to send, addresses of their caches, what went over them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0024"
down_revision = "0023"


def upgrade(op: Operations) -> None:
    """Two tables; orders before count nothing."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "push_lines",
        sa.Column("school", ordered, nullable=False),
        sa.Column("token", ordered),
        sa.Column("free_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_push_lines_school"),
        sa.PrimaryKeyConstraint("school", name="pk_push_lines"),
        sa.UniqueConstraint("token", name="uq_push_lines_token"),
    )
    op.create_table(
        "push_carried",
        sa.Column("push", ordered, nullable=False),
        sa.Column("school", ordered, nullable=False),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["push"], ["pushes.id"], name="fk_push_carried_push"),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_push_carried_school"),
        sa.PrimaryKeyConstraint("push", "school", "cached", name="pk_push_carried"),
    )
