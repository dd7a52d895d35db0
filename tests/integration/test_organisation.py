"""The organisation and its contact, in every mail and on every page of a link."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import mails, path_of, post_incident, text_of
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.models import Role, VideoStatus
from vigint_web.services.accounts import user_admin
from vigint_web.services.links import sharing
from vigint_web.services.links.sharing import Terms

ORGANISATION, CONTACT = "Sûreté & Cie", "securite@example.com"


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_ORGANISATION": ORGANISATION, "VIGINT_CONTACT": CONTACT}


def _named(text: str) -> bool:
    text = unescape(text)
    return ORGANISATION in text and CONTACT in text


def test_every_page_behind_a_mailed_link(client: FlaskClient, library: Library) -> None:
    preparing = library.incident(b"1", status=VideoStatus.PROCESSING)
    failed = library.incident(b"2", status=VideoStatus.FAILED, error_code="broken")
    for video in (library.incident(), preparing, failed):
        token = library.person_token(video)
        assert _named(client.get(f"/video/{video.public_id}?token={token}").text), video.status
        library.change_link(token, revoked_at=utcnow())
        assert _named(client.get(f"/video/{video.public_id}?token={token}").text), "revoked"
    page = client.get("/video/nothing?token=x.y.z").text
    assert _named(page)
    assert f'href="mailto:{CONTACT}"' in page


def test_every_mail_and_the_pages_of_account_links(
    app: Flask, client: FlaskClient, library: Library, api_key: str, work: Callable[[], None],
    config: Config,
) -> None:  # fmt: skip
    post_incident(client, api_key, {"message": "Alarme"})
    terms = Terms(expires_at=utcnow() + timedelta(hours=48))
    sharing.share_video(ACTOR, library.incident().public_id, ["b@example.com"], terms)
    user_admin.invite(ACTOR, "guest@example.com", Role.VIEWER, [], "fr")
    work()
    sent = mails(config)
    assert len(sent) == 3
    for mail in sent:
        for kind in ("plain", "html"):
            part = mail.get_body((kind,))
            assert part is not None
            assert _named(part.get_content()), f"{mail['Subject']}: {kind}"
        [sender] = mail["From"].addresses
        assert (sender.display_name, sender.addr_spec) == (ORGANISATION, "vigint@localhost")
        assert mail["Reply-To"].addresses[0].addr_spec == CONTACT
    [invitation] = [mail for mail in sent if mail["To"] == "guest@example.com"]
    text = text_of(invitation)
    link = next(word for word in text.split() if "/password/set?" in word)
    assert _named(client.get(path_of(link), follow_redirects=True).text)
    assert _named(app.test_client().get("/password/set?token=x", follow_redirects=True).text)
