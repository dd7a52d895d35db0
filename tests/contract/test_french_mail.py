"""Contracts, section 8: the French mail, literally; section 2: the outbox."""

import email
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage, Message
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, Footage, incident_document, mails, post_form, post_incident
from vigint_web.config.config import Config
from vigint_web.mail.messages import AlertMail, ClipFacts, LinkMail, compose_alert, compose_shared
from vigint_web.mail.words import Confirmation

SEEN = datetime(2025, 9, 25, 12, 30, tzinfo=UTC)
URL = "http://vigint.test/video/vid_1?token=a.b.c"
CLIP = ClipFacts(
    url=URL,
    video_id="vid_1",
    size=2_300_000,
    expires_at=SEEN + timedelta(hours=48),
    hours=48,
    pace_known=True,
)


def _facts(**values: Any) -> AlertMail:
    fields: dict[str, Any] = {
        "recipient": "garde@example.com",
        "message_id": "<1@vigint.invalid>",
        "reference": "INC-2025-000001",
        "alert_type": "SECURITY",
        "incident_type": "Intrusion",
        "risk_level": "HIGH",
        "message": "Mouvement suspect au rayon 4",
        "site": "Magasin Lyon",
        "camera": "Rayon 4",
        "detected_at": SEEN,
        "zone_assumed": False,
        "frame_count": 150,
        "confidence": 0.92,
        "analysis": "Un objet est glissé dans un sac.",
        "clip": CLIP,
        "failure_code": None,
    }
    return AlertMail(**(fields | values))


def _mail(config: Config, **values: Any) -> tuple[EmailMessage, str, str]:
    """Compose a mail and read it back like a mail program: headers, text, visible HTML."""
    raw = compose_alert(_facts(**values), config).as_bytes()
    message = email.message_from_bytes(raw, policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return message, text.get_content(), html.get_content()


def _leaves(message: EmailMessage) -> list[Message]:
    return [part for part in message.walk() if not part.is_multipart()]


def _shown(html: str) -> str:
    body = html[html.index("<body") :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_a_risk_that_is_not_specified_is_said_in_words(app: Flask, config: Config) -> None:
    message, text, html = _mail(config, risk_level="UNKNOWN")
    assert message["Subject"] == "🚨 Alerte Vigint - Intrusion - [non précisé]"
    for part in (text, _shown(html)):
        assert "Niveau de risque: non précisé" in part
        assert "UNKNOWN" not in part


def test_the_mail_is_the_contracts_line_by_line(app: Flask, config: Config) -> None:
    message, text, _ = _mail(config)
    assert message["Subject"] == "🚨 Alerte Vigint - Intrusion - [HIGH]"
    assert message["To"] == "garde@example.com"
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines[0] == (
        "Magasin Lyon, Rayon 4, le 25 septembre 2025 à 14:30:00 (UTC+02:00, Europe/Paris)."
        " Détection automatique, non vérifiée par une personne."
    )
    assert lines[1:16] == [
        "🚨 ALERTE SYSTÈME VIGINT",
        "Type d'alerte: SECURITY",
        "Horodatage: 2025-09-25T14:30:00",
        "Mouvement suspect au rayon 4",
        "DÉTAILS DE L'INCIDENT:",
        "Niveau de risque: HIGH",
        "Numéro d'image: 150",
        "Confiance: 0.92",
        "Analyse IA: Un objet est glissé dans un sac.",
        "📹 PREUVES VIDÉO DISPONIBLES",
        f"Lien privé sécurisé: {URL}",
        "Taille du fichier: 2.3 MB",
        "Expiration: 2025-09-27T14:30:00",
        "ID Vidéo: vid_1",
        "⚠️ IMPORTANT: Ce lien est privé et sécurisé. Il expirera automatiquement dans 48 heures.",
    ]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"clip": None, "failure_code": "no_usable_frame"},
        {"zone_assumed": True, "camera": None, "confidence": None, "frame_count": None},
    ],
)
def test_text_and_html_say_the_same(app: Flask, config: Config, values: dict[str, Any]) -> None:
    _, text, html = _mail(config, **values)
    shown = _shown(html)
    for line in text.splitlines():
        label, _, value = line.strip().partition(": ")
        for part in (label, value):
            assert " ".join(part.split()) in shown, f"the HTML does not say {part!r}"
    words = Counter(re.findall(r"\w+", shown)) - Counter(re.findall(r"\w+", text))
    button = Counter(["Regarder", "la", "vidéo"]) + Counter(re.findall(r"\w+", URL))
    assert not words - button, "the HTML says more than the text"


