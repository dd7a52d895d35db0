"""The page of a night's log: whose it is, what it says, and its settings."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask

from tests.helpers import Person, renew
from vigint_web.extensions import db
from vigint_web.models import Incident, RiskLevel, Role, Site
from vigint_web.services.accounts import sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.logbook.schedule import find_schedule

PAGE = "/incidents/logbook/"
SETTINGS = {"begins": "21:30", "ends": "06:00", "mailed_at": "06:15"}


def _incident(at: datetime, site: Site, kind: str) -> Incident:
    with transaction() as session:
        incident = Incident(
            reference=f"INC-{kind}",
            site_id=site.id,
            body_sha256="0" * 64,
            message="m",
            incident_type=kind,
            risk_level=RiskLevel.LOW,
            detected_at=at,
            created_at=at,
            link_hours=48,
        )
        session.add(incident)
    return incident


def test_the_night_of_a_day_is_shown_in_the_order_of_detection(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    site = sites.default_site()
    _incident(datetime(2026, 11, 10, 2, tzinfo=UTC), site, "Later")
    _incident(datetime(2026, 11, 9, 20, tzinfo=UTC), site, "Sooner")
    _incident(datetime(2026, 11, 10, 12, tzinfo=UTC), site, "Daytime")
    page = people(Role.VIEWER).browser.get(f"{PAGE}?night=2026-11-09").text
    assert page.index("Sooner") < page.index("Later")
    assert "Daytime" not in page
    assert "Du 9 novembre 2026, 20:00 au 10 novembre 2026, 08:00" in page
    assert "2 incidents" in page
    assert "Envoi de la main courante" not in page


def test_a_quiet_night_says_so(app: Flask, people: Callable[[Role], Person]) -> None:
    page = people(Role.VIEWER).browser.get(f"{PAGE}?night=2024-01-01").text
    assert "Rien à signaler" in page


def test_another_site_is_not_shown(app: Flask, people: Callable[[Role], Person]) -> None:
    lyon = sites.get_or_add_site("lyon", "Lyon")
    _incident(datetime(2026, 11, 10, 2, tzinfo=UTC), lyon, "Ailleurs")
    asked = f"{PAGE}?night=2026-11-09&site={lyon.id}"
    of_viewer = people(Role.VIEWER).browser.get(asked).text
    assert "Ailleurs" not in of_viewer
    assert "Lyon" not in of_viewer
    assert "Ailleurs" in people(Role.ADMIN).browser.get(asked).text


def test_the_settings_are_kept_and_apply_to_the_page(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    admin, site = people(Role.ADMIN), sites.default_site()
    address = f"{PAGE}{site.id}/schedule"
    answer = admin.post(address, PAGE, **SETTINGS, recipients="Client <client@example.com>")
    assert answer.status_code == 302
    renew()
    found = find_schedule(site.id)
    assert found is not None
    assert (found.begins, found.ends, found.mailed_at) == (21 * 60 + 30, 6 * 60, 6 * 60 + 15)
    assert found.recipients == ["client@example.com"]
    page = admin.browser.get(f"{PAGE}?night=2026-11-09").text
    assert "21:30" in page
    assert "client@example.com" in page


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"recipients": "nobody"}, "nobody n’est pas une adresse"),
        ({"mailed_at": "25:00"}, "heures et minutes"),
        ({"begins": ""}, "heures et minutes"),
    ],
)
def test_refused_settings_are_shown_again_with_what_is_wrong(
    app: Flask, people: Callable[[Role], Person], changed: dict[str, str], said: str
) -> None:
    site = sites.default_site()
    fields = {**SETTINGS, "recipients": "client@example.com", **changed}
    answer = people(Role.ADMIN).post(f"{PAGE}{site.id}/schedule", PAGE, **fields)
    assert answer.status_code == 422
    assert said in answer.text.replace("\xa0", " ")
    assert fields["recipients"] in answer.text
    renew()
    assert find_schedule(site.id) is None


def test_who_may_not_manage_changes_nothing(app: Flask, people: Callable[[Role], Person]) -> None:
    site = sites.default_site()
    for role in (Role.OPERATOR, Role.VIEWER):
        answer = people(role).post(f"{PAGE}{site.id}/schedule", **SETTINGS, recipients="")
        assert answer.status_code == 403
    admin = people(Role.ADMIN)
    assert admin.post(f"{PAGE}99999/schedule", PAGE, **SETTINGS, recipients="").status_code == 404
    renew()
    assert find_schedule(site.id) is None


def test_someone_without_a_site_reads_whom_to_ask(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    viewer = people(Role.VIEWER)
    with transaction() as session:
        for site in session.query(Site):
            site.name = "Site"
        from vigint_web.models import User

        user = db.session.query(User).filter_by(email=viewer.email).one()
        user.sites = []
    assert "Aucun site" in viewer.browser.get(PAGE).text
