"""Push orders and everyone they go to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0008"
down_revision = "0007"


def upgrade(op: Operations) -> None:
    """Orders, targets, and a way from an order to its facts."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "pushes",
        sa.Column("id", ordered, nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ordered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pushes"),
        sa.UniqueConstraint("key", name="uq_pushes_key"),
    )
    op.create_index("ix_pushes_ordered_at", "pushes", ["ordered_at"])
    op.create_table(
        "push_targets",
        sa.Column("push", ordered, nullable=False),
        sa.Column("id", ordered, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("school", ordered, nullable=False),
        sa.Column("classroom", ordered, nullable=True),
        sa.Column("class", ordered, nullable=True),
        sa.Column("teacher", ordered, nullable=True),
        sa.ForeignKeyConstraint(["push"], ["pushes.id"], name="fk_push_targets_push"),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_push_targets_school"),
        sa.ForeignKeyConstraint(["classroom"], ["classrooms.id"], name="fk_push_targets_classroom"),
        sa.ForeignKeyConstraint(["class"], ["classes.id"], name="fk_push_targets_class"),
        sa.ForeignKeyConstraint(["teacher"], ["teachers.id"], name="fk_push_targets_teacher"),
        sa.PrimaryKeyConstraint("push", "id", name="pk_push_targets"),
    )
    op.create_index(
        "ix_facts_push",
        "facts",
        ["push"],
        sqlite_where=sa.text("push IS NOT NULL"),
        postgresql_where=sa.text("push IS NOT NULL"),
    )
