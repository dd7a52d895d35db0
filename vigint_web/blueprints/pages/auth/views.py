"""Views of the user's own account: language, preferences, password."""

from dataclasses import replace

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import refresh
from flask_login import current_user
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import zone_choices
from vigint_web.blueprints.pages.auth.blueprint import blueprint
from vigint_web.blueprints.pages.auth.forms import PasswordForm, PreferencesForm
from vigint_web.blueprints.pages.auth.login import wait_sentence
from vigint_web.config.values import LOCALES
from vigint_web.errors import Invalid
from vigint_web.extensions import limiter
from vigint_web.http.security.identity import actor, visitor
from vigint_web.http.security.sessions import safe_target
from vigint_web.i18n.refusals import mistake_sentence
from vigint_web.models import AccountMailPurpose
from vigint_web.services.accounts import account_mails, login, users
from vigint_web.services.accounts.login_throttling import TooSoon
from vigint_web.services.core.runtime import config


@blueprint.post("/language")
def language() -> Response:
    """Store the chosen language: for a user, or in this browser until a login."""
    choice = request.form.get("locale")
    if choice in LOCALES:
        if current_user.is_authenticated:
            kept = users.preferences_of(current_user)
            users.set_preferences(actor(), replace(kept, locale=choice))
            session.pop("locale", None)
        else:
            session["locale"] = choice
    return redirect(safe_target())


@blueprint.route("/account", methods=["GET", "POST"])
@limiter.limit("10/minute;60/hour", methods=["POST"])
def account() -> Response | str:
    """Change the user's own password; every other session of the user ends."""
    form = PasswordForm()
    if form.validate_on_submit() and _change_password(form):
        flash(_("Your password was changed. Your other sessions were ended."), "success")
        return redirect(url_for("auth.account"))
    # Each form of the page has its own data: this one shows the stored values.
    return _account(form, PreferencesForm(formdata=None, data=_kept()))


def _change_password(form: PasswordForm) -> bool:
    """Change the password, or show the reason in the form; return whether it was changed."""
    try:
        if not login.confirm_password(current_user, form.current.data, visitor()):
            form.current.errors = [_("This is not your password. Try again.")]
            return False
        users.set_password(actor(), current_user.email, form.new.data, keep=current_user.session_id)
    except TooSoon as error:
        form.current.errors = [wait_sentence(error.seconds)]
        return False
    except Invalid as error:
        form.new.errors = [mistake_sentence(one) for one in error.mistakes]
        return False
    account_mails.notify(current_user, AccountMailPurpose.PASSWORD_CHANGED)
    return True


@blueprint.post("/account/preferences")
def preferences() -> Response | str:
    """Change the user's own language, time zone, shortcuts, playing and sound."""
    form = PreferencesForm()
    if not form.validate_on_submit():
        return _account(PasswordForm(formdata=None), form)
    wanted = users.Preferences(
        locale=form.locale.data or None,
        timezone=form.timezone.data or None,
        shortcuts=form.shortcuts.data,
        autoplay=form.autoplay.data,
        alert_sound=form.alert_sound.data,
    )
    users.set_preferences(actor(), wanted)
    # Use the browser's language again; an earlier choice in this browser ends.
    session.pop("locale", None)
    refresh()
    flash(_("Preferences saved."), "success")
    return redirect(url_for("auth.account"))


def _account(password: PasswordForm, wanted: PreferencesForm) -> str:
    zone = config().timezone.key
    wanted.timezone.description = _(
        "Type a city. If empty, times are those of this installation: %(zone)s.", zone=zone
    )
    return render_template(
        "auth/account.html",
        form=password,
        preferences=wanted,
        zones=zone_choices(),
    )


def _kept() -> dict[str, object]:
    kept = users.preferences_of(current_user)
    return {
        "locale": kept.locale or "",
        "timezone": kept.timezone or "",
        "shortcuts": kept.shortcuts,
        "autoplay": kept.autoplay,
        "alert_sound": kept.alert_sound,
    }
