"""Validate the database of a backup before anything of the backup is installed."""

from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from vigint_web.errors import CommandRefused
from vigint_web.services.operations.database_dump import Contents
from vigint_web.services.operations.manifests import Manifest

# Found without an application: a backup may be verified without an installation.
_MIGRATIONS = Path(__file__).parents[2] / "migrations"


class RestoreRefused(CommandRefused):
    """Explain in a sentence why nothing was restored."""


def require_known_revision(revision: str | None) -> None:
    """Raise RestoreRefused for a database of an unknown revision."""
    scripts = ScriptDirectory(_MIGRATIONS)
    try:
        known = revision is None or revision in {
            script.revision for script in scripts.walk_revisions()
        }
    except CommandError:
        known = False
    if not known:
        raise RestoreRefused(
            "The backup was made by a newer Vigint: restore it with that version or a later one."
        )


def check_contents(found: Contents, manifest: Manifest) -> None:
    """Check that a backup's database matches its manifest, and is harmless.

    Raises:
        RestoreRefused: with a sentence; the backup is not used.
    """
    require_known_revision(found.revision)
    if found.rows != manifest.rows:
        tables = sorted(
            table
            for table in found.rows.keys() | manifest.rows.keys()
            if found.rows.get(table) != manifest.rows.get(table)
        )
        raise RestoreRefused(
            "The backup's database has not the rows it was made with (in"
            f" {', '.join(tables)[:200]}): use another backup."
        )
    if found.strange:
        raise RestoreRefused(
            f"The backup's database names a file {found.strange[0][:100]!r}: Vigint gives no such"
            " names, and nothing of it is used. Use another backup."
        )
