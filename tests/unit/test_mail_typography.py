"""Every mail follows the typographic rules of its language, except for an alert's literal lines."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask

from vigint_web import create_app
from vigint_web.config.config import Config, load_config
from vigint_web.i18n.typography import mistakes
from vigint_web.mail.account import AccountMailFacts, compose_account_mail
from vigint_web.mail.digest import (
    DigestMail,
    KeptFacts,
    RepeatFacts,
    RepeatsMail,
    UndeliverableMail,
    compose_digest,
    compose_repeats,
    compose_undeliverable,
)
from vigint_web.mail.messages import (
    AlertMail,
    ClipFacts,
    LinkMail,
    OutgoingMail,
    compose_alert,
    compose_played,
    compose_shared,
)
from vigint_web.models import AccountMailPurpose

# The first of a month, in the afternoon: a difficult case for dates and ordinals.
SEEN = datetime(2026, 12, 1, 12, 30, 7, tzinfo=UTC)
URL = "http://vigint.test/video/vid_1?token=a.b.c"
PAGE = "http://vigint.test/incidents/INC-1/"
CLIP = ClipFacts(URL, "vid_1", 2_300_000, SEEN + timedelta(hours=48), 48, pace_known=False)
# Literal texts of a contract.
LITERAL = (
    "Type d'alerte", "Horodatage:", "DÉTAILS DE L'INCIDENT:", "Niveau de risque:", "Numéro d'image",
    "Confiance:", "Analyse IA:", "Lien privé sécurisé:", "Taille du fichier:", "Expiration:",
    "ID Vidéo:", "⚠️ IMPORTANT:", "IMPORTANT:", "0.92", "2.3 MB",
)  # fmt: skip


def _letters(config: Config, locale: str) -> Iterator[tuple[str, OutgoingMail]]:
    me, number = "garde@example.com", "<1@vigint.invalid>"
    alert = AlertMail(
        me, number, "INC-1", "SECURITY", "Intrusion", "HIGH", "", "Site", "Quai 2", SEEN,
        zone_assumed=True, frame_count=1, confidence=0.92, analysis="", clip=CLIP,
        failure_code=None, locale=locale,
    )  # fmt: skip
    yield "alert", compose_alert(alert, config)
    link = LinkMail(
        me, number, URL, "claire@example.com", me, "Intrusion", "", SEEN, CLIP.expires_at, 2, SEEN,
        locale=locale, place="Site, Quai 2", reference="INC-1", detected_at=SEEN,
    )  # fmt: skip
    yield "shared", compose_shared(link, config)
    yield "played", compose_played(link, config)
    with_clip = RepeatFacts("INC-2", "LOW", "", SEEN, CLIP, None)
    without = RepeatFacts("INC-3", "UNKNOWN", "", SEEN, None, "no_frames")
    repeats = RepeatsMail(
        me, number, None, locale, "INC-1", "Intrusion", "Site", None, SEEN, "HIGH",
        (with_clip, without), PAGE,
    )  # fmt: skip
    yield "repeats", compose_repeats(repeats, config)
    kept = tuple(KeptFacts("Intrusion", "Site", fact) for fact in (with_clip, without))
    yield (
        "digest",
        compose_digest(DigestMail(me, number, locale, "INC-1", "HIGH", kept, PAGE), config),
    )
    failed = UndeliverableMail(me, number, locale, "INC-1", "Intrusion", ((me, "no"),), PAGE, SEEN)
    yield "undeliverable", compose_undeliverable(failed, config)
    for purpose in AccountMailPurpose:
        notice = purpose in {
            AccountMailPurpose.PASSWORD_CHANGED,
            AccountMailPurpose.TWO_FACTOR_RESET,
        }
        url = None if notice else URL
        facts = AccountMailFacts(me, purpose, locale, number, url, SEEN, "http://vigint.test")
        yield purpose, compose_account_mail(facts, config)


class _Texts(HTMLParser):
    """Collect the text between two tags; if a tag splits a word, only the whole is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Leave the style sheet out."""
        self._hidden = tag == "style"

    def handle_data(self, data: str) -> None:
        """Collect."""
        if not self._hidden and data.strip():
            self.parts.append(data.strip(" \n"))


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    folder: Path = tmp_path_factory.mktemp("typography")
    config = load_config(
        {
            "VIGINT_DATA_DIR": str(folder),
            "VIGINT_ORGANISATION": "Sûreté & Cie",
            "VIGINT_CONTACT": "securite@example.com",
        }
    )
    app = create_app(config)
    with app.app_context():
        yield app, config


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_every_line_of_every_mail(application: tuple[Flask, Config], locale: str) -> None:
    found: dict[str, list[str]] = {}
    for name, letter in _letters(application[1], locale):
        assert letter.body is not None
        assert letter.html is not None
        reader = _Texts()
        reader.feed(letter.html)
        for line in (*letter.body.splitlines(), *reader.parts):
            if line.startswith(LITERAL) and name == "alert":
                continue
            if wrong := mistakes(line.strip(), locale):
                found[f"{name}: {line}"] = wrong
    assert found == {}