def test_the_mail_is_utf8_without_attachment(app: Flask, config: Config) -> None:
    message, _, _ = _mail(config)
    parts = _leaves(message)
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert {part.get_content_charset() for part in parts} == {"utf-8"}
    assert all(part.get_content_disposition() is None for part in parts)
    assert "multipart/alternative" in message.as_string()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]


def test_one_hour_is_singular(app: Flask, config: Config) -> None:
    _, text, html = _mail(config, clip=replace(CLIP, hours=1))
    assert "Il expirera automatiquement dans 1 heure." in text
    assert "Il expirera automatiquement dans 1 heure." in _shown(html)


@pytest.mark.parametrize(
    "code", ["no_usable_frame", "no_frames", "no_space", "timed_out", "not_a_video", "unheard_of"]
)
def test_without_video_the_mail_says_why_in_one_french_sentence(
    app: Flask, config: Config, code: str
) -> None:
    _, text, _ = _mail(config, clip=None, failure_code=code)
    assert "📹" not in text
    assert "Lien privé" not in text
    assert "expirera" not in text
    [line] = [line for line in text.splitlines() if "pas disponible" in line]
    reason = line.partition("pas disponible.")[2].strip()
    assert reason.endswith(".")
    assert not re.search(r"\b(the|video could|None)\b", reason), f"not French: {reason}"
    assert "Niveau de risque: HIGH" in text


def test_an_unknown_pace_is_said(app: Flask, config: Config) -> None:
    _, text, _ = _mail(config, clip=replace(CLIP, pace_known=False))
    assert "25 images par seconde" in text


def test_html_is_escaped_and_text_is_not(app: Flask, config: Config) -> None:
    evil = "<img src=x onerror=alert(1)> & \"q\" 'a'"
    _, text, html = _mail(
        config, message=evil, analysis=evil, site=evil, camera=evil, alert_type=evil,
        risk_level=evil,
    )  # fmt: skip
    assert "<img" not in html
    assert html.count("&lt;img") == 6
    assert text.count(evil) == 6


INJECTION = "x\r\nBcc: all@example.com\r\n\r\n<html>\x85\u2028\x0b"


@pytest.mark.parametrize(
    "field", ["incident_type", "risk_level", "message", "analysis", "site", "camera", "alert_type"]
)
def test_no_field_can_add_a_header_or_a_recipient(app: Flask, config: Config, field: str) -> None:
    message, _, _ = _mail(config, **{field: INJECTION})
    assert set(message.keys()) == set(_mail(config)[0].keys())
    assert message["Bcc"] is None
    assert message["To"] == "garde@example.com"
    assert len(_leaves(message)) == 2


def test_no_posted_field_can_add_a_header_or_a_recipient(
    client: FlaskClient, api_key: str, work: Callable[[], None], config: Config
) -> None:
    data = dict.fromkeys(
        ("incident_type", "analysis", "site", "camera", "model", "alert_type"), INJECTION
    )
    post_incident(client, api_key, {"message": INJECTION, "incident_data": data})
    work()
    [mail] = mails(config)
    assert mail["Bcc"] is None
    assert mail["To"] == "garde@example.com"
    assert mail["Subject"].startswith("🚨 Alerte Vigint - x Bcc: all@example.com")
    text = mail.get_body(("plain",))
    assert text is not None
    lines = text.get_content().splitlines()
    assert any(line.startswith("Type d'alerte: X BCC") for line in lines), "one line per item"


def test_the_mailed_facts_are_those_of_the_incident(
    client: FlaskClient,
    api_key: str,
    work: Callable[[], None],
    footage: Footage,
    config: Config,
    clock: Clock,
) -> None:
    document = incident_document(footage.frames(5), expiration_hours=1)
    document["incident_data"]["detected_at"] = "2026-07-01T14:00:00"
    document["frames"][-1]["frame_count"] = 150
    accepted = post_incident(client, api_key, document)
    work()
    [mail] = mails(config)
    text = mail.get_body(("plain",))
    assert text is not None
    body = text.get_content()
    assert "Horodatage: 2026-07-01T14:00:00" in body
    assert "Numéro d'image: 150" in body
    assert f"ID Vidéo: {accepted['video_id']}" in body
    assert "dans 1 heure." in body
    assert accepted["private_link"] not in body, "each recipient has a link of their own"
    status = client.get(
        f"/api/v1/incidents/{accepted['incident_id']}", headers={"X-API-Key": api_key}
    ).get_json()
    assert f"Taille du fichier: {max(0.1, status['size'] / 1e6):.1f} MB" in body


