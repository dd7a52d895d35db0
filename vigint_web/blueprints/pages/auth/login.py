"""Log in with password and, if set up, second factor; log out."""

import time

from flask import Response, flash, g, redirect, render_template, session, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_limiter.util import get_remote_address
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from vigint_web.blueprints.pages.auth.blueprint import blueprint
from vigint_web.blueprints.pages.auth.forms import CodeForm, LoginForm
from vigint_web.extensions import limiter
from vigint_web.http.base.errors import status_of
from vigint_web.http.security.devices import device_of, is_known_device
from vigint_web.http.security.identity import visitor
from vigint_web.http.security.sessions import enter, forget_session, leave, safe_target
from vigint_web.models import User
from vigint_web.services.accounts import login as logins
from vigint_web.services.accounts import users
from vigint_web.services.accounts.login_throttling import TooSoon

# Stored between password and code: the user, the time, and the password's fingerprint.
_STEP = "second_step"
_STEP_SECONDS = 600


@blueprint.route("/login", methods=["GET", "POST"])
# Against floods; guessing is limited by the delays. Known browsers are not affected by others'
# floods.
@limiter.limit(
    "60/minute;600/hour",
    methods=["POST"],
    key_func=get_remote_address,
    exempt_when=is_known_device,
)
def login() -> AnyResponse | str:
    """Log a user in."""
    if current_user.is_authenticated:
        return redirect(safe_target())
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("auth/login.html", form=form)
    email = form.email.data
    try:
        user = logins.check_password(email, form.password.data, visitor(), device_of(email))
    except TooSoon as error:
        form.password.errors = [wait_sentence(error.seconds)]
        return refuse_for_now(render_template("auth/login.html", form=form), error)
    if user is None:
        form.password.errors = [_("The address or the password is wrong. Try again.")]
        return Response(render_template("auth/login.html", form=form), 401)
    if user.has_second_factor:
        target = safe_target()
        forget_session()
        session[_STEP] = [user.id, int(time.time()), _password_mark(user), target]
        return redirect(url_for("auth.code"))
    return enter(user, ["password"], safe_target())


@blueprint.route("/login/code", methods=["GET", "POST"])
@limiter.limit("60/minute;600/hour", methods=["POST"], exempt_when=is_known_device)
def code() -> AnyResponse | str:
    """Ask for the second factor after a correct password."""
    if current_user.is_authenticated:
        return redirect(safe_target())
    found = _second_step()
    if found is None:
        forget_session()
        flash(_("Logging in took too long. Start again."), "warning")
        return redirect(url_for("auth.login"))
    user, target = found
    form = CodeForm()
    if not form.validate_on_submit():
        return render_template("auth/code.html", form=form, email=user.email)
    try:
        factor = logins.check_code(user, form.code.data, visitor(), device_of(user.email))
    except TooSoon as error:
        form.code.errors = [wait_sentence(error.seconds)]
        page = render_template("auth/code.html", form=form, email=user.email)
        return refuse_for_now(page, error)
    if factor is None:
        form.code.errors = [_("This code is wrong, or was already used. Try the next one.")]
        page = render_template("auth/code.html", form=form, email=user.email)
        return Response(page, 401)
    return enter(user, ["password", factor], target)


@blueprint.post("/logout")
def logout() -> AnyResponse:
    """End this session."""
    leave()
    flash(_("You are logged out."), "success")
    return redirect(url_for("auth.login"))


def wait_sentence(seconds: int) -> str:
    """Return the delay after too many failures as a sentence."""
    if seconds < 60:
        sentence = ngettext(
            "Too many failed attempts. Wait %(num)d second, then try again.",
            "Too many failed attempts. Wait %(num)d seconds, then try again.",
            seconds,
        )
    else:
        sentence = ngettext(
            "Too many failed attempts. Wait %(num)d minute, then try again.",
            "Too many failed attempts. Wait %(num)d minutes, then try again.",
            -(-seconds // 60),
        )
    return str(sentence)


def refuse_for_now(page: str, error: TooSoon) -> Response:
    """Return a page with the time of the next attempt."""
    g.retry_after = error.seconds
    return Response(page, status_of(error))


def _second_step() -> tuple[User, str] | None:
    step = session.get(_STEP)
    if not isinstance(step, list) or len(step) != 4:
        return None
    user_id, since, mark, target = step
    user = users.find_user(int(user_id))
    if user is None or not user.active or not user.has_second_factor:
        return None
    if time.time() - int(since) > _STEP_SECONDS or mark != _password_mark(user):
        return None
    return user, str(target)


def _password_mark(user: User) -> str:
    return user.password_set_at.isoformat() if user.password_set_at else ""
