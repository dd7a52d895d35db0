"""Views for editing a source."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.pages.sources.blueprint import blueprint
from vigint_web.blueprints.pages.sources.forms import SourceForm
from vigint_web.clock import utcnow
from vigint_web.errors import EditedMeanwhile
from vigint_web.http.security.identity import actor
from vigint_web.i18n.formats import date_and_time, offset_name, reader_zone
from vigint_web.models import Source
from vigint_web.services.sources import editing, sources
from vigint_web.services.sources.editing import Facts, facts_of
from vigint_web.services.sources.tags import list_tags


@blueprint.get("/<source_id>/edit")
def edit(source_id: str) -> str:
    """Show the form with the current values of a source."""
    source = sources.get_source(actor(), source_id)
    form = SourceForm()
    form.show(facts_of(source))
    return _page(source, form)


@blueprint.post("/<source_id>/edit")
def save(source_id: str) -> Response | tuple[str, int]:
    """Save the form, unless another user has changed the source meanwhile."""
    source = sources.get_source(actor(), source_id)
    form = SourceForm()
    if not form.validate_on_submit():
        return _page(source, form), 422
    wanted = form.facts(source.video.recorded_at)
    try:
        editing.edit_source(actor(), source_id, wanted, form.version.data or "")
    except EditedMeanwhile:
        source = sources.get_source(actor(), source_id)
        now = facts_of(source)
        form.version.raw_data = None
        form.version.data = now.version
        return _page(source, form, _differences(wanted, now)), 409
    flash(_("Changes saved."), "success")
    return redirect(url_for("sources.show", source_id=source_id))


def _differences(wanted: Facts, now: Facts) -> dict[str, str]:
    """Return the current values that differ from those in the form."""
    values = {
        _("Name"): (now.name, wanted.name),
        _("Description"): (now.description, wanted.description),
        _("Tags"): (", ".join(now.tags), ", ".join(wanted.tags)),
        _("Camera"): (now.camera, wanted.camera),
        _("Recorded at"): (_shown(now), _shown(wanted)),
    }
    return {label: here for label, (here, typed) in values.items() if here != typed}


def _shown(facts: Facts) -> str:
    return date_and_time(facts.recorded_at) if facts.recorded_at else ""


def _page(source: Source, form: SourceForm, meanwhile: dict[str, str] | None = None) -> str:
    form.offer_turns()
    recorded = source.video.recorded_at or utcnow()
    return render_template(
        "sources/edit.html",
        source=source,
        form=form,
        meanwhile=meanwhile,
        zone=offset_name(recorded, reader_zone()),
        cameras=editing.list_cameras(source.site_id),
        tags=[tag for tag in list_tags(actor()) if tag.site_id == source.site_id],
    )
