"""Read long lists, and what is deleted by age, from indexes.

Revision: 0035
Follows: 0034
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_UNDECIDED = "state = 'new'"
_NEW = (
    # Every state, where there was an index of the undecided ones alone.
    (
        "ix_incidents_site_state_detected",
        "incidents",
        ["site_id", "state", "detected_at", "id", "is_test"],
        None,
    ),
    (
        "ix_incidents_site_state_risk",
        "incidents",
        ["site_id", "state", "risk_level", "detected_at", "id"],
        None,
    ),
    ("ix_videos_by_status", "videos", ["status", "kind", "created_at", "site_id", "id"], None),
    ("ix_links_site", "links", ["site_id", "id"], None),
    ("ix_links_revoked", "links", ["id", "site_id"], "revoked_at IS NOT NULL"),
    ("ix_links_delayed", "links", ["id", "site_id"], "not_before IS NOT NULL"),
    ("ix_links_limited", "links", ["id", "site_id"], "max_views IS NOT NULL"),
    ("ix_alerts_failed", "alerts", ["changed_at", "id"], "state = 'failed' AND told_by_id IS NULL"),
    ("ix_alerts_on_hold", "alerts", ["id"], "on_hold"),
    ("ix_alerts_told_by", "alerts", ["told_by_id"], "told_by_id IS NOT NULL"),
    # Without it deleting a link reads all notifications.
    ("ix_alerts_link_id", "alerts", ["link_id"], None),
    ("ix_accesses_visitors", "accesses", ["at"], "address IS NOT NULL OR user_agent IS NOT NULL"),
    (
        "ix_playbacks_visitors",
        "playbacks",
        ["last_at"],
        "address IS NOT NULL OR user_agent IS NOT NULL OR visitor IS NOT NULL",
    ),
)
_OLD = (
    (
        "ix_incidents_site_undecided",
        "incidents",
        ["site_id", "detected_at", "id", "is_test"],
        _UNDECIDED,
    ),
    (
        "ix_incidents_undecided_risk",
        "incidents",
        ["site_id", "risk_level", "detected_at", "id"],
        _UNDECIDED,
    ),
    ("ix_links_site_id", "links", ["site_id"], None),
    ("ix_alerts_told_by_id", "alerts", ["told_by_id"], None),
)


# The number of videos and their bytes, by what they are counted in: see models/video_total.py.
_COUNTED = ("site_id", "kind", "status")
_ADD = (
    "INSERT INTO video_totals (site_id, kind, status, videos, size)"
    " VALUES ({row}.site_id, {row}.kind, {row}.status, {sign}1, {sign}{row}.stored_size);"
)
_ADDED = _ADD.format(row="NEW", sign="")
_TAKEN = _ADD.format(row="OLD", sign="-")
_EVENTS = {"insert": _ADDED, "delete": _TAKEN, "update": _TAKEN + " " + _ADDED}


def _change(dropped: Any, made: Any) -> None:
    # First: dropping takes the strongest lock.
    for name, table, _, _ in dropped:
        op.drop_index(name, table)
    for name, table, columns, limited in made:
        where = sa.text(limited) if limited else None
        spelt = sa.text("on_hold = 1") if limited == "on_hold" else where
        op.create_index(name, table, columns, sqlite_where=spelt, postgresql_where=where)


def _add_triggers() -> None:
    compared = (*_COUNTED, "stored_size")
    different = "IS DISTINCT FROM" if _is_postgresql() else "IS NOT"
    changed = " OR ".join(f"OLD.{name} {different} NEW.{name}" for name in compared)
    for event, body in _EVENTS.items():
        of = f" OF {', '.join(compared)}" if event == "update" else ""
        when = f" WHEN ({changed})" if event == "update" else ""
        name = f"videos_total_{event}"
        if _is_postgresql():
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {body} RETURN NULL; END $$"
            )
            body = f"EXECUTE FUNCTION {name}()"  # noqa: PLW2901 - the statement that runs it
        else:
            body = f"BEGIN {body} END"  # noqa: PLW2901 - as above
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event.upper()}{of} ON videos FOR EACH ROW{when} {body}"
        )


def _is_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")


def upgrade() -> None:
    _change(_OLD, _NEW)
    op.create_table(
        "video_totals",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("videos", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
    )
    _add_triggers()
    # No video changes meanwhile: the triggers took a lock that writers wait for.
    op.execute(
        "INSERT INTO video_totals (site_id, kind, status, videos, size)"
        " SELECT site_id, kind, status, count(*), sum(stored_size) FROM videos"
        " GROUP BY site_id, kind, status"
    )


def downgrade() -> None:
    for event in _EVENTS:
        name = f"videos_total_{event}"
        op.execute(f"DROP TRIGGER {name}" + (" ON videos" if _is_postgresql() else ""))
        if _is_postgresql():
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("video_totals")
    _change(_NEW, _OLD)
