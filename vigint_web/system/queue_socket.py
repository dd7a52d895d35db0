"""The socket of a data directory's embedded queue server. Standard library only.

A unix socket's path may have about 100 bytes; where the data directory's is longer, or cannot be
used otherwise, the socket is in a short private directory, whose name is stored beside the queue's
data so that every process of the installation finds it.
"""

import os
import re
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from vigint_web.system.private_files import private_folder

_LONGEST_PATH = 100
_SOCKET_NAME = "queue.sock"


def queue_dir(data_dir: Path) -> Path:
    """Return the directory of the embedded queue server's data."""
    return data_dir.absolute() / "queue"


def queue_socket(data_dir: Path) -> Path:
    """Return the socket's path; before the first start, the expected one."""
    own = queue_dir(data_dir) / _SOCKET_NAME
    if _is_usable(own):
        return own
    return _remembered(data_dir) or own


def queue_url(data_dir: Path) -> str:
    """Return the `unix://` URL of the embedded queue server."""
    return f"unix://{quote(str(queue_socket(data_dir)))}"


def prepare_queue_socket(data_dir: Path) -> Path:
    """Create the directories of the socket and return its path.

    For the one process that starts the server; others use `queue_socket`.
    """
    home = queue_dir(data_dir)
    # The directory's mode protects the socket until the server sets its own.
    private_folder(home)
    own = home / _SOCKET_NAME
    if _is_usable(own):
        return own
    remembered = _remembered(data_dir)
    if remembered is not None:
        return remembered
    socket = Path(tempfile.mkdtemp(prefix="vigint-")) / _SOCKET_NAME
    note = _note(data_dir)
    fresh = note.with_suffix(".new")
    fresh.write_text(f"{socket}\n")
    fresh.replace(note)
    return socket


def remove_queue_socket(data_dir: Path) -> None:
    """Remove the socket, and the private directory made for it, of a server that has ended."""
    socket = queue_socket(data_dir)
    socket.unlink(missing_ok=True)
    if socket.parent != queue_dir(data_dir):
        socket.parent.rmdir()
        _note(data_dir).unlink(missing_ok=True)


def _is_usable(socket: Path) -> bool:
    # RQ lists the server's clients, and redis-py splits the answer, which contains the path, at
    # these characters.
    return len(os.fsencode(socket)) <= _LONGEST_PATH and not re.search(r"[\s=]", str(socket))


def _note(data_dir: Path) -> Path:
    return queue_dir(data_dir) / "socket-path"


def _remembered(data_dir: Path) -> Path | None:
    try:
        socket = Path(_note(data_dir).read_text().strip())
        parent = socket.parent.lstat()
    except OSError:
        return None
    # The temporary directory is world-writable, and is cleaned at times: another user may have
    # taken the name since.
    private = (
        stat.S_ISDIR(parent.st_mode)
        and parent.st_uid == os.geteuid()
        and stat.S_IMODE(parent.st_mode) == 0o700
    )
    return socket if private else None
