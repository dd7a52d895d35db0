"""Describe working files as they will be stored, and publish them."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vigint_web.errors import LeaseLost, StorageFull
from vigint_web.models import NamedFile
from vigint_web.services.core.runtime import storage
from vigint_web.services.videos.lifecycle import delete_video_files
from vigint_web.storage import NoRoom


@contextmanager
def published(drafts: Mapping[str, Path]) -> Iterator[None]:
    """Rename working files into place for a block that commits their names.

    Args:
        drafts: each by its storage key, which contains the attempt's number, so that no other
            worker publishes it.
    """
    done: list[str] = []
    try:
        for key, draft in drafts.items():
            storage().publish(draft, key)
            done.append(key)
        yield
    except (LeaseLost, NoRoom, StorageFull):
        # Certainly not committed. After any other error a row may reference them; if it does not,
        # the sweep removes them.
        delete_video_files(done)
        raise


def named(key: str, path: Path, content_type: str | None = None) -> NamedFile:
    """Return the key, the size and the SHA-256 under which a working file is published."""
    return NamedFile(key, path.stat().st_size, _sha256(path), content_type)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
