"""Describe a working file as it will be stored."""

import hashlib
from pathlib import Path

from vigint_web.models import NamedFile


def named(key: str, path: Path, content_type: str | None = None) -> NamedFile:
    """Return the key, the size and the SHA-256 under which a working file is published."""
    return NamedFile(key, path.stat().st_size, _sha256(path), content_type)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
