"""Views of sites."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from vigint_web.blueprints.forms import on_one_line
from vigint_web.errors import Conflict
from vigint_web.http.security.identity import actor
from vigint_web.services.accounts import sites

blueprint = Blueprint("sites", __name__, url_prefix="/sites")


class SiteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for a site's name."""

    name = StringField(
        lazy_gettext("Name"),
        filters=[on_one_line],
        validators=[
            InputRequired(lazy_gettext("Give the site a name.")),
            Length(max=200, message=lazy_gettext("At most 200 characters.")),
        ],
        description=lazy_gettext("For example, a shop or a warehouse."),
        render_kw={"autocomplete": "off", "maxlength": 200},
    )


@blueprint.get("/")
def index() -> str:
    """List the sites with their contents."""
    return _listed(SiteForm(formdata=None))


@blueprint.post("/add")
def add() -> Response | tuple[str, int]:
    """Add a site."""
    form = SiteForm()
    if form.validate_on_submit():
        try:
            site = sites.add_site(actor(), form.name.data)
        except Conflict:
            form.name.errors = [_("There is already a site with this name.")]
        else:
            flash(_("Site “%(name)s” added.", name=site.name), "success")
            return redirect(url_for("sites.index"))
    return _listed(form), 422


@blueprint.post("/<int(max=2147483647):site_id>/rename")
def rename(site_id: int) -> Response | tuple[str, int]:
    """Rename a site; its contents are unaffected."""
    form = SiteForm(prefix=f"site{site_id}")
    if form.validate_on_submit():
        try:
            site = sites.rename_site(actor(), site_id, form.name.data)
        except Conflict:
            form.name.errors = [_("There is already a site with this name.")]
        else:
            flash(_("The site is now called “%(name)s”.", name=site.name), "success")
            return redirect(url_for("sites.index"))
    sites.find_site(actor(), site_id)
    return _listed(SiteForm(formdata=None), site_id, form), 422


def _listed(form: SiteForm, wrong_id: int = 0, wrong: SiteForm | None = None) -> str:
    listed = sites.count_everything(actor())
    forms = {
        row.site.id: wrong
        if wrong is not None and row.site.id == wrong_id
        else SiteForm(formdata=None, prefix=f"site{row.site.id}", name=row.site.name)
        for row in listed
    }
    return render_template("sites/index.html", listed=listed, form=form, forms=forms)
