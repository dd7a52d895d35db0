"""Let nginx send what is short: X-Accel-Redirect, where it is set up on both sides.

nginx keeps neither the status nor the range of an answer that it is told to send: it works them out
anew from the request. Handed over is only what it works out as Vigint did.
"""

import re

from flask import request

from vigint_web.errors import NotFound
from vigint_web.http.streaming.ranges import BROWSER_PART, Answer
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.videos.stored_files import StoredBytes
from vigint_web.storage import LocalStorage

# What nginx sends cannot be cut when a link dies: never more than a browser gets at once anyway.
_LONGEST = BROWSER_PART
# How the site of nginx says that it has the internal location, and where.
_ANNOUNCED = "X-Accel-Prefix"
# nginx judges these by the file's time and by its own entity tag.
_CONDITIONS = ("If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
# Ranges in the one spelling that nginx and ranges.py are known to read alike.
_RANGE = re.compile(r"bytes=(?:[0-9]{1,15}-([0-9]{0,15})|-[0-9]{1,15})")


def handed_over(stored: StoredBytes, decided: Answer) -> str | None:
    """Return the internal address that nginx shall send instead of Vigint, or None.

    Raises:
        NotFound: the file is gone: nginx would say so in its own words.
    """
    if not (_is_wanted() and decided.length <= _LONGEST and _is_read_alike(stored, decided)):
        return None
    try:
        with storage().local_copy(stored.key):
            return f"{config().accel_redirect}{stored.key}"
    except FileNotFoundError:
        raise NotFound from None


def _is_wanted() -> bool:
    # Somebody who reaches Vigint past nginx would get an answer without a body.
    behind_proxy = "werkzeug.proxy_fix.orig" in request.environ
    prefix = config().accel_redirect
    return (
        prefix is not None
        and behind_proxy
        and request.headers.get(_ANNOUNCED) == prefix
        and isinstance(storage(), LocalStorage)
    )


def _is_read_alike(stored: StoredBytes, decided: Answer) -> bool:
    headers = request.headers
    if request.method != "GET" or any(name in headers for name in _CONDITIONS):
        return False
    asked = headers.get("Range")
    if asked is None or decided.status != 206:
        return asked is None and decided.status == 200
    found = _RANGE.fullmatch(asked)
    # An open end that Vigint cut short is one that nginx would not.
    return found is not None and (bool(found.group(1)) or decided.last == stored.size - 1)
