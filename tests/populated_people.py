"""Fill an installation with users: active, with a second factor, only invited."""

import pyotp
from sqlalchemy import select

from tests.library import ACTOR
from tests.populated_words import State
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import AccountMail, LegalRegime, Role, Site, User
from vigint_web.services.accounts import (
    account_mails,
    password_links,
    sites,
    two_factor,
    user_admin,
    users,
)
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.core.actors import as_user
from vigint_web.services.notifications import account_delivery

ADMIN, GUARDED = "admin@example.com", "guarded@example.com"
PASSWORD = "correct horse battery"


def add_admin() -> None:
    """Add the user who views the pages."""
    users.create_user(ACTOR, ADMIN, PASSWORD, Role.ADMIN)


def add_sites(state: State) -> None:
    """Add sites beside the first, in large states; few installations have several."""
    if state.count == 1:
        return
    first = sites.default_site()
    first.address, first.timezone = f"{state.words.names[0]}\n69002 Lyon", "Indian/Reunion"
    camera = camera_of(first.id, state.words.names[0])
    camera.shown_name, camera.legal_regime = f"{state.words.names[0]} 2"[-200:], LegalRegime.OPEN
    camera.authorisation_ends, camera.most_days = utcnow().date(), 30
    for number, name in enumerate(state.words.names[:5]):
        sites.get_or_add_site(f"site-{number}")
        db.session.scalars(select(Site).where(Site.slug == f"site-{number}")).one().name = name


def add_people(state: State) -> tuple[dict[str, int], str]:
    """Add all other users; return one of each kind, and a recovery code of the one with a second
    factor.
    """
    guarded = users.create_user(ACTOR, GUARDED, PASSWORD, Role.OPERATOR)
    two_factor.begin_setup(as_user(guarded), guarded.id)
    db.session.flush()
    setup = two_factor.pending_setup(guarded)
    assert setup is not None
    codes = two_factor.confirm_setup(
        as_user(guarded), guarded.id, pyotp.TOTP(setup.secret).at(utcnow())
    )
    site = sites.default_site()
    address = "x" + state.words.addresses[0][1:]
    invited = user_admin.invite(ACTOR, "invited@example.com", Role.VIEWER, [site.id], "fr")
    user_admin.invite(ACTOR, address, Role.VIEWER, [site.id], "en")
    for number in range(state.count // 3):
        db.session.add(
            User(
                email=f"person{number}@{'sous-domaine.' * (number % 8)}example.com",
                role=list(Role)[number % 3],
                sites=[site],
                active=number % 5 != 4,
                invited_at=utcnow(),
            )
        )
    return {"guarded": guarded.id, "invited": invited.id}, codes[0]


def send_invitations() -> None:
    """Send the pending mails about accounts."""
    for mail_id in list(db.session.scalars(select(AccountMail.id))):
        account_delivery.deliver(mail_id)


def address_of_invitation(user_id: int) -> str:
    """Return the path and query of an invitation's address."""
    mail = account_mails.newest_mail(user_id)
    assert mail is not None
    return "/" + password_links.address_of(mail).partition("://")[2].partition("/")[2]
