"""Managing users: what administrators may do to others, and never to themselves or the last one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD
from tests.helpers import Person, log_in, renew
from tests.library import ACTOR
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role, Site, User
from vigint_web.services.accounts import sites, users
from vigint_web.services.accounts import user_admin as people_service
from vigint_web.services.accounts.user_admin import LastAdmin, OwnRole
from vigint_web.services.core.actors import Actor, as_user

pytestmark = pytest.mark.both_databases(reason="row locks: one administrator is left")


@pytest.fixture
def admin(people: Callable[[Role], Person]) -> Person:
    return people(Role.ADMIN)


@pytest.fixture
def lyon(app: Flask) -> Site:
    return sites.add_site(ACTOR, "Lyon")


@pytest.fixture
def somebody(app: Flask) -> User:
    return users.create_user(ACTOR, "somebody@example.com", PASSWORD, Role.OPERATOR)


def _id(person: Person) -> int:
    user = users.authenticate(person.email, PASSWORD)
    assert user is not None
    return user.id


def _user(user_id: int) -> User:
    renew()
    return db.session.get_one(User, user_id)


def _access(admin: Person, user_id: int, role: Role, *site_ids: int) -> TestResponse:
    chosen = [str(number) for number in site_ids]
    answer: TestResponse = admin.post(f"/people/{user_id}/access", role=role.value, sites=chosen)
    return answer


def _last_event(action: str | None = None) -> AuditEvent:
    renew()
    query = db.session.query(AuditEvent).order_by(AuditEvent.id.desc())
    event = (query if action is None else query.filter_by(action=action)).first()
    assert event is not None
    return event


def test_the_list_tells_everything_about_everybody(
    admin: Person, somebody: User, lyon: Site
) -> None:
    people_service.set_access(ACTOR, somebody.id, Role.VIEWER, [lyon.id])
    shown = admin.browser.get("/people/").text
    for text in (admin.email, "somebody@example.com", "Lyon", "Observateur", "Administrateur"):
        assert text in shown


def test_somebody_is_invited_by_the_form(admin: Person, lyon: Site) -> None:
    form = {"email": " New@Example.com", "role": "viewer", "sites": [str(lyon.id)], "locale": "en"}
    answer = admin.post("/people/invite/", page="/people/invite/", **form)
    assert answer.status_code == 200, "without a mail server the answer has the link"
    user = db.session.query(User).filter_by(email="new@example.com").one()
    assert (str(user.role), user.locale, [site.name for site in user.sites]) == (
        "viewer",
        "en",
        ["Lyon"],
    )
    event = _last_event("user:invited")
    assert event.actor == admin.email
    again = admin.post("/people/invite/", page="/people/invite/", **form)
    assert again.status_code == 422
    assert "déjà" in again.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "no address"},
        {"email": ""},
        {"role": "emperor"},
        {"sites": []},
        {"sites": ["999"]},
        {"sites": ["x"]},
        {"locale": "tlh"},
    ],
    ids=str,
)
def test_what_is_wrong_is_said(admin: Person, lyon: Site, wrong: dict[str, object]) -> None:
    form = {"email": "n@example.com", "role": "viewer", "sites": [str(lyon.id)], "locale": "fr"}
    before = db.session.query(User).count()
    answer = admin.post("/people/invite/", page="/people/invite/", **(form | wrong))
    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert db.session.query(User).count() == before


def test_with_one_site_there_is_nothing_to_choose(admin: Person) -> None:
    assert 'name="sites"' not in admin.browser.get("/people/invite/").text
    form = {"email": "n@example.com", "role": "operator", "locale": "fr"}
    assert admin.post("/people/invite/", page="/people/invite/", **form).status_code == 200
    user = db.session.query(User).filter_by(email="n@example.com").one()
    assert [site.id for site in user.sites] == [sites.default_site().id]


def test_another_role_ends_sessions_and_other_sites_show_at_once(
    app: Flask, admin: Person, somebody: User, lyon: Site
) -> None:
    browser = app.test_client()
    log_in(browser, somebody.email, PASSWORD)
    home = sites.default_site().id
    assert _access(admin, somebody.id, Role.OPERATOR, home, lyon.id).status_code == 302
    assert browser.get("/").status_code == 200, "sites alone end no session"
    assert as_user(_user(somebody.id)).site_ids == frozenset({home, lyon.id})
    assert _access(admin, somebody.id, Role.VIEWER, lyon.id).status_code == 302
    assert browser.get("/").status_code == 302
    user = _user(somebody.id)
    assert (str(user.role), [site.id for site in user.sites]) == ("viewer", [lyon.id])
    event = _last_event()
    assert event.action == "user:access_set"
    assert event.detail["role_before"] == "operator"
    assert event.detail["sites_before"] == sorted([home, lyon.id])


def test_nobody_changes_their_own_role_or_locks_themselves_out(
    app: Flask, admin: Person, lyon: Site
) -> None:
    own = _id(admin)
    users.create_user(ACTOR, "other-admin@example.com", PASSWORD, Role.ADMIN)
    _access(admin, own, Role.VIEWER, lyon.id)
    assert str(_user(own).role) == "admin"
    assert admin.post(f"/people/{own}/deactivate").status_code == 409
    assert _user(own).active
    actor = as_user(_user(own))
    with pytest.raises(OwnRole):
        people_service.set_access(actor, own, Role.VIEWER, [lyon.id])


def test_the_last_administrator_stays(app: Flask, somebody: User) -> None:
    admin = users.create_user(ACTOR, "a@example.com", PASSWORD, Role.ADMIN)
    people_service.invite(ACTOR, "invited@example.com", Role.ADMIN, [], "fr")
    out = users.create_user(ACTOR, "out@example.com", PASSWORD, Role.ADMIN)
    people_service.deactivate(ACTOR, out.id)
    with pytest.raises(LastAdmin):
        people_service.deactivate(ACTOR, admin.id)
    with pytest.raises(LastAdmin):
        people_service.set_access(ACTOR, admin.id, Role.OPERATOR, [sites.default_site().id])
    people_service.reactivate(ACTOR, out.id)
    people_service.deactivate(ACTOR, admin.id)


def test_two_administrators_who_remove_each_other_at_once_leave_one(app: Flask) -> None:
    ids = [
        users.create_user(ACTOR, f"{name}@example.com", PASSWORD, Role.ADMIN).id for name in "abcd"
    ]
    db.session.remove()

    def remove(user_id: int) -> bool:
        with app.app_context():
            try:
                people_service.deactivate(Actor(label="another"), user_id)
            except LastAdmin:
                return False
            finally:
                db.session.remove()
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(remove, ids)) == [False, True, True, True]
    assert db.session.query(User).filter_by(active=True).count() == 1


def test_whoever_is_deactivated_is_out_at_once_and_can_come_back(
    app: Flask, admin: Person, somebody: User
) -> None:
    browser = app.test_client()
    log_in(browser, somebody.email, PASSWORD)
    assert admin.post(f"/people/{somebody.id}/deactivate").status_code == 302
    assert browser.get("/").status_code == 302
    renew()
    assert users.authenticate(somebody.email, PASSWORD) is None
    assert _last_event().action == "user:deactivated"
    assert admin.post(f"/people/{somebody.id}/deactivate").status_code == 409
    assert admin.post(f"/people/{somebody.id}/reset").status_code == 409
    assert admin.post(f"/people/{somebody.id}/reactivate").status_code == 302
    log_in(browser, somebody.email, PASSWORD)
    assert browser.get("/").status_code == 200


def test_links_are_for_whoever_needs_them(app: Flask, admin: Person, somebody: User) -> None:
    assert admin.post(f"/people/{somebody.id}/resend").status_code == 409, "has a password"
    assert admin.post(f"/people/{somebody.id}/reset").status_code == 200
    assert _last_event("user:password_reset_sent")
    guest = people_service.invite(ACTOR, "g@example.com", Role.ADMIN, [], "fr")
    assert admin.post(f"/people/{guest.id}/reset").status_code == 409, "has none yet"
    assert admin.post(f"/people/{guest.id}/resend").status_code == 200
    with pytest.raises(Conflict):
        people_service.invite(ACTOR, "G@example.com", Role.ADMIN, [], "fr")


def test_every_page_of_a_person_can_be_read(
    app: Flask, admin: Person, somebody: User, lyon: Site
) -> None:
    guest = people_service.invite(ACTOR, "g@example.com", Role.ADMIN, [], "fr")
    out = users.create_user(ACTOR, "out@example.com", PASSWORD, Role.ADMIN)
    people_service.deactivate(ACTOR, out.id)
    for user_id in (guest.id, out.id, somebody.id, _id(admin)):
        assert admin.browser.get(f"/people/{user_id}/").status_code == 200
    assert admin.browser.get("/people/99999/").status_code == 404
    assert admin.post("/people/99999/deactivate").status_code == 404
    assert admin.post("/people/99999/access", role="viewer").status_code == 404


def test_sites_are_added_and_renamed_once_each(admin: Person, lyon: Site) -> None:
    def saved(address: str, name: str) -> int:
        return int(admin.post(address, page="/sites/add", name=name, locale="").status_code)

    assert saved("/sites/add", "  Dépôt   de Rungis ") == 302
    added = db.session.query(Site).filter_by(name="Dépôt de Rungis").one()
    assert added.slug == "depot-de-rungis"
    for taken in ("LYON", "dépôt de rungis", "", "x" * 201):
        assert saved("/sites/add", taken) == 422
    assert saved(f"/sites/{lyon.id}/edit", "Lyon Part-Dieu") == 302
    event = _last_event()
    assert (event.action, event.detail) == ("site:edited", {"name": ["Lyon", "Lyon Part-Dieu"]})
    assert saved(f"/sites/{lyon.id}/edit", "dépôt de Rungis") == 422
    assert saved("/sites/999/edit", "x") == 404
    shown = admin.browser.get("/sites/").text
    assert "Lyon Part-Dieu" in shown
