"""Keep files under keys, behind one small Protocol."""

from vigint_web.storage.base import NoRoom, Storage, StorageError, check_key
from vigint_web.storage.local import LocalStorage

__all__ = ["LocalStorage", "NoRoom", "Storage", "StorageError", "check_key"]
