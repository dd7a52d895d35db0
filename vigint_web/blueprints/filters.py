"""Refuse to act on all of a filter of which a part is not valid."""

from flask import flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.http.pages.incident_filters import asked_incidents, is_whole_filter


def refused_filter() -> Response | None:
    """Return the list of what is valid of the requested filter, with a message; None: all is."""
    if is_whole_filter():
        return None
    flash(_("A part of the filter is no longer valid. Check the list, then repeat."), "warning")
    return redirect(url_for("incidents.index", **asked_incidents()[1]))
