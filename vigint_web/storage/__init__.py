"""Keep files under keys, behind one small Protocol."""

from vigint_web.config.config import Config
from vigint_web.storage.base import (
    Held,
    NoRoom,
    Staged,
    Storage,
    StorageError,
    check_key,
    is_key,
    is_name,
)
from vigint_web.storage.local import LocalStorage
from vigint_web.storage.workspace import Workspace

__all__ = [
    "Held",
    "LocalStorage",
    "NoRoom",
    "Staged",
    "Storage",
    "StorageError",
    "Workspace",
    "check_key",
    "is_key",
    "is_name",
    "open_storage",
]


def open_storage(config: Config) -> Storage:
    """Return the configured storage, without connecting yet."""
    workspace = Workspace(config.temp_dir)
    workspace.prepare()
    if config.s3 is not None:
        from vigint_web.storage.s3 import S3Storage  # boto3 takes half a second to load

        return S3Storage(config.s3, workspace)
    storage = LocalStorage(config.media_dir, workspace, shared=config.accel_redirect is not None)
    storage.prepare()
    return storage
