"""Reports, publications that never change, and restatements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0010"
down_revision = "0009"

# Tables whose rows stay as they were written.
_KEPT = {
    "publications": "what was published is never changed: publish another report",
    "restatements": "restatements are append-only",
}


def upgrade(op: Operations) -> None:
    """Three tables."""
    _reports(op)
    _publications(op)
    for table, refusal in _KEPT.items():
        _protect(op, table, refusal)


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _document() -> sa.JSON:
    return sa.JSON(none_as_null=True)


def _reports(op: Operations) -> None:
    op.create_table(
        "reports",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("formats", _document(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("place", _ordered(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("cut_off", sa.BigInteger(), nullable=True),
        sa.Column("files", _document(), nullable=False),
        sa.Column("sha256", _document(), nullable=False),
        sa.Column("held", _document(), nullable=True),
        sa.Column("failure", _document(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.UniqueConstraint("key", name="uq_reports_key"),
    )
    op.create_index("ix_reports_state", "reports", ["state"])


def _publications(op: Operations) -> None:
    op.create_table(
        "publications",
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("report", _ordered(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("cut_off", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("sha256", _document(), nullable=False),
        sa.Column("files", _document(), nullable=False),
        sa.Column("place", _ordered(), nullable=False),
        sa.Column("basis", _document(), nullable=False),
        sa.ForeignKeyConstraint(["report"], ["reports.id"], name="fk_publications_report"),
        sa.PrimaryKeyConstraint("no", name="pk_publications"),
        sa.UniqueConstraint("key", name="uq_publications_key"),
        sa.UniqueConstraint("report", name="uq_publications_report"),
    )
    op.create_table(
        "restatements",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("publication", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("differences", _document(), nullable=False),
        sa.Column("why", _document(), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication"], ["publications.no"], name="fk_restatements_publication"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_restatements"),
    )
    op.create_index("ix_restatements_publication", "restatements", ["publication"])


def _protect(op: Operations, table: str, refusal: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
