"""Mails in their recipients' language, and their previews."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, incident_document, mails, post_incident
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Link, Mail, Role, User

Work = Callable[[], None]


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_MAIL_LOCALES": "chief@police.example=en, @example.org=en, fr@example.org=fr"}


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_everybody_reads_their_own_language_and_french_is_the_default(
    client: FlaskClient,
    api_key: str,
    work: Work,
    config: Config,
    people: Callable[[Role], Person],
) -> None:
    people(Role.OPERATOR)
    db.session.query(User).update({"locale": "en"})
    db.session.commit()
    everyone = {
        "someone@example.com": "fr",
        "chief@police.example": "en",
        "other@police.example": "fr",
        "anyone@example.org": "en",
        "fr@example.org": "fr",
        "operator@example.com": "en",
    }
    post_incident(client, api_key, {"message": "m", "recipients": list(everyone)})
    work()
    written = mails(config)
    assert len(written) == len(everyone)
    for mail in written:
        french = everyone[mail["To"]] == "fr"
        assert mail["Subject"].startswith("🚨 Alerte Vigint" if french else "🚨 Vigint alert"), (
            mail["To"]
        )
        assert ("Niveau de risque" in _text(mail)) == french


def test_a_preview_is_the_mail_but_for_its_link_and_does_nothing(
    client: FlaskClient,
    api_key: str,
    work: Work,
    config: Config,
    footage: Footage,
    people: Callable[[Role], Person],
) -> None:
    document = incident_document(footage.frames(2), recipients=["chief@police.example"])
    reference = post_incident(client, api_key, document)["reference"]
    operator = people(Role.OPERATOR).browser
    early = operator.get(f"/incidents/{reference}/mail")
    assert early.status_code == 200
    assert "sa taille n’est pas encore connue" in early.text
    work()
    before = (db.session.query(Link).count(), db.session.query(AuditEvent).count())
    page = operator.get(f"/incidents/{reference}/mail").text
    [mail] = mails(config)
    assert "🚨 Vigint alert" in page, "as its recipient reads it"
    assert "chief@police.example" in page
    frame = operator.get(f"/incidents/{reference}/mail/html")
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    html = mail.get_body(("html",))
    assert html is not None
    sent = html.get_content()
    token = sent.partition("?token=")[2].partition('"')[0]
    assert token not in frame.text
    assert frame.text.replace('<base target="_blank">', "").replace("…", token).split() == (
        sent.split()
    )
    french = operator.get(f"/incidents/{reference}/mail/html?to=new@example.com&lang=fr")
    assert "Niveau de risque" in french.text
    renewed = (db.session.query(Link).count(), db.session.query(AuditEvent).count())
    assert renewed == before
    assert db.session.query(Mail).count() == 1


def test_a_preview_of_what_is_no_address_says_so_and_viewers_see_none(
    client: FlaskClient, api_key: str, people: Callable[[Role], Person]
) -> None:
    reference = post_incident(client, api_key, {"message": "m"})["reference"]
    operator = people(Role.OPERATOR).browser
    wrong = operator.get(f"/incidents/{reference}/mail", query_string={"to": "<script>"})
    assert wrong.status_code == 200
    assert "<script>" not in wrong.text.partition("<main")[2].partition("</main")[0]
    assert "n’est pas une adresse" in wrong.text
    assert operator.get("/incidents/INC-2000-000001/mail").status_code == 404
    viewer = people(Role.VIEWER).browser
    assert viewer.get(f"/incidents/{reference}/mail").status_code == 403
    assert viewer.get(f"/incidents/{reference}/mail/html").status_code == 403
    assert f"/incidents/{reference}/mail" not in viewer.get(f"/incidents/{reference}/").text
