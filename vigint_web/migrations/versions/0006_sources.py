"""Sources: resumable uploads, tags and cameras, a timeline of every video, sizes to add up.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

from vigint_web.i18n.collation import fold, sort_key

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NARROWING = ("status", "site_id", "format", "stored_size")
_LISTS = {
    "created": ("created_at", "id", *_NARROWING),
    "size": ("original_size", "id", *_NARROWING, "created_at"),
    "duration": ("duration", "id", *_NARROWING, "created_at"),
    "recorded": ("recorded_at", "id", *_NARROWING, "created_at"),
    "name": ("original_name",),
}
_SIZES = ("original", "frames", "playable", "poster", "thumbnail")


def upgrade() -> None:
    _extend_videos()
    _extend_sources()
    _create_uploads()


def _extend_videos() -> None:
    with op.batch_alter_table("videos") as batch:
        batch.add_column(sa.Column("sprite_key", sa.String(length=400)))
        batch.add_column(sa.Column("sprite_size", sa.Integer()))
        batch.add_column(sa.Column("sprite_sha256", sa.String(length=64)))
        batch.add_column(
            sa.Column("stored_size", sa.BigInteger(), nullable=False, server_default="0")
        )
        batch.add_column(sa.Column("scenes", sa.JSON()))
        batch.add_column(sa.Column("timeline", sa.JSON()))
        batch.create_index(batch.f("ix_videos_original_sha256"), ["original_sha256"])
    with op.batch_alter_table("videos") as batch:
        batch.alter_column("stored_size", server_default=None)
    # The playable version may be the original itself: that file counts once.
    parts = " + ".join(f"coalesce({name}_size, 0)" for name in _SIZES)
    op.execute(
        f"UPDATE videos SET stored_size = {parts}"  # noqa: S608 - names written above
        " - CASE WHEN playable_key = original_key THEN coalesce(playable_size, 0) ELSE 0 END"
    )
    with op.batch_alter_table("videos") as batch:
        for order, columns in _LISTS.items():
            batch.create_index(f"ix_videos_by_{order}", ["kind", *columns])
        batch.create_index("ix_videos_added_up", ["kind", "site_id", "stored_size"])


def _extend_sources() -> None:
    op.create_table(
        "tags",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_tags_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("site_id", "name", name=op.f("uq_tags_site_id")),
    )
    op.create_table(
        "source_tags",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_source_tags_source_id_sources"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name=op.f("fk_source_tags_tag_id_tags"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "tag_id", name=op.f("pk_source_tags")),
    )
    op.create_index(op.f("ix_source_tags_tag_id"), "source_tags", ["tag_id"])
    with op.batch_alter_table("sources") as batch:
        batch.add_column(sa.Column("camera_id", sa.Integer()))
        batch.add_column(
            sa.Column("keeps_duplicate", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.create_foreign_key(
            batch.f("fk_sources_camera_id_cameras"),
            "cameras",
            ["camera_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch.add_column(
            sa.Column(
                "sort_name",
                sa.String(length=255).with_variant(
                    sa.String(length=255, collation="C"), "postgresql"
                ),
                nullable=False,
                server_default="",
            )
        )
        batch.add_column(sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    _fold_names()
    with op.batch_alter_table("sources") as batch:
        batch.alter_column("keeps_duplicate", server_default=None)
        batch.alter_column("sort_name", server_default=None)
        batch.alter_column("search_text", server_default=None)
        batch.create_index("ix_sources_by_name", ["sort_name", "video_id", "site_id"])
        batch.create_index("ix_sources_camera_id", ["camera_id", "video_id"])


def _fold_names() -> None:
    connection = op.get_bind()
    columns = ("id", "source_id", "name", "description", "sort_name", "search_text")
    table = sa.table("sources", *(sa.column(name) for name in columns))
    folded = [
        {
            "its_id": row.id,
            "sorted": sort_key(row.name),
            "searched": fold(f"{row.source_id} {row.name} {row.description}"),
        }
        for row in connection.execute(sa.select(*list(table.c)[:4]))
    ]
    if folded:
        change = sa.update(table).where(table.c.id == sa.bindparam("its_id"))
        values = {"sort_name": sa.bindparam("sorted"), "search_text": sa.bindparam("searched")}
        connection.execute(change.values(values), folded)


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=64), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("api_key_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("writer", sa.String(length=32)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"fk_uploads_{column}_{table}"),
                ondelete="CASCADE",
            )
            for column, table in (
                ("source_id", "sources"),
                ("user_id", "users"),
                ("api_key_id", "api_keys"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("public_id", name=op.f("uq_uploads_public_id")),
        sa.UniqueConstraint("source_id", name=op.f("uq_uploads_source_id")),
    )
    op.create_index(op.f("ix_uploads_expires_at"), "uploads", ["expires_at"])


def downgrade() -> None:
    op.drop_table("uploads")
    with op.batch_alter_table("sources") as batch:
        batch.drop_index("ix_sources_camera_id")
        batch.drop_index("ix_sources_by_name")
        batch.drop_constraint(batch.f("fk_sources_camera_id_cameras"), type_="foreignkey")
        batch.drop_column("search_text")
        batch.drop_column("sort_name")
        batch.drop_column("keeps_duplicate")
        batch.drop_column("camera_id")
    op.drop_table("source_tags")
    op.drop_table("tags")
    with op.batch_alter_table("videos") as batch:
        batch.drop_index("ix_videos_added_up")
        for order in _LISTS:
            batch.drop_index(f"ix_videos_by_{order}")
        batch.drop_index(batch.f("ix_videos_original_sha256"))
        for column in (
            "timeline",
            "scenes",
            "stored_size",
            "sprite_sha256",
            "sprite_size",
            "sprite_key",
        ):
            batch.drop_column(column)
