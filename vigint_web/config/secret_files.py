"""Keep generated secrets in files of the data directory that only their owner can read."""

import os
import secrets
from pathlib import Path

from vigint_web.crypto.tokens import new_token
from vigint_web.system.private_files import narrow, private_folder


def stored_secret(path: Path) -> str:
    """Return the content of a secret file, generated on first use; raises OSError."""
    if not path.parent.is_dir():
        private_folder(path.parent)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new_token(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link never overwrites: of two concurrent first starts both use the same secret.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    narrow(path)
    return path.read_text(encoding="utf-8").strip()
