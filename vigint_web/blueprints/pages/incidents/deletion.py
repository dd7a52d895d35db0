"""Views that delete test alerts: one, or all of the list's filter."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from vigint_web.blueprints.filters import refused_filter
from vigint_web.blueprints.pages.incidents.blueprint import blueprint
from vigint_web.http.pages.incident_filters import asked_incidents
from vigint_web.http.pages.paging import asked_number
from vigint_web.http.security.identity import actor
from vigint_web.services.incidents import deletion
from vigint_web.services.incidents.arrivals import newest_id
from vigint_web.services.incidents.listing import MOST_COUNTED, IncidentList

# A request has 30 seconds; what is left is said.
_SECONDS = 15.0


@blueprint.post("/<reference>/delete")
def delete_test(reference: str) -> Response:
    """Delete a test alert."""
    deletion.delete_test(actor(), reference)
    flash(_("Test alert deleted."), "success")
    return redirect(url_for("incidents.index", tests="1"))


@blueprint.get("/delete-tests")
def tests_to_delete() -> str | Response:
    """Say what would be deleted with all test alerts of the list's filter, and ask."""
    wanted, kept = asked_incidents()
    refused = refused_filter(kept)
    if refused is not None:
        return refused
    count = IncidentList(actor(), wanted).count() if wanted.tests else 0
    if not count:
        flash(_("There is no test alert to delete."), "warning")
        return redirect(url_for("incidents.index", **(kept | {"tests": "1"})))
    return render_template(
        "incidents/delete_tests.html",
        count=count,
        most=MOST_COUNTED,
        newest=newest_id(actor()),
        kept=kept,
    )


@blueprint.post("/delete-tests")
def delete_tests() -> Response:
    """Delete all test alerts of the list's filter that were there when the question was asked."""
    wanted, kept = asked_incidents()
    refused = refused_filter(kept)
    if refused is not None:
        return refused
    newest = asked_number("newest")
    if not wanted.tests or newest is None:
        return redirect(url_for("incidents.tests_to_delete", **kept))
    deleted = deletion.delete_tests(actor(), wanted, newest, _SECONDS)
    if deleted.number:
        said = ngettext(
            "%(num)d test alert deleted.", "%(num)d test alerts deleted.", deleted.number
        )
        flash(said, "success")
    if deleted.left:
        flash(
            _("Not all could be deleted in the time of one request. Repeat it for the others."),
            "warning",
        )
    return redirect(url_for("incidents.index", **kept))
