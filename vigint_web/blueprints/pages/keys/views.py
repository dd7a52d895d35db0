"""Views of API keys. A new key is shown in the answer to its creation, and nowhere else."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import SelectChoice

from vigint_web.blueprints.pages.keys.forms import SCOPE_WORDS, KeyForm
from vigint_web.clock import utcnow
from vigint_web.http.security.identity import actor
from vigint_web.models import ApiKey, Scope, Site
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core import addresses

blueprint = Blueprint("keys", __name__, url_prefix="/keys")


@blueprint.get("/")
def index() -> str:
    """List the keys, revoked ones last."""
    return render_template(
        "keys/index.html",
        keys=api_keys.list_api_keys(actor()),
        scope_words=_scope_words,
        now=utcnow(),
    )


@blueprint.get("/add/")
def add() -> str:
    """Show the form of a new key."""
    form, _choice = _form(request.args.get("name", "")[:200])
    return render_template("keys/add.html", form=form)


@blueprint.post("/add/")
def create() -> str | tuple[str, int]:
    """Create a key and show it once, without a redirect, so that it is stored nowhere in
    between.
    """
    form, choice = _form()
    if form.validate_on_submit():
        site = next((s for s in choice if "site" not in form or s.id == form.site.data), None)
        if site is None:
            form.name.errors = [_("There is no site yet.")]
        elif api_keys.is_name_taken(form.name.data, site):
            # Also the result of reloading the page of a new key, instead of creating another one.
            form.name.errors = [
                _(
                    "An active key already has this name. Choose another name, or revoke "
                    "that key first."
                )
            ]
        else:
            days = int(form.days.data) if form.days.data else None
            key = api_keys.create_api_key(
                actor(), form.name.data, site, form.scopes.data, days=days
            )
            return render_template(
                "keys/created.html",
                key=key,
                name=form.name.data,
                posts=Scope.INGEST in form.scopes.data,
                public=addresses.public,
            )
    return render_template("keys/add.html", form=form), 422


@blueprint.post("/<int(max=2147483647):key_id>/revoke")
def revoke(key_id: int) -> Response:
    """Revoke a key at once."""
    key = api_keys.revoke_api_key(actor(), key_id)
    flash(_("The key “%(name)s” was revoked: it is refused from now on.", name=key.name), "success")
    return redirect(url_for("keys.index"))


def _form(name: str = "") -> tuple[KeyForm, list[Site]]:
    choice = sites.list_sites(actor())
    form = KeyForm(name=name)
    if len(choice) > 1:
        # No default: uploads with the key would go to an unexpected site.
        form.site.choices = [
            SelectChoice("", _("Choose a site")),
            *(SelectChoice(str(site.id), site.name) for site in choice),
        ]
    else:
        del form.site
    return form, choice


def _scope_words(key: ApiKey) -> list[str]:
    return [str(SCOPE_WORDS[scope]) for scope in Scope if key.allows(scope)]
