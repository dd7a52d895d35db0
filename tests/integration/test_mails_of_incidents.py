"""A mail and its incident link to each other: type, place and time, and the mail as sent."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, incident_document, post_incident, renew
from tests.library import Library
from vigint_web.extensions import db
from vigint_web.models import Mail, Role, VideoStatus
from vigint_web.services.reports.link_subjects import subjects_of_mails

pytestmark = pytest.mark.both_databases(reason="joins and aggregates")

Work = Callable[[], None]
People = Callable[[Role], Person]


@pytest.fixture(params=["with a video", "text only"])
def incident(
    request: pytest.FixtureRequest,
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Work,
) -> str:
    """Post an incident with one recipient; return its page's address."""
    frames = footage.frames(3) if request.param == "with a video" else []
    document = incident_document(frames, recipients=["garde@example.com"])
    accepted = post_incident(client, api_key, document)
    work()
    renew()
    return f"/incidents/{accepted['reference']}/"


def test_the_outbox_says_what_a_mail_is_about(incident: str, people: People) -> None:
    page = unescape(people(Role.ADMIN).browser.get("/outbox/").text)
    assert "Magasin Lyon, Rayon 4" in page, f"alerts look alike: {incident}"
    [mail] = db.session.query(Mail).filter(Mail.alert_id.is_not(None)).all()
    assert set(subjects_of_mails([mail])) == {mail.id}
    assert subjects_of_mails([]) == {}


def test_the_incident_leads_to_the_mail_as_it_was_sent(incident: str, people: People) -> None:
    [mail] = db.session.query(Mail).filter(Mail.alert_id.is_not(None)).all()
    admin, operator = people(Role.ADMIN), people(Role.OPERATOR)
    address = f"/outbox/{mail.id}/"
    assert f'href="{address}"' in admin.browser.get(incident).text
    assert admin.browser.get(address).status_code == 200
    assert address not in operator.browser.get(incident).text, "mails hold live links"


@pytest.mark.parametrize(
    ("status", "probed"), [(VideoStatus.FAILED, False), (VideoStatus.READY, True)]
)
def test_a_source_shows_no_list_of_what_is_not_known(
    status: VideoStatus, *, probed: bool, library: Library, people: People
) -> None:
    known: dict[str, Any] = {} if probed else {"duration": None, "format": None, "codec": None}
    library.source(status=status, error_code=None if probed else "broken", **known)
    page = people(Role.ADMIN).browser.get("/source-management/file_001/").text
    assert ("Codec vidéo" in page) == probed
    assert "Nom du fichier" in page
