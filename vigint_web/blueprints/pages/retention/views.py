"""Views that decide about a shorter retention; the home page shows the pending one."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.errors import Conflict, NotFound
from vigint_web.http.security.identity import actor
from vigint_web.services.core.actors import Actor
from vigint_web.services.retention import camera_limits, changes
from vigint_web.services.videos.retention_rules import Days, Limits, Setting

blueprint = Blueprint("retention", __name__, url_prefix="/retention")

_CAMERA = "/cameras/<int(max=2147483647):camera_id>"


@blueprint.post("/<name>/confirm")
def confirm(name: str) -> Response:
    """Apply the shorter retention now."""
    return _decide(
        changes.confirm,
        name,
        _("The shorter retention is in force. What is older is deleted within minutes."),
    )


@blueprint.post("/<name>/keep")
def keep(name: str) -> Response:
    """Keep the longer one, regardless of the configuration."""
    return _decide(
        changes.decline,
        name,
        _("Nothing is deleted earlier. Set the configuration back when you can."),
    )


def _decide(decide: Callable[[Actor, Setting, Days], None], name: str, done: str) -> Response:
    if name not in {setting.value for setting in Setting}:
        raise NotFound
    try:
        decide(actor(), Setting(name), request.form.get("days", type=int))
    except Conflict:
        flash(
            _(
                "Nothing was changed: the configuration has changed in the meantime. "
                "Review what is pending."
            ),
            "danger",
        )
    else:
        flash(done, "success")
    return redirect(url_for("dashboard.home"))


@blueprint.post(f"{_CAMERA}/confirm")
def confirm_camera(camera_id: int) -> Response:
    """Apply the shorter time of keeping of a camera now."""
    return _decide_camera(
        camera_limits.confirm_limits,
        camera_id,
        _("The shorter retention is in force. What is older is deleted within minutes."),
    )


@blueprint.post(f"{_CAMERA}/keep")
def keep_camera(camera_id: int) -> Response:
    """Set a camera's settings back to the longer time, which is in force."""
    return _decide_camera(
        camera_limits.keep_limits,
        camera_id,
        _("Nothing is deleted earlier: the camera’s settings are those from before."),
    )


def _decide_camera(
    decide: Callable[[Actor, int, Limits], None], camera_id: int, done: str
) -> Response:
    least, most = (request.form.get(name, type=int) for name in ("least", "most"))
    try:
        decide(actor(), camera_id, Limits(least, most))
    except Conflict:
        flash(
            _(
                "Nothing was changed: the camera’s settings have changed in the meantime. "
                "Review what is pending."
            ),
            "danger",
        )
    else:
        flash(done, "success")
    return redirect(url_for("cameras.show", camera_id=camera_id))
