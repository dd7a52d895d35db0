"""Check that a storage works."""

import secrets

from vigint_web.storage.base import Storage, StorageError


def probe(storage: Storage) -> None:
    """Write, read and remove a small file.

    Raises:
        StorageError: with a sentence that describes the failure.
    """
    key, written = f"check/{secrets.token_hex(8)}", secrets.token_bytes(64)
    draft = storage.new_temp(".check")
    draft.write_bytes(written)
    storage.publish(draft, key)
    try:
        with storage.open(key) as file:
            read = file.read()
    except FileNotFoundError:
        raise StorageError("the file that was just written is missing") from None
    finally:
        storage.delete(key)
    if read != written:
        raise StorageError("the file that was just written was read back with other content")
