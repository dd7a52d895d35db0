"""Settings of sites; names, authorisations, sound and undecided incidents of cameras.

Revision: 0028
Follows: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_SITE: dict[str, sa.types.TypeEngine[object]] = {
    "address": sa.String(300),
    "timezone": sa.String(64),
    "locale": sa.String(8),
    "cooldown_seconds": sa.Integer(),
}
_CAMERA: dict[str, sa.types.TypeEngine[object]] = {
    "shown_name": sa.String(200),
    "legal_regime": sa.String(16),
    "authorisation_number": sa.String(100),
    "authorisation_ends": sa.Date(),
    "least_days": sa.Integer(),
    "most_days": sa.Integer(),
}
_UNDECIDED = sa.text("state = 'new'")


def upgrade() -> None:
    # The strongest locks first, in the order in which others read the tables.
    for name, kind in _SITE.items():
        op.add_column("sites", sa.Column(name, kind))
    for name, kind in _CAMERA.items():
        op.add_column("cameras", sa.Column(name, kind))
    op.add_column(
        "cameras",
        sa.Column("keeps_sound", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    op.add_column(
        "videos",
        sa.Column("sound_to_remove", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_cameras_site_shown_name", "cameras", ["site_id", "shown_name"], unique=True)
    op.create_index(
        "ix_incidents_camera_undecided",
        "incidents",
        ["camera_id"],
        sqlite_where=_UNDECIDED,
        postgresql_where=_UNDECIDED,
    )


def downgrade() -> None:
    op.drop_index("ix_incidents_camera_undecided", "incidents")
    op.drop_index("ix_cameras_site_shown_name", "cameras")
    op.drop_column("videos", "sound_to_remove")
    for name in (*_CAMERA, "keeps_sound"):
        op.drop_column("cameras", name)
    for name in _SITE:
        op.drop_column("sites", name)
