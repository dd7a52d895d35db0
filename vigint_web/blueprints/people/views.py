"""Views of people."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.people.forms import ROLE_NAMES, ROLE_WORDS, AccessForm, InviteForm
from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.http.identity import actor
from vigint_web.models import Role, User
from vigint_web.services import account_mails, people, sessions, sites, two_factor
from vigint_web.services.runtime import config
from vigint_web.user_agents import browser_words

blueprint = Blueprint("people", __name__, url_prefix="/people")

_PERSON = "/<int(max=2147483647):user_id>"


@blueprint.get("/")
def index() -> str:
    """List everybody."""
    return render_template(
        "people/index.html",
        people=people.list_people(),
        role_names=ROLE_NAMES,
        live=people.count_sessions(),
        several_sites=len(sites.list_sites(actor())) > 1,
    )


@blueprint.route("/invite/", methods=["GET", "POST"])
def invite() -> Response | str | tuple[str, int]:
    """Invite somebody by mail."""
    form = InviteForm(locale=str(get_locale()))
    form.offer(sites.list_sites(actor()))
    status = 200
    if form.validate_on_submit():
        try:
            user = people.invite(
                actor(),
                form.email.data,
                form.role.data,
                _granted(form),
                form.locale.data,
            )
        except Conflict:
            form.email.errors = [_("Somebody has this address already: look in the list.")]
        else:
            flash(_("%(email)s is invited; the mail is on its way.", email=user.email), "success")
            return redirect(url_for("people.show", user_id=user.id))
    if form.errors or form.email.errors:
        status = 422
    page = render_template("people/invite.html", form=form, role_words=ROLE_WORDS)
    return page, status


@blueprint.get(f"{_PERSON}/")
def show(user_id: int) -> str:
    """Show one person: what they may see, how their account is guarded, where they are in."""
    user = people.find_person(user_id)
    form = AccessForm(formdata=None, role=Role(user.role), sites=[site.id for site in user.sites])
    form.offer(sites.list_sites(actor()))
    return _shown(user, form)


@blueprint.post(f"{_PERSON}/access")
def set_access(user_id: int) -> Response | tuple[str, int]:
    """Change role and sites."""
    user = people.find_person(user_id)
    form = AccessForm()
    form.offer(sites.list_sites(actor()))
    if user_id == actor().user_id:
        form.role.data = Role(user.role)  # not offered: nobody changes their own
        form.role.validators = []
    if not form.validate_on_submit():
        return _shown(user, form), 422
    people.set_access(actor(), user_id, form.role.data, _granted(form))
    flash(_("What %(email)s may see is saved.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/resend")
def resend(user_id: int) -> Response:
    """Send another invitation."""
    user = people.resend_invitation(actor(), user_id)
    flash(_("Another invitation to %(email)s is on its way.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/reset")
def send_reset(user_id: int) -> Response:
    """Send a link that sets a new password."""
    user = people.send_password_reset(actor(), user_id)
    flash(_("A link for a new password is on its way to %(email)s.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/link")
def show_link(user_id: int) -> str:
    """Show the link of the last mail, which no mail server took; audited."""
    address = people.show_link(actor(), user_id)
    return render_template("people/link.html", person=people.find_person(user_id), address=address)


@blueprint.post(f"{_PERSON}/two-factor/reset")
def reset_two_factor(user_id: int) -> Response:
    """Take away a second factor that was lost."""
    people.reset_two_factor(actor(), user_id)
    flash(_("The second factor is removed, and a mail tells so."), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/sessions/end")
def end_sessions(user_id: int) -> Response:
    """End every session of somebody."""
    user = people.find_person(user_id)
    here = sessions.current_of(actor(), user_id)
    sessions.end_sessions(actor(), user.id, keep=here)
    flash(_("The sessions of %(email)s are ended.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/deactivate")
def deactivate(user_id: int) -> Response:
    """Keep somebody out."""
    user = people.deactivate(actor(), user_id)
    flash(_("%(email)s cannot log in any more.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


@blueprint.post(f"{_PERSON}/reactivate")
def reactivate(user_id: int) -> Response:
    """Let somebody in again."""
    user = people.reactivate(actor(), user_id)
    flash(_("%(email)s can log in again.", email=user.email), "success")
    return redirect(url_for("people.show", user_id=user_id))


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
        by_hand=people.handed_over_link(actor(), user.id),
        sessions=sessions.sessions_of(user.id),
        browser_words=browser_words,
        required=two_factor.is_required(user),
        by_mail=config().email.server is not None,
        now=utcnow(),
    )
