"""Recognise a full disk, and limit how long processing waits for space."""

import errno
from datetime import timedelta

# An alert that is a day old has lost its purpose.
ROOM_WAITED_FOR = timedelta(hours=24)
_FULL = {errno.ENOSPC, errno.EDQUOT}


def is_full(error: OSError) -> bool:
    """Return whether a working file did not fit on the disk or into its quota."""
    return error.errno in _FULL
