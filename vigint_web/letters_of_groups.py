"""Compose the mails about several things: gathered repeats, mails that nobody got."""

from dataclasses import dataclass
from datetime import datetime

from flask import render_template
from flask_babel import force_locale, ngettext
from flask_babel import gettext as _

from vigint_web.config import Config
from vigint_web.formats import wall_clock
from vigint_web.mail import ClipFacts, Letter, header_text, make_letter
from vigint_web.plain_text import one_line, paragraphs
from vigint_web.wording import failure_sentence

# More than anybody follows one by one; the first incident's page has them all.
_MOST_LISTED = 200


@dataclass(frozen=True)
class RepeatFacts:
    """What a mail about several says of one."""

    reference: str
    risk_level: str
    message: str
    detected_at: datetime
    clip: ClipFacts | None
    failure_code: str | None


@dataclass(frozen=True)
class RepeatsMail:
    """Everything that a mail about several repeats of an alert tells."""

    recipient: str
    message_id: str
    first_message_id: str | None
    locale: str
    reference: str
    incident_type: str
    site: str
    camera: str | None
    first_detected_at: datetime
    # The worst of them.
    risk_level: str
    repeats: tuple[RepeatFacts, ...]
    page: str


@dataclass(frozen=True)
class UndeliverableMail:
    """Everything that a mail about mails that nobody got tells."""

    recipient: str
    message_id: str
    locale: str
    reference: str | None
    about: str
    # Who got nothing, and what the server answered.
    failures: tuple[tuple[str, str], ...]
    page: str


def compose_repeats(facts: RepeatsMail, config: Config) -> Letter:
    """Return the mail that tells of all repeats of an alert, text and HTML of equal content."""
    zone, kind = config.timezone, one_line(facts.incident_type)
    with force_locale(facts.locale):
        number = len(facts.repeats)
        repeats = ngettext("%(num)d repeat", "%(num)d repeats", number)
        subject = _(
            "🚨 Vigint alert - %(kind)s - [%(risk)s]", kind=kind, risk=one_line(facts.risk_level)
        )
        shown = {
            "facts": facts,
            "locale": facts.locale,
            "kind": kind,
            "place": one_line(facts.site) + (f", {one_line(facts.camera)}" if facts.camera else ""),
            "repeats": repeats,
            "risk": one_line(facts.risk_level),
            "since": wall_clock(facts.first_detected_at, zone),
            "entries": [
                {
                    "reference": one.reference,
                    "risk": one_line(one.risk_level),
                    "message": one_line(paragraphs(one.message), 300),
                    "stamp": wall_clock(one.detected_at, zone),
                    "clip": one.clip,
                    "expiry": wall_clock(one.clip.expires_at, zone) if one.clip else "",
                    "failure": failure_sentence(one.failure_code) if one.failure_code else "",
                }
                for one in facts.repeats[:_MOST_LISTED]
            ],
            "has_links": any(one.clip for one in facts.repeats),
            "more": max(0, number - _MOST_LISTED),
        }
        text = render_template("mail/repeats.txt", **shown)
        html = render_template("mail/repeats.html", **shown)
    headers = {"X-Vigint-Incident": facts.reference}
    if facts.first_message_id:
        # Mail programs show it below the alert that it goes on from.
        headers["References"] = headers["In-Reply-To"] = facts.first_message_id
    return make_letter(
        config,
        recipient=facts.recipient,
        message_id=facts.message_id,
        subject=header_text(f"{subject} - {repeats}"),
        text=text,
        html=html,
        headers=headers,
    )


def compose_undeliverable(facts: UndeliverableMail, config: Config) -> Letter:
    """Return the mail that tells an administrator who got nothing, and why."""
    with force_locale(facts.locale):
        subject = _("⚠️ Vigint could not deliver an alert")
        if facts.reference:
            subject += f" - {facts.reference}"
        shown = {
            "facts": facts,
            "locale": facts.locale,
            "about": one_line(facts.about),
            "failures": [(one_line(who), one_line(why)) for who, why in facts.failures],
        }
        text = render_template("mail/undeliverable.txt", **shown)
        html = render_template("mail/undeliverable.html", **shown)
    return make_letter(
        config,
        recipient=facts.recipient,
        message_id=facts.message_id,
        subject=header_text(subject),
        text=text,
        html=html,
        headers={"X-Vigint-Incident": facts.reference} if facts.reference else {},
    )
