"""Put the log of a night into words, for a page and for a mail alike."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import force_locale, ngettext
from flask_babel import gettext as _

from vigint_web.config.config import Config
from vigint_web.i18n.deliveries import delivery_sentence
from vigint_web.i18n.formats import local, long_day, offset_name
from vigint_web.i18n.reasons import reason_words
from vigint_web.i18n.sentences import author_in_sentence, recipient_sentence, state_words
from vigint_web.mail.messages import OutgoingMail, composed
from vigint_web.mail.sanitize import one_line, paragraphs
from vigint_web.mail.words import risk_in_words
from vigint_web.net.mailboxes import readable_address


@dataclass(frozen=True)
class ActFacts:
    """What somebody did about an incident; `reason` and its label are of a false alarm."""

    at: datetime
    kind: str
    who: str
    text: str
    reason: str | None
    reason_label: str | None


@dataclass(frozen=True)
class DeliveryFacts:
    """A mail or a call about an incident, and its result.

    Args:
        state: the value of a NotificationState.
        failure: a code or sentence of `i18n.deliveries`, if it failed.
        refused: the code of why the recipient was not mailed at all.
    """

    recipient: str
    is_call: bool
    state: str
    sent_at: datetime | None
    failure: str
    refused: str | None


@dataclass(frozen=True)
class ViewFacts:
    """When the page of a recipient's link was first opened, and its video first played."""

    recipient: str
    opened_at: datetime | None
    played_at: datetime | None


@dataclass(frozen=True)
class EntryFacts:
    """One incident of a night; `received_at` is given if it was received late."""

    at: datetime
    reference: str
    incident_type: str
    camera: str | None
    risk_level: str
    state: str
    received_at: datetime | None
    acts: tuple[ActFacts, ...]
    deliveries: tuple[DeliveryFacts, ...]
    views: tuple[ViewFacts, ...]


@dataclass(frozen=True)
class NightFacts:
    """The log of a night.

    Args:
        entries: the incidents by the time of detection.
        earlier: those received in this night, and detected before it.
        more: the number of incidents beyond the longest log.
    """

    site: str
    day: date
    begin: datetime
    end: datetime
    zone: ZoneInfo
    entries: tuple[EntryFacts, ...]
    earlier: tuple[EntryFacts, ...]
    more: int


@dataclass(frozen=True)
class LogbookMail:
    """The content of a mail with the log of a night."""

    recipient: str
    message_id: str
    locale: str
    night: NightFacts
    # Where it is read after logging in.
    page: str


def words_of_night(night: NightFacts) -> dict[str, Any]:
    """Return what a page and a mail say about a night, in the current language."""
    clock = _Clock(night)
    confirmed = sum(one.state == "confirmed" for one in night.entries)
    return {
        "site": one_line(night.site),
        "period": _(
            "From %(first)s to %(last)s",
            first=clock.day_and_minute(night.begin),
            last=clock.day_and_minute(night.end),
        ),
        "zone": offset_name(night.end, night.zone),
        "summary": _summary(len(night.entries), confirmed),
        "entries": [_words_of_entry(one, clock) for one in night.entries],
        "earlier": [_words_of_entry(one, clock) for one in night.earlier],
        "more": night.more,
    }


def compose_logbook(facts: LogbookMail, config: Config) -> OutgoingMail:
    """Return the mail with the log of a night, text and HTML of equal content, without links to
    footage.
    """
    with force_locale(facts.locale):
        words = words_of_night(facts.night)
        subject = _(
            "Vigint night log - %(site)s - %(day)s - %(summary)s",
            site=words["site"],
            day=long_day(facts.night.day),
            summary=words["summary"],
        )
        return composed("logbook", facts, config, subject=subject, locale=facts.locale, night=words)


def _summary(number: int, confirmed: int) -> str:
    if not number:
        return str(_("Nothing to report"))
    said = ngettext("%(num)d incident", "%(num)d incidents", number)
    if confirmed:
        said += ", " + ngettext("%(num)d confirmed", "%(num)d confirmed", confirmed)
    return str(said)


class _Clock:
    """Write times by the clock of a night's site."""

    def __init__(self, night: NightFacts) -> None:
        self._night, self._zone = night, night.zone

    def day_and_minute(self, moment: datetime) -> str:
        here = local(moment, self._zone)
        return f"{long_day(here.date())}, {here:%H:%M}"

    def second(self, moment: datetime) -> str:
        """Return the time, with its day if it is not within the night."""
        here = local(moment, self._zone)
        if self._night.begin <= moment <= self._night.end:
            return f"{here:%H:%M:%S}"
        return f"{long_day(here.date())}, {here:%H:%M:%S}"


def _words_of_entry(entry: EntryFacts, clock: _Clock) -> dict[str, Any]:
    return {
        "time": clock.second(entry.at),
        "reference": entry.reference,
        "kind": one_line(entry.incident_type),
        "camera": one_line(entry.camera) if entry.camera else "",
        "risk": risk_in_words(entry.risk_level),
        "state": _("Undecided") if entry.state == "new" else state_words(entry.state),
        "late": _("received late, %(time)s", time=clock.second(entry.received_at))
        if entry.received_at
        else "",
        "acts": [
            (clock.second(act.at), _words_of_act(act), paragraphs(act.text)) for act in entry.acts
        ],
        "deliveries": [_words_of_delivery(one, clock) for one in entry.deliveries],
        "views": [_words_of_view(one, clock) for one in entry.views],
    }


def _words_of_act(act: ActFacts) -> str:
    who = one_line(author_in_sentence(act.who))
    reason = reason_words(act.reason, act.reason_label) if act.reason else ""
    words = {
        "confirmed": lambda: _("Confirmed by %(who)s", who=who),
        "false_alarm": lambda: _(
            "False alarm according to %(who)s: %(reason)s", who=who, reason=reason
        ),
        "closed": lambda: _("Closed by %(who)s", who=who),
        "reopened": lambda: _("Reopened by %(who)s", who=who),
        "note": lambda: _("Note by %(who)s", who=who),
        "police_called": lambda: _("Police called, recorded by %(who)s", who=who),
        "confirmed_by_sight": lambda: _("Confirmed by sight, recorded by %(who)s", who=who),
    }
    return str(words[act.kind]())


def _words_of_delivery(one: DeliveryFacts, clock: _Clock) -> str:
    who = one_line(one.recipient if one.is_call else readable_address(one.recipient))
    if one.is_call:
        who = _("Webhook %(name)s", name=who)
    if one.state == "sent" and one.sent_at is not None:
        return str(_("%(who)s: notified at %(time)s", who=who, time=clock.second(one.sent_at)))
    if one.state == "failed":
        why = recipient_sentence(one.refused) if one.refused else delivery_sentence(one.failure)
        return str(_("%(who)s: not reached. %(why)s", who=who, why=one_line(why))).strip()
    return str(_("%(who)s: not sent yet", who=who))


def _words_of_view(one: ViewFacts, clock: _Clock) -> str:
    who = one_line(readable_address(one.recipient))
    if one.played_at is not None:
        return str(_("%(who)s: watched at %(time)s", who=who, time=clock.second(one.played_at)))
    opened = clock.second(one.opened_at) if one.opened_at is not None else ""
    return str(_("%(who)s: opened at %(time)s, not watched", who=who, time=opened))
