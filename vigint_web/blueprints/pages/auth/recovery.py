"""Mailed links: request a new password, and set one."""

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from vigint_web.blueprints.pages.auth.blueprint import blueprint
from vigint_web.blueprints.pages.auth.forms import ForgotForm, NewPasswordForm
from vigint_web.config.values import is_mailbox
from vigint_web.errors import Invalid
from vigint_web.extensions import limiter
from vigint_web.http.security.devices import remember_device
from vigint_web.http.security.sessions import as_response, forget_session, leave
from vigint_web.i18n.refusals import mistake_sentence
from vigint_web.services.accounts import account_mails, password_links, user_admin, users
from vigint_web.services.core.runtime import mails_leave

_TOKEN = "account_token"  # noqa: S105 - the name under which the browser carries it


@blueprint.route("/password/forgot", methods=["GET", "POST"])
@limiter.limit("5/minute;20/hour", methods=["POST"])
def forgot() -> str:
    """Request a link for a new password; the answer is the same for every address."""
    form = ForgotForm()
    asked = form.validate_on_submit()
    if asked:
        email = users.normalise_email(form.email.data)
        if is_mailbox(email):
            account_mails.ask_for_reset(email, str(get_locale()))
    return render_template("auth/forgot.html", form=form, asked=asked, by_mail=mails_leave())


@blueprint.route("/password/set", methods=["GET", "POST"])
@limiter.limit("10/minute;60/hour", methods=["POST"])
def set_password() -> Response | str | tuple[str, int]:
    """Set the password for the holder of a mailed link.

    The token is moved at once from the address to the browser's own cookie: no history, no Referer
    and no screenshot contains it. Opening the link changes nothing, so mail scanners may do it.
    """
    given = request.args.get("token")
    if given is not None:
        session[_TOKEN] = given[:300]
        return redirect(url_for("auth.set_password"))
    token = str(session.get(_TOKEN, ""))
    mail = password_links.open_token(token)
    form = NewPasswordForm()
    status = 200
    if form.validate_on_submit():
        try:
            user = user_admin.set_password_by_link(token, form.new.data)
        except Invalid as error:
            form.new.errors = [mistake_sentence(one) for one in error.mistakes]
        else:
            if current_user.is_authenticated:
                leave()
            forget_session()
            flash(_("Your password is set. Log in with it."), "success")
            answer = as_response(redirect(url_for("auth.login")))
            # A person who can read the account's mail is not a stranger.
            remember_device(answer, user.email)
            return answer
    if form.errors or form.new.errors:
        status = 422
    page = render_template("auth/set_password.html", form=form, email=mail.recipient)
    return (page, status)
