"""Views of cameras."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.pages.cameras.forms import REGIMES, CameraForm
from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, Invalid
from vigint_web.http.pages.locale import use_zone
from vigint_web.http.pages.paging import asked_page
from vigint_web.http.security.identity import actor
from vigint_web.i18n.formats import date_and_minute, medium_day
from vigint_web.i18n.refusals import mistake_sentence
from vigint_web.i18n.retention import days_words, video_losses
from vigint_web.models import Camera
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.reports import site_overview
from vigint_web.services.retention import camera_limits

blueprint = Blueprint("cameras", __name__, url_prefix="/cameras")

_CAMERA = "/<int(max=2147483647):camera_id>"
# Renewing an authorisation takes months.
_SOON = timedelta(days=120)


@blueprint.get("/")
def index() -> str:
    """List the cameras of the reader's sites, or of one site."""
    page, known = asked_page(), sites.list_sites(actor())
    wanted = request.args.get("site", type=int)
    wanted = wanted if wanted in {site.id for site in known} else None
    rows, more = site_overview.camera_rows(actor(), wanted, page)
    return render_template(
        "cameras/index.html",
        rows=rows,
        page=page,
        more=more,
        sites=[(str(site.id), site.name) for site in known],
        kept={"site": str(wanted)} if wanted else {},
        most=site_overview.MOST_OF_CAMERA,
        today=utcnow().date(),
    )


@blueprint.get("/add")
def new() -> str:
    """Ask for a new camera."""
    form = CameraForm(formdata=None, site=request.args.get("site", type=int))
    return _edited(form)


@blueprint.post("/add")
def add() -> Response | tuple[str, int]:
    """Add a camera."""
    form = CameraForm()
    form.offer(sites.list_sites(actor()))
    if form.validate_on_submit():
        try:
            camera = cameras.add_camera(actor(), form.site.data, form.facts())
        except (Conflict, Invalid) as error:
            _refuse(form, error)
        else:
            flash(_("Camera “%(name)s” added.", name=camera.name), "success")
            return redirect(url_for("cameras.show", camera_id=camera.id))
    return _edited(form), 422


@blueprint.get(f"{_CAMERA}/")
def show(camera_id: int) -> str:
    """Show one camera: its authorisation, and what it detected."""
    camera = cameras.find_camera(actor(), camera_id)
    use_zone(zone_of(camera.site))
    [row] = site_overview.describe_cameras(actor(), [camera])
    today = utcnow().astimezone(zone_of(camera.site)).date()
    kept = camera_limits.describe(actor(), camera_id)
    return render_template(
        "cameras/show.html",
        kept=kept,
        kept_for=days_words(kept.days if kept.waits else kept.wanted),
        waits=_waiting_words(kept),
        camera=camera,
        row=row,
        regime=REGIMES[cameras.facts_of(camera).legal_regime],
        ends=medium_day(camera.authorisation_ends) if camera.authorisation_ends else None,
        today=today,
        soon=today + _SOON,
        most=site_overview.MOST_OF_CAMERA,
    )


@blueprint.get(f"{_CAMERA}/edit")
def edit(camera_id: int) -> str:
    """Ask for changed values of a camera."""
    camera = cameras.find_camera(actor(), camera_id)
    kept = cameras.facts_of(camera)
    form = CameraForm(
        formdata=None,
        site=camera.site_id,
        name=kept.name,
        legal_regime=kept.legal_regime or "",
        authorisation_number=kept.authorisation_number,
        authorisation_ends=kept.authorisation_ends,
        least_days=kept.least_days,
        most_days=kept.most_days,
        drops_sound=not kept.keeps_sound,
    )
    return _edited(form, camera)


@blueprint.post(f"{_CAMERA}/edit")
def save(camera_id: int) -> Response | tuple[str, int]:
    """Change the values of a camera."""
    camera, form = cameras.find_camera(actor(), camera_id), CameraForm()
    del form.site  # a camera stays where it is
    if form.validate_on_submit():
        try:
            camera = cameras.edit_camera(actor(), camera_id, form.facts())
        except (Conflict, Invalid) as error:
            _refuse(form, error)
        else:
            flash(_("The camera “%(name)s” was saved.", name=camera.name), "success")
            return redirect(url_for("cameras.show", camera_id=camera_id))
    return _edited(form, camera), 422


def _waiting_words(kept: camera_limits.CameraRetention) -> dict[str, str] | None:
    """Return what a shorter time of keeping that waits would delete, and until when it waits."""
    if kept.waits is None:
        return None
    return {
        "changed": _(
            "The settings of this camera: %(new)s, instead of %(old)s.",
            new=days_words(kept.wanted),
            old=days_words(kept.days),
        ),
        "losses": video_losses(kept.now, kept.soon),
        "outlook": _(
            "This takes effect on %(time)s, unless an administrator decides earlier or changes "
            "the settings back.",
            time=date_and_minute(utcnow() + kept.waits.remaining),
        ),
    }


def _refuse(form: CameraForm, error: Conflict | Invalid) -> None:
    """Show why the values were refused, at their fields."""
    if isinstance(error, Conflict):
        form.name.errors = [_("Another camera of this site has this name.")]
        return
    for mistake in error.mistakes:
        field = form[mistake.field or "name"]
        field.errors = [*field.errors, mistake_sentence(mistake)]


def _edited(form: CameraForm, camera: Camera | None = None) -> str:
    if camera is None:
        form.offer(sites.list_sites(actor()))
    return render_template("cameras/edit.html", form=form, camera=camera)
