"""Test alerts are mailed like any other, with a mark wherever people or programs see them."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, incident_document, mails, path_of, post_incident, text_of
from tests.hooks import SECRET, Hook, listening
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Incident, Link, Role
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.links import sharing

Work = Callable[[], None]
SENTENCE = "TEST\N{NO-BREAK SPACE}: ceci est une alerte d’essai, pas un incident."


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as found:
        yield found


@pytest.fixture
def settings(hook: Hook) -> dict[str, str]:
    return {
        "VIGINT_WEBHOOK_URL": hook.url,
        "VIGINT_WEBHOOK_SECRET": SECRET,
        "VIGINT_WEBHOOK_ALLOW_PRIVATE": "yes",
        "VIGINT_EMAIL_TO": "garde@example.com",
    }


def _post(client: FlaskClient, key: str, footage: Footage, **facts: object) -> str:
    document = incident_document(footage.frames(3))
    document["incident_data"] = {"incident_type": "Vol", "risk_level": "HIGH", **facts}
    return str(post_incident(client, key, document)["reference"])


def _incident(reference: str) -> Incident:
    return db.session.query(Incident).filter_by(reference=reference).one()


def test_its_mail_is_that_of_an_alert_with_a_mark(
    client: FlaskClient, api_key: str, work: Work, config: Config, footage: Footage
) -> None:
    for facts in ({"test": True}, {}):
        _post(client, api_key, footage, **facts)
    work()
    by_mark = {str(mail["Subject"]).startswith("TEST – "): mail for mail in mails(config)}
    test, real = by_mark[True], by_mark[False]
    assert test["Subject"] == f"TEST – {real['Subject']}"
    assert test["To"] == real["To"]
    for kind in ("plain", "html"):
        assert SENTENCE in text_of(test, kind)
        assert "TEST" not in text_of(real, kind)
    lines = text_of(test).splitlines()
    assert lines[0].startswith(SENTENCE)
    assert lines[1] == ""

    def literal(text: str) -> list[str]:
        return [line.split(":")[0].rstrip("0123456789") for line in text.splitlines()]

    assert literal(text_of(test))[2:] == literal(text_of(real)), "nothing else differs"


def test_the_page_of_its_link_says_so(
    client: FlaskClient, api_key: str, work: Work, config: Config, footage: Footage
) -> None:
    _post(client, api_key, footage, test=True)
    work()
    [mail] = mails(config)
    link = re.search(r"Lien privé sécurisé: (\S+)", text_of(mail))
    assert link
    answer = client.get(path_of(link.group(1)))
    assert answer.status_code == 200
    assert "<title>TEST – Vol" in answer.text
    assert SENTENCE in answer.text
    assert "badge-test" in answer.text


def test_a_share_of_it_says_so(
    client: FlaskClient, api_key: str, work: Work, config: Config, footage: Footage
) -> None:
    reference = _post(client, api_key, footage, test=True)
    work()
    video = _incident(reference).video
    assert video is not None
    terms = sharing.Terms(expires_at=utcnow() + timedelta(hours=1))
    sharing.share_video(SYSTEM, video.public_id, ["chef@example.com"], terms)
    work()
    [shared] = [mail for mail in mails(config) if mail["To"] == "chef@example.com"]
    assert str(shared["Subject"]).startswith("TEST – ")
    for kind in ("plain", "html"):
        assert SENTENCE in text_of(shared, kind)


def test_programs_are_told(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, hook: Hook
) -> None:
    _post(client, api_key, footage, test=True)
    work()
    assert [call.document["incident"]["test"] for call in hook.calls] == [True, True]
    _post(client, api_key, footage, camera="Quai 3")
    work()
    assert [call.document["incident"]["test"] for call in hook.calls[2:]] == [False, False]


def test_pages_of_links_and_mails_say_so(
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    people: Callable[[Role], Person],
) -> None:
    reference = _post(client, api_key, footage, test=True)
    work()
    admin = people(Role.ADMIN)
    assert "TEST – 🚨" in admin.browser.get("/outbox/").text
    assert "badge-test" in admin.browser.get("/links/").text
    video = _incident(reference).video
    assert video is not None
    assert "badge-test" in admin.browser.get(f"/videos/{video.public_id}/share").text
    assert "TEST – 🚨" in admin.browser.get(f"/incidents/{reference}/mail").text
    assert db.session.query(Link).count() > 0
