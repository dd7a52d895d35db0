"""Views of login and account."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response

from vigint_web.blueprints.auth.forms import LoginForm, PasswordForm
from vigint_web.config import LOCALES
from vigint_web.extensions import limiter
from vigint_web.http.identity import actor
from vigint_web.services import users
from vigint_web.services.actors import as_user

blueprint = Blueprint("auth", __name__)


@blueprint.route("/login", methods=["GET", "POST"])
@limiter.limit("10/minute;60/hour", methods=["POST"])
def login() -> Response | str | tuple[str, int]:
    """Let somebody in."""
    if current_user.is_authenticated:
        return redirect(_safe_target())
    form = LoginForm()
    if form.validate_on_submit():
        user = users.authenticate(form.email.data, form.password.data)
        if user is not None:
            users.record_login(as_user(user), user.id)
            _forget_session()
            login_user(user)
            session.permanent = True
            return redirect(_safe_target())
        form.password.errors = [_("The address or the password is not right. Try again.")]
        return render_template("auth/login.html", form=form), 401
    return render_template("auth/login.html", form=form)


@blueprint.post("/logout")
def logout() -> Response:
    """End this session."""
    logout_user()
    _forget_session()
    flash(_("You are logged out."), "success")
    return redirect(url_for("auth.login"))


@blueprint.post("/language")
def language() -> Response:
    """Remember a choice of language in this browser."""
    chosen = request.form.get("locale")
    if chosen in LOCALES:
        session["locale"] = chosen
    return redirect(_safe_target())


@blueprint.route("/account", methods=["GET", "POST"])
@limiter.limit("10/minute;60/hour", methods=["POST"])
def account() -> Response | str:
    """Change one's own password; every other session of this person ends."""
    form = PasswordForm()
    if form.validate_on_submit():
        if users.authenticate(current_user.email, form.current.data) is None:
            form.current.errors = [_("This is not your password. Try again.")]
        else:
            user = users.set_password(actor(), current_user.email, form.new.data)
            login_user(user)
            flash(_("Your password is changed. Your other sessions are ended."), "success")
            return redirect(url_for("auth.account"))
    return render_template("auth/account.html", form=form)


def _forget_session() -> None:
    """Start anew: nothing of whoever used this browser before survives but the language."""
    chosen = session.get("locale")
    session.clear()
    if chosen:
        session["locale"] = chosen


def _safe_target() -> str:
    """Return where to go next, within this site only."""
    target = request.values.get("next", "")
    # "//host" and "/\host" are other sites to a browser.
    inside = target.startswith("/") and not target.startswith(("//", "/\\"))
    if inside and not any(c in target for c in "\r\n\t\\"):
        return target
    return url_for("dashboard.home")
