"""Views of sites."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ROLE_NAMES, ActionForm, zone_choices
from vigint_web.blueprints.pages.sites.forms import SiteForm, language_words
from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.http.pages.paging import asked_page
from vigint_web.http.security.identity import actor, can
from vigint_web.i18n.refusals import error_sentence
from vigint_web.i18n.timezones import offset_of
from vigint_web.permissions import Permission
from vigint_web.services.accounts import sites, user_admin
from vigint_web.services.core.runtime import config
from vigint_web.services.core.site_settings import cool_down_of, zone_of
from vigint_web.services.incidents.listing import MOST_COUNTED
from vigint_web.services.reports import site_overview

blueprint = Blueprint("sites", __name__, url_prefix="/sites")

_SITE = "/<int(max=2147483647):site_id>"


@blueprint.get("/")
def index() -> str:
    """List the reader's sites."""
    page = asked_page()
    rows, more = site_overview.site_rows(actor(), page)
    return render_template("sites/index.html", rows=rows, page=page, more=more, most=MOST_COUNTED)


@blueprint.get("/add")
def new() -> str:
    """Ask for a new site."""
    return _edited(SiteForm(formdata=None))


@blueprint.post("/add")
def add() -> Response | tuple[str, int]:
    """Add a site."""
    form = SiteForm()
    if form.validate_on_submit():
        try:
            site = sites.add_site(actor(), form.facts())
        except Conflict:
            form.name.errors = [_("There is already a site with this name.")]
        else:
            flash(_("Site “%(name)s” added.", name=site.name), "success")
            return redirect(url_for("sites.show", site_id=site.id))
    return _edited(form), 422


@blueprint.get(f"{_SITE}/")
def show(site_id: int) -> str:
    """Show one site: settings, cameras, people."""
    return _shown(site_id)


@blueprint.get(f"{_SITE}/edit")
def edit(site_id: int) -> str:
    """Ask for changed values of a site."""
    kept = sites.facts_of(sites.find_site(actor(), site_id))
    form = SiteForm(
        formdata=None,
        name=kept.name,
        address=kept.address,
        timezone=kept.timezone or "",
        locale=kept.locale or "",
        cooldown_seconds=kept.cooldown_seconds,
        sharing_needs_reason=kept.sharing_needs_reason,
    )
    return _edited(form, site_id)


@blueprint.post(f"{_SITE}/edit")
def save(site_id: int) -> Response | tuple[str, int]:
    """Change the values of a site; its contents are unaffected."""
    form = SiteForm()
    sites.find_site(actor(), site_id)
    if form.validate_on_submit():
        try:
            site = sites.edit_site(actor(), site_id, form.facts())
        except Conflict:
            form.name.errors = [_("There is already a site with this name.")]
        else:
            flash(_("The site “%(name)s” was saved.", name=site.name), "success")
            return redirect(url_for("sites.show", site_id=site_id))
    return _edited(form, site_id), 422


@blueprint.post(f"{_SITE}/people")
def set_people(site_id: int) -> Response | tuple[str, int]:
    """Grant a site to people, and withdraw it from others.

    Only what differs from the form as shown is changed: a colleague may have granted it meanwhile.
    """
    sites.find_site(actor(), site_id)
    shown, chosen = (set(request.form.getlist(name, type=int)) for name in ("shown", "person"))
    try:
        user_admin.change_people_of_site(
            actor(), site_id, granted=chosen - shown, withdrawn=shown - chosen
        )
    except user_admin.WithoutSites as error:
        return _shown(site_id, error_sentence(error), chosen), 409
    flash(_("The people of this site were saved."), "success")
    return redirect(url_for("sites.show", site_id=site_id))


def _shown(site_id: int, refused: str = "", chosen: set[int] | None = None) -> str:
    site = sites.find_site(actor(), site_id)
    cameras, more = site_overview.camera_rows(actor(), site_id)
    people = site_overview.people_of(site_id) if can(Permission.MANAGE_PEOPLE) else []
    return render_template(
        "sites/show.html",
        site=site,
        zone=zone_of(site),
        offset=offset_of(zone_of(site), utcnow()),
        language=language_words(site.locale),
        cool_down=int(cool_down_of(site).total_seconds()),
        cameras=cameras,
        most_of_camera=site_overview.MOST_OF_CAMERA,
        more=more,
        most=MOST_COUNTED,
        holdings=site_overview.holdings_of(site_id),
        people=people,
        granted={person.id for person in people} if chosen is None else chosen,
        shown={person.id for person in people},
        grantable=user_admin.list_grantable() if can(Permission.MANAGE_PEOPLE) else [],
        role_names=ROLE_NAMES,
        refused=refused,
        form=ActionForm(),
        today=utcnow().astimezone(zone_of(site)).date(),
    )


def _edited(form: SiteForm, site_id: int | None = None) -> str:
    form.explain(config().timezone.key, config().cooldown_seconds)
    return render_template(
        "sites/edit.html",
        form=form,
        site=sites.find_site(actor(), site_id) if site_id is not None else None,
        zones=zone_choices(),
    )
