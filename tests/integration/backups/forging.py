"""Modify a backup with knowledge of its seal."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def forge(made: Path, target: Path, change: Callable[[dict[str, bytes]], Any]) -> None:
    """Write a backup with modified members and a valid manifest.

    Args:
        change: called with the members; the numbers of rows that it returns go into the manifest.
    """
    with tarfile.open(made) as tar:
        members = {name: content(tar, name) for name in tar.getnames()}
    manifest = json.loads(members.pop("manifest.json"))
    members.pop("manifest.sha256")
    more = change(members)
    manifest["files"] = {
        name: [len(data), hashlib.sha256(data).hexdigest()] for name, data in members.items()
    }
    manifest["rows"] |= more if isinstance(more, dict) else {}
    sealed = json.dumps(manifest).encode()
    members |= {
        "manifest.json": sealed,
        "manifest.sha256": hashlib.sha256(sealed).hexdigest().encode(),
    }
    with tarfile.open(target, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def content(tar: tarfile.TarFile, name: str) -> bytes:
    """Return the bytes of a member."""
    file = tar.extractfile(name)
    assert file is not None
    return file.read()
