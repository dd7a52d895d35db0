"""The user's own security: sessions, second factor, recovery codes."""

import time

import segno
from flask import Response, flash, redirect, render_template, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from vigint_web.blueprints.pages.auth.blueprint import blueprint
from vigint_web.blueprints.pages.auth.forms import CodeForm, PasswordProofForm, ProofForm
from vigint_web.blueprints.pages.auth.login import refuse_for_now, wait_sentence
from vigint_web.errors import Conflict, Invalid
from vigint_web.extensions import limiter
from vigint_web.http.security.identity import actor, visitor
from vigint_web.i18n.user_agents import browser_words
from vigint_web.services.accounts import login, sessions, two_factor
from vigint_web.services.accounts.login_throttling import TooSoon

# The session that proved the password for the setup of a second factor, and when.
_PROVED = "second_factor_proved"
_PROOF_SECONDS = 900


@blueprint.get("/account/security")
def security() -> str:
    """Show the protection of the account, and its sessions."""
    return render_template(
        "auth/security.html",
        sessions=sessions.sessions_of(current_user.id),
        browser_words=browser_words,
        codes_left=two_factor.count_recovery_codes(current_user.id),
        required=two_factor.is_required(current_user),
    )


@blueprint.post("/account/security/sessions/<int(max=2147483647):session_id>/end")
def end_session(session_id: int) -> AnyResponse:
    """End one of the user's own sessions."""
    sessions.end_session(actor(), current_user.id, session_id)
    flash(_("Session ended."), "success")
    return redirect(url_for("auth.security"))


@blueprint.post("/account/security/sessions/end")
def end_other_sessions() -> AnyResponse:
    """End all of the user's own sessions but this one."""
    sessions.end_sessions(actor(), current_user.id, keep=current_user.session_id)
    flash(_("All other sessions were ended."), "success")
    return redirect(url_for("auth.security"))


@blueprint.post("/account/security/two-factor/begin")
@limiter.limit("10/minute;60/hour")
def begin_two_factor() -> AnyResponse:
    """Create the secret of a second factor, after the password was proved again.

    Otherwise an unattended browser, or a stolen session, could set up another person's second
    factor, and lock the owner out.
    """
    if current_user.has_second_factor:
        raise Conflict
    form = PasswordProofForm()
    if form.validate_on_submit():
        try:
            if login.confirm_password(current_user, form.password.data, visitor()):
                two_factor.begin_setup(actor(), current_user.id)
                session[_PROVED] = [current_user.session_id, int(time.time())]
                return redirect(url_for("auth.two_factor_setup"))
        except TooSoon as error:
            form.password.errors = [wait_sentence(error.seconds)]
            return refuse_for_now(_setup_page(proof=form), error)
        form.password.errors = [_("This is not your password. Try again.")]
    return Response(_setup_page(proof=form), 422)


@blueprint.route("/account/security/two-factor", methods=["GET", "POST"])
@limiter.limit("10/minute;60/hour", methods=["POST"])
def two_factor_setup() -> AnyResponse | str:
    """Set up a second factor: scan, then confirm by a code."""
    if current_user.has_second_factor:
        return redirect(url_for("auth.security"))
    if not _has_proved_password():
        return _setup_page(proof=PasswordProofForm(formdata=None))
    form = CodeForm()
    if form.validate_on_submit():
        try:
            codes = two_factor.confirm_setup(
                actor(), current_user.id, form.code.data, keep=current_user.session_id
            )
        except Invalid:
            form.code.errors = [
                _("This code is wrong. Check the phone’s clock, then try the next code.")
            ]
            return Response(_setup_page(form), 422)
        session.pop(_PROVED, None)
        # Shown in this answer only: they are not stored in plain text.
        return render_template("auth/recovery_codes.html", codes=codes, first=True)
    return _setup_page(form)


def _has_proved_password() -> bool:
    """Return whether this session recently proved the password for this setup."""
    proved = session.get(_PROVED)
    if not isinstance(proved, list) or len(proved) != 2 or proved[0] != current_user.session_id:
        return False
    return 0 <= time.time() - int(proved[1]) <= _PROOF_SECONDS


@blueprint.route("/account/security/recovery-codes", methods=["GET", "POST"])
@limiter.limit("10/minute;60/hour", methods=["POST"])
def recovery_codes() -> AnyResponse | str:
    """Replace the user's recovery codes, after proof."""
    if not current_user.has_second_factor:
        return redirect(url_for("auth.security"))
    refused, form = _proof("codes")
    if refused is not None:
        return refused
    if form is not None:
        return render_template("auth/proof.html", form=form, what="codes")
    codes = two_factor.renew_recovery_codes(actor(), current_user.id)
    return render_template("auth/recovery_codes.html", codes=codes, first=False)


@blueprint.route("/account/security/two-factor/off", methods=["GET", "POST"])
@limiter.limit("10/minute;60/hour", methods=["POST"])
def two_factor_off() -> AnyResponse | str:
    """Turn the user's second factor off, after proof of both."""
    if not current_user.has_second_factor or two_factor.is_required(current_user):
        return redirect(url_for("auth.security"))
    refused, form = _proof("off")
    if refused is not None:
        return refused
    if form is not None:
        return render_template("auth/proof.html", form=form, what="off")
    two_factor.disable(actor(), current_user.id, keep=current_user.session_id)
    flash(_("The second factor is off. All other sessions were ended."), "success")
    return redirect(url_for("auth.security"))


def _proof(what: str) -> tuple[Response | None, ProofForm | None]:
    """Ask for password and code; return a refusing answer, or the form; neither if proved."""
    form = ProofForm()
    if not form.validate_on_submit():
        return None, form
    try:
        if not login.confirm_password(current_user, form.password.data, visitor()):
            form.password.errors = [_("This is not your password. Try again.")]
        elif login.check_code(current_user, form.code.data, visitor(), _here()) is None:
            form.code.errors = [_("This code is wrong, or was already used. Try the next one.")]
        else:
            return None, None
    except TooSoon as error:
        form.password.errors = [wait_sentence(error.seconds)]
        page = render_template("auth/proof.html", form=form, what=what)
        return refuse_for_now(page, error), None
    return Response(render_template("auth/proof.html", form=form, what=what), 422), None


def _here() -> str:
    return f"session:{current_user.session_id}"


def _setup_page(form: CodeForm | None = None, proof: PasswordProofForm | None = None) -> str:
    """Return the page: the password first, then the key and a field for the code."""
    setup = two_factor.pending_setup(current_user) if proof is None else None
    if setup is None and proof is None:
        proof = PasswordProofForm(formdata=None)
    return render_template(
        "auth/two_factor.html",
        form=form,
        proof=proof,
        setup=setup,
        drawing=_drawn(setup.uri) if setup is not None else "",
        required=two_factor.is_required(current_user),
    )


def _drawn(uri: str) -> Markup:
    """Return a QR code as SVG, black on white in every theme, because phones read no other."""
    code = segno.make(uri, error="m", micro=False)
    return Markup(code.svg_inline(scale=5, dark="#000", light="#fff", omitsize=True))  # noqa: S704 - drawn here
