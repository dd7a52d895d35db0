"""Views of people."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ROLE_NAMES
from vigint_web.blueprints.pages.people.forms import ROLE_WORDS, AccessForm, InviteForm
from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.http.security.identity import actor
from vigint_web.i18n.user_agents import browser_words
from vigint_web.models import Role, User
from vigint_web.services.accounts import account_mails, sessions, sites, two_factor, user_admin
from vigint_web.services.core.runtime import mails_leave

blueprint = Blueprint("people", __name__, url_prefix="/people")

_PERSON = "/<int(max=2147483647):user_id>"


@blueprint.get("/")
def index() -> str:
    """List all users."""
    return render_template(
        "people/index.html",
        people=user_admin.list_people(),
        role_names=ROLE_NAMES,
        live=user_admin.count_sessions(),
        several_sites=len(sites.list_sites(actor())) > 1,
    )


@blueprint.route("/invite/", methods=["GET", "POST"])
def invite() -> Response | str | tuple[str, int]:
    """Invite a person by mail."""
    form = InviteForm(locale=str(get_locale()))
    form.offer(sites.list_sites(actor()))
    status = 200
    if form.validate_on_submit():
        try:
            user = user_admin.invite(
                actor(),
                form.email.data,
                form.role.data,
                _granted(form),
                form.locale.data,
            )
        except Conflict:
            form.email.errors = [_("Someone already has this address: see the list.")]
        else:
            return _linked(user, _("Invitation sent to %(email)s.", email=user.email))
    if form.errors or form.email.errors:
        status = 422
    page = render_template(
        "people/invite.html", form=form, role_words=ROLE_WORDS, by_mail=mails_leave()
    )
    return page, status


@blueprint.get(f"{_PERSON}/")
def show(user_id: int) -> str:
    """Show one user: sites, protection of the account, sessions."""
    user = user_admin.find_person(user_id)
    form = AccessForm(formdata=None, role=Role(user.role), sites=[site.id for site in user.sites])
    form.offer(sites.list_sites(actor()))
    return _shown(user, form)


@blueprint.post(f"{_PERSON}/access")
def set_access(user_id: int) -> Response | tuple[str, int]:
    """Change role and sites."""
    user = user_admin.find_person(user_id)
    form = AccessForm()
    form.offer(sites.list_sites(actor()))
    if user_id == actor().user_id:
        form.role.data = Role(user.role)  # not offered: users cannot change their own role
        form.role.validators = []
    if not form.validate_on_submit():
        return _shown(user, form), 422
    user_admin.set_access(actor(), user_id, form.role.data, _granted(form))
    flash(_("The access rights of %(email)s were saved.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/resend")
def resend(user_id: int) -> Response | str:
    """Send another invitation."""
    user = user_admin.resend_invitation(actor(), user_id)
    return _linked(user, _("Another invitation to %(email)s is on its way.", email=user.email))


@blueprint.post(f"{_PERSON}/reset")
def send_reset(user_id: int) -> Response | str:
    """Send a link for a new password."""
    user = user_admin.send_password_reset(actor(), user_id)
    sent = _("A link for a new password is on its way to %(email)s.", email=user.email)
    return _linked(user, sent)


@blueprint.post(f"{_PERSON}/link")
def show_link(user_id: int) -> str:
    """Show the link of the last mail, which no mail server accepted; audited."""
    return _link_page(user_id, user_admin.show_link(actor(), user_id))


@blueprint.post(f"{_PERSON}/two-factor/reset")
def reset_two_factor(user_id: int) -> Response:
    """Remove a lost second factor."""
    user_admin.reset_two_factor(actor(), user_id)
    if mails_leave():
        flash(_("The second factor was removed, and they were notified by mail."), "success")
    else:
        flash(
            _(
                "The second factor was removed. The mail about it stays in the outbox: it "
                "was not sent to anyone."
            ),
            "success",
        )
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/sessions/end")
def end_sessions(user_id: int) -> Response:
    """End every session of a user."""
    user = user_admin.find_person(user_id)
    here = sessions.current_of(actor(), user_id)
    sessions.end_sessions(actor(), user.id, keep=here)
    flash(_("The sessions of %(email)s were ended.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/deactivate")
def deactivate(user_id: int) -> Response:
    """Deactivate a user."""
    user = user_admin.deactivate(actor(), user_id)
    flash(_("%(email)s can no longer log in.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/reactivate")
def reactivate(user_id: int) -> Response:
    """Reactivate a user."""
    user = user_admin.reactivate(actor(), user_id)
    flash(_("%(email)s can log in again.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


def _linked(user: User, sent: str) -> Response | str:
    """Answer that a link was mailed; without a mail server show it, to be passed on."""
    if mails_leave():
        flash(sent, "success")
    elif user_admin.handed_over_link(actor(), user.id, at_once=True) is not None:
        return _link_page(user.id, user_admin.show_link(actor(), user.id, at_once=True))
    else:
        flash(_("The mail is in the outbox: no mail server is configured."), "success")
    return redirect(url_for("people.show", user_id=user.id))


def _link_page(user_id: int, address: str) -> str:
    return render_template(
        "people/link.html", person=user_admin.find_person(user_id), address=address
    )


def _granted(form: AccessForm) -> list[int]:
    return [int(number) for number in form.sites.data or []]


def _shown(user: User, form: AccessForm) -> str:
    return render_template(
        "people/show.html",
        person=user,
        form=form,
        role_names=ROLE_NAMES,
        role_words=ROLE_WORDS,
        itself=user.id == actor().user_id,
        mail=account_mails.newest_mail(user.id),
        by_hand=user_admin.handed_over_link(actor(), user.id),
        sessions=sessions.sessions_of(user.id),
        browser_words=browser_words,
        required=two_factor.is_required(user),
        by_mail=mails_leave(),
        now=utcnow(),
    )
