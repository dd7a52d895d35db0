"""Reasons for sharing: required by the settings of a site, recorded, and not told to recipients."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import (
    Footage,
    Person,
    incident_document,
    mails,
    path_of,
    post_incident,
    renew,
    text_of,
)
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.errors import Invalid
from vigint_web.extensions import db
from vigint_web.mistake_codes import MistakeCode
from vigint_web.models import AuditEvent, Incident, Link, Notification, NotificationKind, Role
from vigint_web.services.accounts import sites
from vigint_web.services.links import links, sharing
from vigint_web.services.links.sharing import Terms
from vigint_web.services.review.incident_timeline import MomentKind, timeline_of

WHY = "Demande de la gendarmerie, PV 2026/118"
People = Callable[[Role], Person]


def _require_a_reason(required: bool = True) -> None:
    site = sites.default_site()
    facts = replace(sites.facts_of(site), sharing_needs_reason=required)
    sites.edit_site(ACTOR, site.id, facts)


def _terms(reason: str = "") -> Terms:
    return Terms(expires_at=utcnow() + timedelta(hours=1), reason=reason)


def _mistakes(act: Callable[[], object]) -> list[tuple[str, str | None]]:
    with pytest.raises(Invalid) as refused:
        act()
    db.session.rollback()
    return [(one.code, one.field) for one in refused.value.mistakes]


def _reasons_in_timeline(incident: Incident) -> list[tuple[str, str, str]]:
    moments = timeline_of(incident, [])
    return [(one.who, one.text, one.why) for one in moments if one.kind == MomentKind.SHARED]


@pytest.mark.both_databases(reason="a boolean with a default")
def test_the_service_refuses_to_share_without_a_required_reason(library: Library) -> None:
    video = library.incident()
    to = ["garde@example.com"]
    missing = [(MistakeCode.SHARING_REASON_MISSING, "reason")]
    assert sharing.share_video(ACTOR, video.public_id, to, _terms())[0].reason is None
    _require_a_reason()

    def refused(reason: str) -> list[tuple[str, str | None]]:
        return _mistakes(lambda: sharing.share_video(ACTOR, video.public_id, to, _terms(reason)))

    assert refused("") == refused(" \n\t") == missing
    assert refused("x" * 501) == [(MistakeCode.TOO_LONG, "reason")]
    assert db.session.query(Link).filter_by(created_by=ACTOR.label).count() == 1
    link = sharing.share_video(ACTOR, video.public_id, to, _terms(f"  {WHY} "))[0]
    assert link.reason == WHY
    event = db.session.query(AuditEvent).filter_by(action="link:minted", subject=f"link:{link.id}")
    assert event.one().detail["reason"] == WHY


def test_alerts_never_wait_for_a_reason(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    config: Config,
) -> None:
    _require_a_reason()
    frames = footage.frames(40)[:3]
    post_incident(client, api_key, incident_document(frames, recipients=["chef@example.com"]))
    work()
    (mail,) = mails(config)
    assert mail["To"] == "chef@example.com"
    assert "?token=" in text_of(mail)


def test_a_link_without_a_reason_is_handed_over_with_one(
    people: People, library: Library, config: Config
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    video = library.incident()
    incident = db.session.query(Incident).filter_by(video_id=video.id).one()
    for act, action in (("send", "link:sent_again"), ("address", "link:shown")):
        link = library.person_link(video, recipient=f"{act}@example.com")
        link_id = link.id
        _require_a_reason()
        place = f"/links/{link_id}/"
        refused = operator.post(f"{place}{act}", page=place, reason="  ")
        assert refused.status_code == 302
        shown = unescape(operator.browser.get(place).text)
        assert "the settings of this site require a reason" in shown
        assert 'name="reason" maxlength="500" autocomplete="off" aria-describedby=' in shown
        renew()
        assert db.session.query(AuditEvent).filter_by(action=action).count() == 0
        answer = operator.post(f"{place}{act}", page=place, reason=WHY)
        assert answer.status_code < 400
        renew()
        event = db.session.query(AuditEvent).filter_by(action=action).one()
        assert event.detail["reason"] == WHY
        shown = unescape(operator.browser.get(place).text)
        assert WHY in shown
        assert 'id="sharing-reason"' not in shown, "a reason that was given is not asked again"
        # Again: the reason that the link has suffices.
        assert operator.post(f"{place}{act}", page=place).status_code < 400
        renew()
        assert db.session.get_one(Link, link_id).reason == WHY
    incident = db.session.get_one(Incident, incident.id)
    assert _reasons_in_timeline(incident) == [
        (operator.email, "send@example.com", WHY),
        (operator.email, "address@example.com", WHY),
    ]
    sent = db.session.query(Notification).filter_by(kind=NotificationKind.SHARED)
    assert sent.count() == 2


def test_the_form_asks_and_says_what_is_missing(people: People, library: Library) -> None:
    operator, video = people(Role.OPERATOR).speaking("en"), library.incident()
    page = f"/videos/{video.public_id}/share"
    form = {"recipients": "garde@example.com", "period": "48"}
    assert "Optional. Kept in the record." in operator.browser.get(page).text
    _require_a_reason()
    asked = operator.browser.get(page).text
    assert "Optional." not in asked
    before = db.session.query(Link).count()
    refused = operator.post(page, page=page, **form, note="Bonjour")
    assert refused.status_code == 422
    assert 'id="reason-wrong"' in refused.text, "the sentence is beside the field"
    assert "Bonjour" in refused.text, "what was typed is kept"
    renew()
    assert db.session.query(Link).count() == before
    assert operator.post(page, page=page, **form, reason=WHY).status_code == 302
    renew()
    link = db.session.query(Link).filter_by(reason=WHY).one()
    assert WHY in unescape(operator.browser.get(f"/links/{link.id}/").text)
    incident = db.session.query(Incident).filter_by(video_id=video.id).one()
    assert _reasons_in_timeline(incident) == [(operator.email, "garde@example.com", WHY)]
    shown = unescape(operator.browser.get(f"/incidents/{incident.reference}/").text)
    assert WHY in shown


def test_the_recipient_sees_no_reason(
    library: Library, work: Callable[[], None], config: Config, client: FlaskClient
) -> None:
    video = library.incident()
    link = sharing.share_video(ACTOR, video.public_id, ["garde@example.com"], _terms(WHY))[0]
    work()
    (mail,) = mails(config)
    page = client.get(path_of(links.private_url(link, video.public_id)))
    assert page.status_code == 200
    for text in (text_of(mail), text_of(mail, "html"), unescape(page.text)):
        assert "gendarmerie" not in text


def test_an_administrator_requires_a_reason_on_the_page_of_the_site(people: People) -> None:
    admin, site = people(Role.ADMIN).speaking("en"), sites.default_site()
    place = f"/sites/{site.id}/"
    assert "<dt>Reason for sharing</dt><dd>optional</dd>" in admin.browser.get(place).text
    form = {"name": "Lyon", "locale": ""}
    answer = admin.post(f"{place}edit", **form, sharing_needs_reason="y")
    assert answer.status_code == 302
    renew()
    assert sites.default_site().sharing_needs_reason
    event = db.session.query(AuditEvent).filter_by(action="site:edited").one()
    assert event.detail["sharing_needs_reason"] == [False, True]
    assert "<dt>Reason for sharing</dt><dd>required</dd>" in admin.browser.get(place).text
    assert "checked" in admin.browser.get(f"{place}edit").text


def test_the_setting_is_exported_and_imported_with_the_sites(app: Flask, people: People) -> None:
    sites.add_site(ACTOR, "Lyon")
    _require_a_reason()
    admin = people(Role.ADMIN).speaking("fr")
    answer = admin.browser.get("/imports/sites/table.csv")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";"))
    assert {row["Nom"]: row["Motif du partage"] for row in rows} == {
        "Lyon": "facultatif",
        "Vigint": "obligatoire",
    }
