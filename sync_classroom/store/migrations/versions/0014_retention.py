"""What may be deleted in time, and the trace of it; the samples' and access log's triggers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0014"
down_revision = "0013"

_KEPT = "what was deleted, and when, stays known"
# Rows that only a cut may let go: the table, and the instant that says how old a row is.
_CUT = {
    "terminal_samples": ("to_at", "samples of terminals are never changed, and deleted in time"),
    "access_log": ("at", "the access log is never changed, and deleted in time"),
}


def upgrade(op: Operations) -> None:
    """Two tables; DELETE of protected rows only as far as a cut reaches."""
    _tables(op)
    _forget_old_triggers(op)
    for table in ("retention_cuts", "retention_runs"):
        _protect(op, table, None, _KEPT)
    for table, (column, refusal) in _CUT.items():
        _protect(op, table, column, refusal)


def _tables(op: Operations) -> None:
    counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    document = sa.JSON(none_as_null=True)
    op.create_table(
        "retention_cuts",
        sa.Column("number", counter, nullable=False),
        sa.Column("kind", ordered, nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.CheckConstraint("at - before >= 2592000000000", name="ck_retention_cuts_not_recent"),
        sa.PrimaryKeyConstraint("number", name="pk_retention_cuts"),
    )
    op.create_index("ix_retention_cuts_kind_before", "retention_cuts", ["kind", "before"])
    op.create_table(
        "retention_runs",
        sa.Column("number", counter, nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("deleted", document, nullable=False),
        sa.Column("before", document, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_retention_runs"),
    )


def _forget_old_triggers(op: Operations) -> None:
    """Those of the access log refused every DELETE."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER access_log_no_{verb}")
        return
    op.execute("DROP TRIGGER access_log_no_change ON access_log")
    op.execute("DROP TRIGGER access_log_no_truncate ON access_log")
    op.execute("DROP FUNCTION access_log_refuse()")


def _protect(op: Operations, table: str, column: str | None, refusal: str) -> None:
    """Refuse UPDATE, TRUNCATE, and DELETE; with a `column`, of rows no cut is later than."""
    # Names of this file, none of anybody else's.
    cut = f"SELECT 1 FROM retention_cuts WHERE kind = '{table}' AND \"before\" > OLD.{column}"  # noqa: S608
    if op.get_bind().dialect.name == "sqlite":
        unless = f" WHEN NOT EXISTS ({cut})" if column else ""
        for verb, condition in (("UPDATE", ""), ("DELETE", unless)):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}{condition}"
                f" BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
        return
    let = f"IF TG_OP = 'DELETE' AND EXISTS ({cut}) THEN RETURN OLD; END IF;" if column else ""
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {let} RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
    op.execute(
        f"CREATE FUNCTION {table}_refuse_all() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_all()"
    )
