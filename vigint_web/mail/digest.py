"""Compose mails about several things: gathered repeats, undeliverable mails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import force_locale, ngettext
from flask_babel import gettext as _

from vigint_web.config.config import Config
from vigint_web.i18n.deliveries import delivery_sentence
from vigint_web.i18n.formats import day_and_minute, day_and_second
from vigint_web.i18n.sentences import failure_sentence, risk_label, risk_words
from vigint_web.mail.messages import ClipFacts, OutgoingMail, composed
from vigint_web.mail.sanitize import one_line, paragraphs
from vigint_web.mail.words import moment_of, place_of, risk_in_words, verification

# A readable number; the first incident's page lists all of them.
MOST_LISTED = 200


@dataclass(frozen=True)
class RepeatFacts:
    """One entry of a mail about several repeats."""

    reference: str
    risk_level: str
    message: str
    detected_at: datetime
    clip: ClipFacts | None
    failure_code: str | None
    is_test: bool = False


@dataclass(frozen=True)
class RepeatsMail:
    """The content of a mail about several repeats of an alert."""

    recipient: str
    message_id: str
    first_message_id: str | None
    locale: str
    reference: str
    incident_type: str
    site: str
    camera: str | None
    first_detected_at: datetime
    # The highest of them.
    risk_level: str
    repeats: tuple[RepeatFacts, ...]
    page: str
    # That of its times; None: the installation's.
    zone: ZoneInfo | None = None


@dataclass(frozen=True)
class KeptFacts:
    """One alert in a digest: its type, its place, and further facts."""

    kind: str
    place: str
    fact: RepeatFacts


@dataclass(frozen=True)
class DigestMail:
    """The content of a mail about alerts that a detector spooled during an outage."""

    recipient: str
    message_id: str
    locale: str
    # The incident received first.
    reference: str
    # The highest of them.
    risk_level: str
    # By time of detection; at most MOST_LISTED.
    entries: tuple[KeptFacts, ...]
    page: str
    zone: ZoneInfo | None = None


@dataclass(frozen=True)
class UndeliverableMail:
    """The content of a mail about undeliverable mails."""

    recipient: str
    message_id: str
    locale: str
    reference: str | None
    about: str
    # The recipients who got nothing, and why, in the form of `i18n.deliveries`.
    failures: tuple[tuple[str, str], ...]
    page: str
    # Of an incident.
    detected_at: datetime | None = None
    zone: ZoneInfo | None = None
    is_test: bool = False


def compose_repeats(facts: RepeatsMail, config: Config) -> OutgoingMail:
    """Return the mail about all repeats of an alert, text and HTML of equal content."""
    zone, kind = facts.zone or config.timezone, one_line(facts.incident_type)
    with force_locale(facts.locale):
        number = len(facts.repeats)
        repeats = ngettext("%(num)d repeat", "%(num)d repeats", number)
        subject = _(
            "🚨 Vigint alert - %(kind)s - [%(risk)s]",
            kind=kind,
            risk=risk_words(one_line(facts.risk_level)),
        )
        shown = {
            "locale": facts.locale,
            "kind": kind,
            "place": place_of(facts.site, facts.camera),
            **moment_of(facts.first_detected_at, zone),
            "verified": verification(None, facts.first_detected_at, zone),
            "level": facts.risk_level,
            "risk_in_words": risk_in_words(facts.risk_level),
            "repeats": repeats,
            "risk": risk_words(one_line(facts.risk_level)),
            "entries": [_shown(one, zone) for one in facts.repeats[:MOST_LISTED]],
            "has_links": any(one.clip for one in facts.repeats),
            "more": max(0, number - MOST_LISTED),
        }
        headers = {"X-Vigint-Incident": facts.reference}
        if facts.first_message_id:
            # Mail programs show it in the thread of the first alert.
            headers["References"] = headers["In-Reply-To"] = facts.first_message_id
        subject = f"{subject} - {repeats}"
        is_test = _all_are_tests(facts.repeats)
        return composed(
            "repeats", facts, config, subject=subject, headers=headers, is_test=is_test, **shown
        )


def _all_are_tests(listed: Sequence[RepeatFacts]) -> bool:
    return bool(listed) and all(one.is_test for one in listed)


def _shown(one: RepeatFacts, zone: ZoneInfo) -> dict[str, Any]:
    return {
        # Of a mail about others too, the entry itself says it.
        "is_test": one.is_test,
        "reference": one.reference,
        "risk": risk_in_words(one.risk_level),
        "message": one_line(paragraphs(one.message), 300),
        "when": day_and_second(one.detected_at, zone),
        "clip": one.clip,
        "expiry": day_and_minute(one.clip.expires_at, zone) if one.clip else "",
        "failure": failure_sentence(one.failure_code) if one.failure_code else "",
    }


def compose_digest(facts: DigestMail, config: Config) -> OutgoingMail:
    """Return the mail that lists late alerts, text and HTML of equal content."""
    zone = facts.zone or config.timezone
    with force_locale(facts.locale):
        number, risk = len(facts.entries), risk_words(one_line(facts.risk_level))
        shown = {
            "locale": facts.locale,
            "number": number,
            "verified": _("Automatic detection, not verified by a person."),
            "level": facts.risk_level,
            "highest": risk_label(facts.risk_level).lower(),
            "risk": risk,
            "entries": [
                {
                    **_shown(one.fact, zone),
                    "kind": one_line(one.kind),
                    "place": one_line(one.place),
                }
                for one in facts.entries
            ],
            "has_links": any(one.fact.clip for one in facts.entries),
        }
        subject = ngettext(
            "🚨 Vigint - %(num)d alert after an outage - [%(risk)s]",
            "🚨 Vigint - %(num)d alerts after an outage - [%(risk)s]",
            number,
            risk=risk,
        )
        headers = {"X-Vigint-Incident": facts.reference}
        is_test = _all_are_tests([one.fact for one in facts.entries])
        return composed(
            "digest", facts, config, subject=subject, headers=headers, is_test=is_test, **shown
        )


def compose_undeliverable(facts: UndeliverableMail, config: Config) -> OutgoingMail:
    """Return the mail to an administrator about undeliverable mails, with the reasons."""
    zone = facts.zone or config.timezone
    with force_locale(facts.locale):
        subject = _("⚠️ Vigint could not deliver an alert")
        if facts.reference:
            subject += f" - {facts.reference}"
        shown = {
            "locale": facts.locale,
            "about": one_line(facts.about),
            "when": day_and_minute(facts.detected_at, zone) if facts.detected_at else "",
            "failures": [
                (one_line(who), one_line(delivery_sentence(why))) for who, why in facts.failures
            ],
        }
        headers = {"X-Vigint-Incident": facts.reference} if facts.reference else {}
        return composed(
            "undeliverable",
            facts,
            config,
            subject=subject,
            headers=headers,
            is_test=facts.is_test,
            **shown,
        )
