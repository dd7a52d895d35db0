"""Find out whether a storage does what it is for."""

import secrets

from vigint_web.storage.base import Storage, StorageError


def probe(storage: Storage) -> None:
    """Write, read and remove a small file.

    Raises:
        StorageError: with a sentence that says what does not work.
    """
    key, written = f"check/{secrets.token_hex(8)}", secrets.token_bytes(64)
    draft = storage.new_temp(".check")
    draft.write_bytes(written)
    storage.publish(draft, key)
    try:
        with storage.open(key) as file:
            read = file.read()
    except FileNotFoundError:
        raise StorageError("what was written just now is not there") from None
    finally:
        storage.delete(key)
    if read != written:
        raise StorageError("what was written just now came back changed")
