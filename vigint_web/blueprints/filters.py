"""Refuse to act on all of a filter of which a part is not valid."""

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.http.pages.incident_filters import is_whole


def refused_filter(kept: Mapping[str, Any]) -> Response | None:
    """Return the list of what is valid of the requested filter, with a message; None: all is.

    Args:
        kept: the arguments that keep the filter.
    """
    if is_whole(kept):
        return None
    flash(_("Part of the filter is no longer valid. Check the list, then try again."), "warning")
    return redirect(url_for("incidents.index", **kept))
