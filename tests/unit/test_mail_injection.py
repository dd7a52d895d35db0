"""With any text of a detector a mail has the same headers, parts and tags, and no bidirectional
tricks.
"""

import email
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigint_web import create_app
from vigint_web.config.config import Config, load_config
from vigint_web.mail.digest import (
    RepeatFacts,
    RepeatsMail,
    UndeliverableMail,
    compose_repeats,
    compose_undeliverable,
)
from vigint_web.mail.messages import (
    AlertMail,
    ClipFacts,
    LinkMail,
    OutgoingMail,
    compose_alert,
    compose_shared,
)
from vigint_web.mail.sanitize import one_line, paragraphs

SEEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLIP = ClipFacts("http://vigint.test/video/v?token=a.b.c", "v", 1, SEEN, 48, True)
FACTS = AlertMail(
    recipient="garde@example.com",
    message_id="<1@vigint.invalid>",
    reference="INC-2026-000001",
    alert_type="SECURITY",
    incident_type="Intrusion",
    risk_level="HIGH",
    message="m",
    site="s",
    camera="c",
    detected_at=SEEN,
    zone_assumed=False,
    frame_count=1,
    confidence=0.5,
    analysis="a",
    clip=CLIP,
    failure_code=None,
)
_HOSTILE = st.sampled_from(
    [
        "\r\nBcc: all@example.com\r\n\r\n",
        "\n.\n",
        "\u2028Bcc: x\u2029\x85\x0b\x0c",
        "</p><script>alert(1)</script>",
        "<img src='http://evil.example/pixel'>",
        "\"><a href='javascript:alert(1)'>",
        "-->]]><!--[if mso]><style>*{}</style>",
        "{{ config.secret_key }}{% raw %}",
        "=?utf-8?q?=0d=0aBcc=3a_x?=",
        "%(kind)s %s {}",
        "\u202egnp.exe\u202c\u2066\u2069\u200f\u061c",
        "\x00\x08\x1b[31m\x7f\ufeff",
        "\ud800",
        "x" * 3000,
        "--===============",
    ]
)
TEXTS = st.lists(_HOSTILE | st.text(max_size=20), max_size=5).map("".join)
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LOCALES = st.sampled_from(["fr", "en"])


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Config]]:
    config = load_config({"VIGINT_DATA_DIR": str(tmp_path_factory.mktemp("mails"))})
    app = create_app(config)
    with app.app_context():
        yield app, config


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Count."""
        self.tags[tag] += 1
        self.addresses |= {value or "" for name, value in attributes if name in {"href", "src"}}

    def handle_comment(self, data: str) -> None:
        """Count, because Outlook interprets some."""
        self.tags["comment"] += 1


def _read(letter: OutgoingMail) -> tuple[EmailMessage, str, str]:
    raw = letter.as_bytes()
    assert max(len(line) for line in raw.splitlines()) <= 998, "RFC 5321 takes no longer line"
    message = email.message_from_bytes(raw, policy=policy.default)
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    text, html = (str(part.get_content()) for part in parts)
    return message, text, html


def _check(letter: OutgoingMail, same: OutgoingMail) -> None:
    message, text, html = _read(letter)
    expected, _, plain_html = _read(same)
    assert message.keys() == expected.keys()
    assert message["To"] == "garde@example.com"
    assert "\n" not in str(message["Subject"])
    found, wanted = _Tags(), _Tags()
    found.feed(html)
    wanted.feed(plain_html)
    found.tags["br"] = wanted.tags["br"] = 0  # the lines of a text
    assert found.tags == wanted.tags, "a tag that we did not write"
    assert found.addresses == wanted.addresses, "a link or a picture that we did not write"
    for part in (text, html, str(message["Subject"])):
        assert not BIDI.search(part)
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", part.replace("\r\n", "\n"))


_EXAMPLES = settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_EXAMPLES
@given(texts=st.tuples(*[TEXTS] * 7), locale=LOCALES)
def test_an_alert(application: tuple[Flask, Config], texts: tuple[str, ...], locale: str) -> None:
    names = ("message", "analysis", "site", "camera", "incident_type", "alert_type", "risk_level")
    written: dict[str, Any] = dict(zip(names, texts, strict=True))
    # Omitted if empty.
    plain = replace(FACTS, locale=locale)
    evil = replace(plain, **written)
    _check(compose_alert(evil, application[1]), compose_alert(plain, application[1]))


@_EXAMPLES
@given(texts=st.tuples(*[TEXTS] * 6), locale=LOCALES)
def test_repeats(application: tuple[Flask, Config], texts: tuple[str, ...], locale: str) -> None:
    def mail(
        kind: str, site: str, camera: str, message: str, risk: str, first: str
    ) -> OutgoingMail:
        repeat = RepeatFacts("INC-1", risk, message, SEEN, CLIP, None)
        facts = RepeatsMail(
            recipient="garde@example.com",
            message_id="<2@vigint.invalid>",
            first_message_id="<1@vigint.invalid>",
            locale=locale,
            reference="INC-0",
            incident_type=kind,
            site=site,
            camera=camera,
            first_detected_at=SEEN - timedelta(minutes=1),
            risk_level=first,
            repeats=(repeat, repeat),
            page="http://vigint.test/incidents/INC-0/",
        )
        return compose_repeats(facts, application[1])

    _check(mail(*texts), mail("k", "s", "c", "m", "LOW", "LOW"))


@_EXAMPLES
@given(texts=st.tuples(*[TEXTS] * 3), locale=LOCALES)
def test_undeliverable(
    application: tuple[Flask, Config], texts: tuple[str, ...], locale: str
) -> None:
    def mail(about: str, who: str, why: str) -> OutgoingMail:
        facts = UndeliverableMail(
            recipient="garde@example.com",
            message_id="<2@vigint.invalid>",
            locale=locale,
            reference="INC-0",
            about=about,
            failures=((who, why),) * 2,
            page="http://vigint.test/incidents/INC-0/",
        )
        return compose_undeliverable(facts, application[1])

    _check(mail(*texts), mail("a", "b", "c"))


@_EXAMPLES
@given(texts=st.tuples(TEXTS, TEXTS.filter(paragraphs), TEXTS.filter(one_line)), locale=LOCALES)
def test_shared_links(
    application: tuple[Flask, Config], texts: tuple[str, ...], locale: str
) -> None:
    def mail(sharer: str, note: str, about: str) -> OutgoingMail:
        facts = LinkMail(
            recipient="garde@example.com",
            message_id="<2@vigint.invalid>",
            url="http://vigint.test/video/v?token=a.b.c",
            sharer=sharer,
            link_recipient="garde@example.com",
            about=about,
            note=note,
            not_before=None,
            expires_at=SEEN,
            max_views=None,
            played_at=None,
            locale=locale,
        )
        return compose_shared(facts, application[1])

    _check(mail(*texts), mail("a", "b", "c"))


@given(st.text())
def test_lines_stay_lines(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 300
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
    assert paragraphs(paragraphs(text)) == paragraphs(text)
    assert not BIDI.search(paragraphs(text))


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Ligne une : « é »\nשלום, مرحبا – 🚨\n\n  indented"
    assert paragraphs(text) == text
    assert paragraphs("a\r\nb\rc\u2028d") == "a\nb\nc\nd"
    assert paragraphs("x" * 30_000).endswith("x…")


def test_no_template_loads_anything_from_elsewhere() -> None:
    folder = Path(__file__).parents[2] / "vigint_web/templates/mail"
    for path in folder.iterdir():
        source = path.read_text()
        assert not re.search(r"(?i)<(?:img|link|script|iframe|object)|@import|url\(|\bsrc=", source)


def test_an_english_mail_says_what_the_french_one_says(application: tuple[Flask, Config]) -> None:
    def lines(locale: str, **more: Any) -> list[str]:
        letter = compose_alert(replace(FACTS, locale=locale, **more), application[1])
        message, text, html = _read(letter)
        assert f'<html lang="{locale}"' in html
        assert ("alert -" in message["Subject"]) == (locale == "en")
        return [line for line in text.splitlines() if line.strip()]

    for more in ({}, {"clip": None, "failure_code": "no_frames"}, {"zone_assumed": True}):
        french, english = lines("fr", **more), lines("en", **more)
        assert len(french) == len(english)
        for one, other in zip(french, english, strict=True):
            values = re.findall(r"[0-9][0-9T:.-]+|http\S+|HIGH|SECURITY|INC-\S+", one)
            assert values == re.findall(r"[0-9][0-9T:.-]+|http\S+|HIGH|SECURITY|INC-\S+", other)
        assert not re.search(r"[éèàç]", "".join(english))
