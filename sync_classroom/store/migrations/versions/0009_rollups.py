"""What the facts came to, kept by seat, day, week and month; rules; the facts' chain; access."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0009"
down_revision = "0008"

_REFUSAL = "the access log is append-only"
_SUMS = (
    "due_periods",
    "held_periods",
    "credited_s",
    "adjusted_s",
    "due_credited_s",
    "due_host_s",
    "attendances",
    "interacted",
    "held_seats",
    "partial_seats",
    "missed_seats",
    "unknown_seats",
    "cancelled_unexcused_seats",
    "cancelled_excused_seats",
    "moved_seats",
    "cause_host_absent",
    "cause_terminal_offline",
    "cause_network",
    "cause_cancelled",
    "cause_unexplained",
    "host_s",
    "host_window_s",
    "host_periods",
)


def upgrade(op: Operations) -> None:
    """The results begin empty; every lesson there is will be counted."""
    _results(op)
    _rollups(op)
    _rules(op)
    _chain(op)
    _access(op)
    op.execute("INSERT INTO stale_results (occurrence) SELECT id FROM occurrences")


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _counter() -> sa.BigInteger:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _results(op: Operations) -> None:
    op.create_table(
        "stale_results",
        sa.Column("seq", _counter(), nullable=False),
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_stale_results"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "seat_results",
        sa.Column("rules", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("seat", _ordered(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("school", _ordered(), nullable=False),
        sa.Column("classroom", _ordered(), nullable=False),
        sa.Column("class", _ordered(), nullable=True),
        sa.Column("subject", _ordered(), nullable=False),
        sa.Column("host_school", _ordered(), nullable=False),
        sa.Column("teacher", _ordered(), nullable=False),
        sa.Column("periods", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("credited_s", sa.Integer(), nullable=False),
        sa.Column("adjusted_s", sa.Integer(), nullable=False),
        sa.Column("window_s", sa.Integer(), nullable=False),
        sa.Column("host_s", sa.Integer(), nullable=False),
        sa.Column("present", sa.Integer(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("interacted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("rules", "occurrence", "seat", name="pk_seat_results"),
    )
    op.create_index("ix_seat_results_rules_date", "seat_results", ["rules", "date"])
    op.create_table(
        "meeting_results",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("presence", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("occurrence", name="pk_meeting_results"),
    )
    op.create_index("ix_meeting_results_date", "meeting_results", ["date"])


def _rollups(op: Operations) -> None:
    op.create_table(
        "rollups",
        sa.Column("rules", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("span", _ordered(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("dim", _ordered(), nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("rules", "span", "start", "dim", "key", name="pk_rollups"),
    )
    op.create_table(
        "rollup_classes",
        sa.Column("rules", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("span", _ordered(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("dim", _ordered(), nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("class", _ordered(), nullable=False),
        sa.Column("present", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint(
            "rules", "span", "start", "dim", "key", "class", name="pk_rollup_classes"
        ),
    )
    op.create_table(
        "rolled_spans",
        sa.Column("rules", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("span", _ordered(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("rules", "span", "start", name="pk_rolled_spans"),
    )


def _rules(op: Operations) -> None:
    op.create_table(
        "rules_versions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_rules_versions"),
        sa.UniqueConstraint("key", name="uq_rules_versions_key"),
    )
    op.create_table(
        "rules_in_force",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("building", sa.Integer(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rules_in_force"),
    )


def _chain(op: Operations) -> None:
    op.create_table(
        "fact_chain",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("begins", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_fact_chain"),
    )


def _access(op: Operations) -> None:
    """Who looked at or took away what; UPDATE, DELETE and TRUNCATE are refused, whoever asks."""
    op.create_table(
        "access_log",
        sa.Column("seq", _counter(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", _ordered(), nullable=False),
        sa.Column("what", _ordered(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_access_log"),
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER access_log_no_{verb.lower()} BEFORE {verb} ON access_log"
                f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION access_log_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER access_log_no_change BEFORE UPDATE OR DELETE ON access_log"
        " FOR EACH ROW EXECUTE FUNCTION access_log_refuse()"
    )
    op.execute(
        "CREATE TRIGGER access_log_no_truncate BEFORE TRUNCATE ON access_log"
        " FOR EACH STATEMENT EXECUTE FUNCTION access_log_refuse()"
    )
