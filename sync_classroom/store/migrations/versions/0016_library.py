"""Resources and their versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0016"
down_revision = "0015"


def upgrade(op: Operations) -> None:
    """Two tables."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "resources",
        sa.Column("id", ordered, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.Column("lesson", ordered, nullable=True),
        sa.Column("teacher", ordered, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_by", sa.Text(), nullable=True),
        sa.Column("delete_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lesson"], ["occurrences.id"], name="fk_resources_lesson"),
        sa.ForeignKeyConstraint(["teacher"], ["teachers.id"], name="fk_resources_teacher"),
        sa.PrimaryKeyConstraint("id", name="pk_resources"),
    )
    op.create_index("ix_resources_at", "resources", ["at"])
    op.create_index("ix_resources_lesson", "resources", ["lesson"])
    op.create_table(
        "resource_versions",
        sa.Column("resource", ordered, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("file", ordered, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("cut", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["resource"], ["resources.id"], name="fk_resource_versions_resource"
        ),
        sa.PrimaryKeyConstraint("resource", "no", name="pk_resource_versions"),
        sa.UniqueConstraint("key", name="uq_resource_versions_key"),
        sa.UniqueConstraint("file", name="uq_resource_versions_file"),
    )
