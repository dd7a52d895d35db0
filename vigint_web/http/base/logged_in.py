"""Whether the browser of the current request is logged in."""

from flask import g
from flask_login import current_user


def is_logged_in() -> bool:
    """Return whether a user is logged in; False while the database is unavailable.

    The user is in the database, which an error page must not query again.
    """
    return not g.get("database_down") and bool(current_user.is_authenticated)
