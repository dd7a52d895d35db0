"""Let nginx send short answers: X-Accel-Redirect, where it is configured on both sides.

nginx ignores the status and the range of such an answer and computes them from the request. So only
requests for which its result is the same are handed over.
"""

import re

from werkzeug.wrappers import Request

from vigint_web.errors import NotFound
from vigint_web.http.streaming.ranges import BROWSER_PART, Answer
from vigint_web.services.core.runtime import Runtime
from vigint_web.services.videos.stored_files import StoredBytes
from vigint_web.storage import LocalStorage

# An answer sent by nginx cannot be closed when a link ends: never more than a browser gets at once
# anyway.
_LONGEST = BROWSER_PART
# The header by which nginx announces its internal location.
_ANNOUNCED = "X-Accel-Prefix"
# nginx evaluates these with the file's time and its own entity tag.
_CONDITIONS = ("If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
# Ranges in the only spelling that nginx and ranges.py interpret identically.
_RANGE = re.compile(r"bytes=(?:[0-9]{1,15}-([0-9]{0,15})|-[0-9]{1,15})")


def handed_over(
    stored: StoredBytes, decided: Answer, asked: Request, runtime: Runtime
) -> str | None:
    """Return the internal address that nginx is to send, or None.

    Raises:
        NotFound: the file is missing, for which nginx would send its own answer.
    """
    if not _is_wanted(asked, runtime) or decided.length > _LONGEST:
        return None
    if not _is_read_alike(stored, decided, asked):
        return None
    try:
        with runtime.storage.local_copy(stored.key):
            return f"{runtime.config.accel_redirect}{stored.key}"
    except FileNotFoundError:
        raise NotFound from None


def _is_wanted(asked: Request, runtime: Runtime) -> bool:
    # A client that reaches Vigint without nginx would get an answer without a body.
    behind_proxy = "werkzeug.proxy_fix.orig" in asked.environ
    prefix = runtime.config.accel_redirect
    return (
        prefix is not None
        and behind_proxy
        and asked.headers.get(_ANNOUNCED) == prefix
        and isinstance(runtime.storage, LocalStorage)
    )


def _is_read_alike(stored: StoredBytes, decided: Answer, asked: Request) -> bool:
    headers = asked.headers
    if asked.method != "GET" or any(name in headers for name in _CONDITIONS):
        return False
    given = headers.get("Range")
    if given is None or decided.status != 206:
        return given is None and decided.status == 200
    found = _RANGE.fullmatch(given)
    # nginx would not shorten an open-ended range.
    return found is not None and (bool(found.group(1)) or decided.last == stored.size - 1)
