"""The filters and orders of the read API's list of incidents that the list of people has too."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import pages_of_incidents, post_incident, recorded_statements
from tests.integration.review.nights import NOW, add_incident
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import Camera, Incident, IncidentState, RiskLevel, Role, Scope
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.transactions import transaction
from vigint_web.services.review import confidentiality

pytestmark = pytest.mark.both_databases(reason="orders, times, and lower case")

Read = Callable[..., Any]


@pytest.fixture
def read(client: FlaskClient) -> Read:
    """Provide a function that reads all pages of a list, of one incident each."""
    key = api_keys.create_api_key(ACTOR, "reader", sites.default_site(), {Scope.READ})

    def get(query: str, status: int = 200, key: str = key, limit: int = 1) -> Any:
        address, found = f"/api/v1/incidents?limit={limit}&{query}", []
        while address:
            answer = client.get(address, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == status, answer.text
            page = answer.get_json()
            if status != 200:
                return page
            found += [one["reference"].removeprefix("INC-2026-") for one in page["incidents"]]
            address = (page["next_url"] or "").removeprefix("http://vigint.test")
        return found

    return get


@pytest.fixture
def night(library: Library) -> None:
    """Add four incidents in the order of receipt, a test alert, and one of another site."""
    here = sites.default_site()
    quay = Camera(site_id=here.id, detector_name="cam-1", shown_name="Quai, nord", created_at=NOW)
    with transaction() as session:
        session.add(quay)
    confirmed: dict[str, Any] = {
        "state": IncidentState.CONFIRMED,
        "decision": IncidentState.CONFIRMED,
    }
    add_incident("A", 50, 50, risk_level=RiskLevel.LOW, incident_type="Vol à l'étalage")
    add_incident("B", 40, 40, risk_level=RiskLevel.CRITICAL, camera_id=quay.id, **confirmed)
    add_incident("C", 90, 30, message="Deux personnes, 100 % sûr")
    # Of a fast clock: listed by its receipt.
    add_incident("D", -600, 20, risk_level=RiskLevel.UNKNOWN)
    add_incident("T", 35, 35, is_test=True)
    elsewhere = sites.get_or_add_site("lyon")
    away = Camera(site_id=elsewhere.id, detector_name="cam-2", created_at=NOW)
    with transaction() as session:
        session.add(away)
    add_incident("Z", 45, 45, elsewhere, risk_level=RiskLevel.LOW, camera_id=away.id)


def _timed(query: str) -> str:
    """Replace minutes ago by their time."""

    def time(minutes: re.Match[str]) -> str:
        return quote((NOW - timedelta(minutes=int(minutes[1]))).isoformat())

    return re.sub("<([0-9]+)>", time, query)


# `<50>` is the time 50 minutes ago.
FILTERS = [
    ("", "DCBA"),
    ("order=time", "DBAC"),
    ("order=risk", "BCDA"),
    ("risk=LOW", "A"),
    ("risk=CRITICAL&order=risk", "B"),
    ("type=Vol+%C3%A0+l%27%C3%A9talage", "A"),
    ("type=vol", ""),
    ("type=Intrusion", "DBC"),
    ("type=Intrusion&order=risk", "BCD"),
    ("camera=Quai,+nord", "B"),
    ("camera=cam-1&order=risk", "B"),
    ("camera=cam-2", ""),  # of another site
    ("camera=nowhere", ""),
    ("from=<50>", "DBA"),
    ("to=<50>", "C"),
    ("from=<50>&to=<40>", "A"),
    ("from=<50>&to=<40>&risk=HIGH", ""),
    ("from=2020-01-01t00:00:00.123456789z", "DBAC"),
    ("from=2020-01-01T00:00:00+02:00", "DBAC"),
    ("q=PERSONNES", "C"),
    ("q=100+%25", "C"),
    ("q=%25", "C"),
    ("q=INC-2026-A", "A"),
    ("q=quai", "B"),
    ("late=true", "C"),
    ("late=false", "DBA"),
    ("late=false&order=risk", "BDA"),
    ("order=time&test=true", "T"),
    ("risk=HIGH&test=true", "T"),
    ("risk=HIGH&state=new", "C"),
    ("order=risk&state=new", "CDA"),
    ("order=time&state=confirmed&camera=cam-1&type=Intrusion&late=false&q=b", "B"),
    ("order=time&decision=confirmed", "B"),
    ("risk=CRITICAL&decision=confirmed", "B"),
    ("risk=LOW&decision=confirmed", ""),
    ("order=risk&decision=confirmed", "B"),
    ("recipient=unknown@example.com", ""),
]


@pytest.mark.parametrize(("query", "found"), FILTERS)
def test_filters_that_people_have_follow_an_index(
    read: Read, night: None, query: str, found: str
) -> None:
    with recorded_statements() as asked:
        references = read(_timed(query))
    assert references == list(found)
    sqlite = db.engine.dialect.name == "sqlite"
    with db.engine.connect() as connection:
        if not sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        for statement, parameters in pages_of_incidents(asked):
            plan = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
            # Within one time, by the id, costs nothing.
            assert "TEMP B-TREE FOR ORDER BY" not in plan, plan
            assert "SCAN incidents" not in plan, plan
            assert "Seq Scan on incidents" not in plan, plan


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_pages_of_each_order_follow_each_other(read: Read, night: None, limit: int) -> None:
    for query, found in (("order=time", "DBAC"), ("order=risk", "BCDA"), ("late=false", "DBA")):
        assert read(query, limit=limit) == list(found)


def test_incidents_of_a_recipient(
    read: Read, client: FlaskClient, api_key: str, library: Library
) -> None:
    told = []
    for recipient in ("Garde@example.com", "other@example.com"):
        facts = {"message": "m", "incident_data": {"incident_type": "Vol"}}
        posted = post_incident(client, api_key, {**facts, "recipients": [recipient]})
        told.append(posted["reference"].removeprefix("INC-2026-"))
    assert read("recipient=garde@example.com") == told[:1]
    assert read("recipient=OTHER@example.com&order=risk") == told[1:]
    assert read("recipient=other@example.com&risk=CRITICAL") == []


def test_a_key_of_another_site_finds_its_own(read: Read, night: None) -> None:
    site = sites.get_or_add_site("lyon")
    key = api_keys.create_api_key(ACTOR, "reader", site, {Scope.READ})
    for query in ("order=time", "order=risk", "risk=LOW", "camera=cam-2", "late=false"):
        assert read(query, key=key) == ["Z"]
    assert read("camera=cam-1", key=key) == []
    # Nor does its place in the order become known.
    other = db.session.query(Incident.id).filter_by(reference="INC-2026-A").scalar()
    refused = read(f"order=time&before={other}", 422, key=key)
    assert refused == read("order=time&before=2000000000", 422, key=key)
    assert "before names an entry that is not there" in refused["error"]


def test_confidential_incidents_are_in_no_list(read: Read, night: None) -> None:
    admin = users.create_user(ACTOR, "admin2@example.com", PASSWORD, Role.ADMIN)
    confidentiality.restrict(ACTOR, "INC-2026-B", {admin.id}, seen=0)
    for query, found in FILTERS:
        assert read(_timed(query)) == [name for name in found if name != "B"], query


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("risk=", "risk must be one of LOW, MEDIUM, UNKNOWN, HIGH, CRITICAL"),
        ("risk=low", "risk must be one of"),
        ("type=", "type must be a text of one line with 1 to 100 characters"),
        (f"type={'x' * 101}", "type must be"),
        ("type=a%0Ab", "type must be"),
        ("camera=%0B", "camera must be a text of one line with 1 to 200 characters"),
        ("q=+", "q must be a text of one line"),
        ("from=", "from must be a date and time with its offset"),
        ("from=2026-11-30", "from must be"),
        ("from=2026-11-30T14:30:00", "from must be"),
        ("to=2026-11-31T14:30:00Z", "to must be a date and time with its offset"),
        ("to=0001-01-01T00:00:00%2B14:00", "to must be"),
        ("recipient=x", "not an e-mail address"),
        ("late=1", "late must be one of false, true"),
        ("order=received", "order must be one of time, risk"),
        ("since=2026-11-30T14:30:00Z", "“since” is not known here"),
        ("to=2026-11-30T14:30:00Z&to=2026-11-30T14:30:00Z", "“to” is given more than once"),
    ],
)
def test_a_mistake_of_a_filter_is_named(read: Read, query: str, named: str) -> None:
    refused = read(query, 422)
    assert refused["code"] == "invalid_request"
    assert named in refused["error"]


def test_all_mistakes_of_filters_are_named_at_once(read: Read) -> None:
    refused = read("risk=x&from=x&q=&order=x", 422)
    for field in ("risk", "from", "q", "order"):
        assert f"{field} must be" in refused["error"]