def test_one_mail_with_its_own_link_for_each_recipient_in_the_outbox(
    client: FlaskClient, api_key: str, work: Callable[[], None], footage: Footage, config: Config
) -> None:
    everyone = ["a@example.com", "b@example.com"]
    post_form(
        client,
        api_key,
        {"message": "m", "recipients": everyone},
        frames=footage.frames(5),
    )
    work()
    written = mails(config)
    assert sorted(mail["To"] for mail in written) == everyone
    assert len({mail["Message-ID"] for mail in written}) == 2
    links = {re.search(r"token=\S+", m.as_string().replace("=\n", "")) for m in written}
    assert len({found.group(0) for found in links if found}) == 2
    assert config.outbox_dir.stat().st_mode & 0o077 == 0, "mails hold live links"
    assert {path.suffix for path in config.outbox_dir.iterdir()} == {".eml"}, "a draft was left"


def test_the_html_leads_with_what_one_must_know(app: Flask, config: Config) -> None:
    """Type, place, time, risk in words; the button; the lines; the plain address last and small."""
    _, text, html = _mail(config)
    shown = _shown(html)
    lead = (
        "Risque élevé Intrusion Magasin Lyon, Rayon 4, le 25 septembre 2025 à 14:30:00"
        " (UTC+02:00, Europe/Paris). Détection automatique, non vérifiée par une personne."
        " ▶ Regarder la vidéo"
    )
    assert shown.startswith(lead)
    lines = ["🚨 ALERTE SYSTÈME VIGINT", "Type d'alerte: SECURITY", "Niveau de risque: HIGH"]
    places = [shown.index(line) for line in [*lines, "Taille du fichier: 2.3 MB", URL]]
    assert places == sorted(places)
    assert shown.endswith(f"Lien privé sécurisé: {URL}")
    assert "Intrusion\u00a0: Risque élevé" in text, "the text says what the HTML leads with"


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        (SEEN + timedelta(hours=2), "Confirmée par claire@example.com à 16:30."),
        (
            datetime(2025, 10, 1, 7, tzinfo=UTC),
            "Confirmée par claire@example.com le 1er octobre 2025 à 09:00.",
        ),
    ],
)
def test_who_confirmed_a_detection_is_named(
    app: Flask, config: Config, at: datetime, sentence: str
) -> None:
    _, text, html = _mail(config, confirmed=Confirmation("claire@example.com", at))
    first = text.splitlines()[0]
    assert first.endswith(sentence)
    assert sentence in _shown(html)
    assert "automatique" not in text.replace("automatiquement", "")


@pytest.mark.parametrize("risk", ["LOW", "MEDIUM", "UNKNOWN", "HIGH", "CRITICAL", "nonsense"])
def test_each_risk_has_its_words(app: Flask, config: Config, risk: str) -> None:
    _, text, html = _mail(config, risk_level=risk)
    [line] = [line for line in text.splitlines() if line.startswith("Intrusion\u00a0: Risque ")]
    assert _shown(html).startswith(line.partition(": ")[2])


def test_a_shared_link_says_what_where_when_and_under_which_reference(
    app: Flask, config: Config
) -> None:
    facts = LinkMail(
        recipient="police@example.com",
        message_id="<1@vigint.invalid>",
        url=URL,
        sharer="claire@example.com",
        link_recipient="police@example.com",
        about="Intrusion",
        note="",
        not_before=None,
        expires_at=SEEN + timedelta(days=6),
        max_views=None,
        played_at=None,
        locale="fr",
        place="Magasin Lyon, Rayon 4",
        reference="INC-2025-000001",
        detected_at=SEEN,
    )
    letter = compose_shared(facts, config)
    assert letter.body is not None
    assert letter.html is not None
    for phrase in (
        "Intrusion",
        "Magasin Lyon, Rayon 4, le 25 septembre 2025 à 14:30:00 (UTC+02:00, Europe/Paris)."
        " Détection automatique, non vérifiée par une personne.",
        "Référence\u00a0: INC-2025-000001",
        "Valable jusqu’au\u00a0: 1er octobre 2025, 14:30 (UTC+02:00, Europe/Paris)",
        f"Lien privé sécurisé\u00a0: {URL}",
    ):
        assert phrase in letter.body
        assert " ".join(phrase.split()) in _shown(letter.html)
