"""Views of the check whether a phone outside reaches this installation."""

from flask import redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ActionForm
from vigint_web.blueprints.pages.dashboard.blueprint import blueprint
from vigint_web.errors import NotFound
from vigint_web.extensions import limiter
from vigint_web.http.base.errors import status_of
from vigint_web.services.operations import reach

_REPORTED = "reach"


@blueprint.get("/reach")
def reached() -> str | tuple[str, int]:
    """Show that the installation was reached; the page reports it by a form."""
    try:
        reach.check_token(request.args.get("token", ""))
    except NotFound as error:
        return render_template("dashboard/reach_ended.html"), status_of(error)
    return render_template(
        "dashboard/reach.html", form=ActionForm(), outside=session.pop(_REPORTED, None)
    )


@blueprint.post("/reach")
@limiter.limit("10/minute;60/hour")
def report_reach() -> Response:
    """Record that the code was opened."""
    token = request.args.get("token", "")
    found = reach.record_reach(token, request.host, request.remote_addr or "")
    session[_REPORTED] = found.from_outside
    return redirect(url_for("dashboard.reached", token=token))
