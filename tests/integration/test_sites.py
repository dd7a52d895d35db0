"""Sites: their pages, who sees them, and what their settings change."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import Person, mails, path_of, post_incident, renew, text_of
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.errors import Conflict, Invalid, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role, Site, User
from vigint_web.services.accounts import sites, users
from vigint_web.services.accounts.sites import SiteFacts

pytestmark = pytest.mark.both_databases(reason="correlated queries with a limit")

People = Callable[[Role], Person]
Work = Callable[[], None]


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_ALERT_COOLDOWN_SECONDS": "60"}


def _set(**values: Any) -> Site:
    site = sites.default_site()
    return sites.edit_site(ACTOR, site.id, SiteFacts(name=site.name, **values))


def _document(**data: Any) -> dict[str, Any]:
    facts = {"incident_type": "Vol", "camera": "Quai 2", "detected_at": "2026-11-21T20:00:00Z"}
    return {"message": "Alarme", "incident_data": facts | data}


def test_a_site_is_added_edited_and_found(people: People) -> None:
    admin = people(Role.ADMIN).speaking("en")
    form = {"name": "  Saint-Denis ", "address": "1 rue du Port", "timezone": "la réunion"}
    answer = admin.post("/sites/add", **form, locale="fr", cooldown_seconds="0")
    assert answer.status_code == 422, "this zone is not known by that name"
    answer = admin.post("/sites/add", **{**form, "timezone": "indian/reunion"}, locale="fr")
    assert answer.status_code == 302
    site = sites.named_site(ACTOR, "saint-denis")
    assert (site.name, site.timezone, site.cooldown_seconds) == (
        "Saint-Denis",
        "Indian/Reunion",
        None,
    )
    page = admin.browser.get(f"/sites/{site.id}/").text
    assert "1 rue du Port" in page
    assert "Indian/Reunion" in page
    assert "60 seconds" in page, "what applies without a value of its own"
    answer = admin.post(f"/sites/{site.id}/edit", name="Port", cooldown_seconds="0", locale="")
    assert answer.status_code == 302
    renew()
    assert sites.facts_of(sites.find_site(ACTOR, site.id)) == SiteFacts("Port", cooldown_seconds=0)
    event = db.session.query(AuditEvent).filter_by(action="site:edited").one()
    assert event.detail["name"] == ["Saint-Denis", "Port"]
    assert event.detail["timezone"] == ["Indian/Reunion", None]
    assert "Each alert is mailed" in admin.browser.get(f"/sites/{site.id}/").text
    assert "Port" in admin.browser.get("/sites/").text


def test_what_is_wrong_is_said_and_nothing_is_stored(people: People) -> None:
    sites.add_site(ACTOR, "Lyon")
    admin, site = people(Role.ADMIN).speaking("en"), sites.default_site()
    for form, said in (
        ({"name": "lyon"}, "already a site with this name"),
        ({"name": " "}, "Give the site a name."),
        ({"name": "x", "cooldown_seconds": "86401"}, "Enter a number from 0 to 86,400."),
        ({"name": "x", "address": "x" * 301}, "At most 300 characters."),
    ):
        answer = admin.post(f"/sites/{site.id}/edit", **form, locale="")
        assert (answer.status_code, said in unescape(answer.text)) == (422, True), form
    renew()
    assert sites.default_site().name == "Vigint"
    with pytest.raises(Invalid) as refused:
        _set(timezone="Mars/Base", locale="de", cooldown_seconds=-1, address="x" * 301)
    assert [one.code for one in refused.value.mistakes] == [
        MistakeCode.TOO_LONG,
        MistakeCode.UNKNOWN_TIMEZONE,
        MistakeCode.UNKNOWN_LOCALE,
        MistakeCode.NOT_A_WHOLE_NUMBER,
    ]
    with pytest.raises(Conflict):
        sites.add_site(ACTOR, SiteFacts("Autre"), slug="lyon")


def test_operators_see_their_sites_and_change_nothing(people: People, library: Library) -> None:
    library.incident(b"clip")
    other = sites.add_site(ACTOR, "Lyon")
    operator = people(Role.OPERATOR).speaking("en")
    listed = operator.browser.get("/sites/").text
    assert "Vigint" in listed
    assert "Lyon" not in listed
    assert "People with access" not in listed
    assert operator.browser.get(f"/sites/{other.id}/").status_code == 404
    page = operator.browser.get(f"/sites/{sites.default_site().id}/").text
    assert "Quai 2" in page
    assert "/edit" not in page
    assert "People who may see" not in page
    assert operator.post(f"/sites/{sites.default_site().id}/edit", name="x").status_code == 403


def test_the_people_of_a_site_are_chosen_on_its_page(people: People) -> None:
    admin, lyon = people(Role.ADMIN).speaking("en"), sites.add_site(ACTOR, "Lyon")
    one = users.create_user(ACTOR, "one@example.com", PASSWORD, Role.OPERATOR)
    two = users.create_user(ACTOR, "two@example.com", PASSWORD, Role.VIEWER, lyon)
    page = admin.browser.get(f"/sites/{lyon.id}/").text
    assert f'value="{two.id}" id="person-{two.id}" checked' in page
    assert f'value="{one.id}" id="person-{one.id}">' in page
    answer = admin.post(f"/sites/{lyon.id}/people", shown=[two.id], person=[one.id, two.id])
    assert answer.status_code == 302
    renew()
    assert {site.name for site in db.session.get_one(User, one.id).sites} == {"Vigint", "Lyon"}
    refused = admin.post(f"/sites/{lyon.id}/people", shown=[one.id, two.id], person=[])
    assert refused.status_code == 409
    assert "two@example.com would have no site left." in refused.text
    renew()
    assert len(db.session.get_one(User, one.id).sites) == 2, "all of it or nothing"
    admin.post(f"/sites/{lyon.id}/people", shown=[one.id], person=[])
    renew()
    assert [site.name for site in db.session.get_one(User, two.id).sites] == ["Lyon"], (
        "who was not shown as granted is left alone"
    )
    assert [site.name for site in db.session.get_one(User, one.id).sites] == ["Vigint"]
    actions = [row.action for row in db.session.query(AuditEvent)]
    assert actions.count("user:access_set") == 2


def _moment(day: str, time: str) -> str:
    return f"{day}\u00a0nov.\u00a02026, {time}"


def test_mails_and_pages_use_the_zone_and_the_language_of_the_site(
    client: FlaskClient, api_key: str, work: Work, config: Config, people: People
) -> None:
    _set(timezone="Indian/Reunion", locale="en")
    operator, admin = people(Role.OPERATOR), people(Role.ADMIN)
    posted = post_incident(client, api_key, _document() | {"recipients": ["g@example.com"]})
    work()
    [mail] = mails(config)
    assert mail["Subject"] == "🚨 Vigint alert - Vol - [not specified]"
    assert "2026-11-22T00:00:00" in text_of(mail)
    assert "UTC+04:00, Indian/Reunion" in text_of(mail)
    address = f"/incidents/{posted['reference']}/"
    for person in (operator, admin):
        assert _moment("22", "00:00:00") in unescape(person.browser.get(address).text)
    assert ">00:00:00<" in operator.browser.get("/incidents/").text
    sites.add_site(ACTOR, "Lyon")
    listed = admin.browser.get("/incidents/").text
    assert ">21:00:00<" in listed, "a list of several zones has the installation's"
    operator.post("/account/preferences", locale="fr", timezone="America/Cayenne")
    assert _moment("21", "17:00:00") in unescape(operator.browser.get(address).text)


def test_a_recipient_reads_the_time_of_the_place(client: FlaskClient, library: Library) -> None:
    _set(timezone="Indian/Reunion")
    video = library.incident(b"clip")
    moment = library.incident_of(video).detected_at
    address = path_of(f"http://vigint.test/video/{video.public_id}")
    page = client.get(f"{address}?token={library.person_token(video)}").text
    assert f"{(moment.hour + 4) % 24:02d}:{moment:%M:%S}" in page


@pytest.mark.parametrize(("seconds", "mailed"), [(0, 2), (None, 1)])
def test_the_cool_down_of_the_site(
    client: FlaskClient, api_key: str, work: Work, config: Config, seconds: int | None, mailed: int
) -> None:
    _set(cooldown_seconds=seconds)
    for _number in range(2):
        data = {"incident_type": "Vol", "camera": "Quai 2"}
        post_incident(client, api_key, {"message": "Alarme", "incident_data": data})
    work()
    assert len(mails(config)) == mailed


def test_a_zone_that_an_update_removed_is_that_of_the_installation(app: Flask) -> None:
    site = _set(timezone="Indian/Reunion")
    site.timezone = "Mars/Base"
    db.session.commit()
    assert sites.zone_for(ACTOR, site.id).key == "Europe/Paris"
    assert sites.common_zone(ACTOR).key == "Europe/Paris"
