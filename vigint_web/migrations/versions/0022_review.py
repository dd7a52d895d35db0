"""Review of incidents: decisions, acts, assignment, reasons for false alarms.

Revision: 0022
Follows: 0021
"""

import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_REASONS = ("staff", "delivery", "round", "animal", "light_or_weather", "camera_moved", "test", "other")  # fmt: skip

# Older incidents were handled without the dashboard: shown as undecided, they would hide new ones.
_STILL_NEW = timedelta(hours=24)
_BATCH = 1000
_INCIDENTS = sa.table(
    "incidents",
    sa.column("id", sa.Integer),
    sa.column("state", sa.String),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
_ACTS = sa.table("incident_acts", sa.column("incident_id", sa.Integer))


def upgrade() -> None:
    # Processes of the version before insert rows without a state.
    op.add_column(
        "incidents", sa.Column("state", sa.String(16), nullable=False, server_default="new")
    )
    op.add_column("incidents", sa.Column("decision", sa.String(16)))
    op.add_column("incidents", sa.Column("reason", sa.String(64)))
    op.add_column("incidents", sa.Column("decided_at", sa.DateTime(timezone=True)))
    op.add_column("incidents", sa.Column("decided_by", sa.String(254)))
    # A plain number, as in `link_id`: SQLite adds no constraint to a table without copying it.
    op.add_column("incidents", sa.Column("assignee_id", sa.Integer()))
    undecided = sa.text("state = 'new'")
    op.create_index(
        "ix_incidents_site_undecided",
        "incidents",
        ["site_id", "detected_at", "id"],
        sqlite_where=undecided,
        postgresql_where=undecided,
    )
    op.create_index("ix_incidents_detected", "incidents", ["detected_at", "id"])
    op.create_index("ix_incidents_assignee", "incidents", ["assignee_id", "detected_at"])
    op.create_table(
        "incident_acts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "incident_id",
            sa.Integer(),
            sa.ForeignKey("incidents.id", ondelete="CASCADE", name="fk_incident_acts_incident_id_incidents"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("actor", sa.String(254), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("assignee", sa.String(254)),
    )
    op.create_index("ix_incident_acts_incident", "incident_acts", ["incident_id", "id"])
    reasons = op.create_table(
        "false_alarm_reasons",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("label", sa.String(100)),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("code", name="uq_false_alarm_reasons_code"),
    )
    op.bulk_insert(
        reasons, [{"code": code, "position": place} for place, code in enumerate(_REASONS)]
    )


def fill(engine: sa.Engine) -> None:
    """Close the older incidents, a few at a time, while others write.

    Called by env.py once the columns are committed. One that was decided or reopened meanwhile has
    an act, and is left alone. Cut off, it leaves the rest as undecided, for people to close.
    """
    before, last = datetime.now(UTC) - _STILL_NEW, 0
    old = sa.select(_INCIDENTS.c.id).where(
        _INCIDENTS.c.created_at < before,
        _INCIDENTS.c.state == "new",
        ~sa.exists().where(_ACTS.c.incident_id == _INCIDENTS.c.id),
    )
    while True:
        began = time.monotonic()
        page = old.where(_INCIDENTS.c.id > last).order_by(_INCIDENTS.c.id).limit(_BATCH)
        with engine.begin() as connection:
            # Locked, so that none is decided between the reading and the writing.
            ids = list(connection.scalars(page.with_for_update(of=_INCIDENTS, skip_locked=True)))
            connection.execute(
                _INCIDENTS.update().where(_INCIDENTS.c.id.in_(ids)).values(state="closed")
            )
        if not ids:
            return
        last = ids[-1]
        # As long for everybody else: SQLite has one writer at a time.
        time.sleep(min(time.monotonic() - began, 0.1))


def downgrade() -> None:
    op.drop_table("false_alarm_reasons")
    op.drop_table("incident_acts")
    for name in ("assignee", "detected", "site_undecided"):
        op.drop_index(f"ix_incidents_{name}", "incidents")
    for name in ("assignee_id", "decided_by", "decided_at", "reason", "decision", "state"):
        op.drop_column("incidents", name)
