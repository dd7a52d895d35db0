"""Say how an installation is, in sentences that end with what to do."""

from dataclasses import dataclass
from datetime import date

import flask_babel

from vigint_web.formats import ago, file_size
from vigint_web.formats import number as written
from vigint_web.services.health_rules import Finding, Level, Part, Readings, State
from vigint_web.services.trends import Trend


def _(message: str, **named: object) -> str:
    return str(flask_babel.gettext(message, **named))


def ngettext(one: str, many: str, number: int, **named: object) -> str:
    """Return the sentence for a number, typed as Flask-Babel leaves it untyped."""
    return str(flask_babel.ngettext(one, many, number, **named))


@dataclass(frozen=True)
class Told:
    """One line of the health list."""

    part: str
    title: str
    level: str
    sentence: str
    notice: str | None = None  # how it is told at the top of the page too
    filled: int | None = None  # per cent, for a meter


def tell_all(findings: list[Finding], readings: Readings, footage: int) -> list[Told]:
    """Return a line for every part, for whoever looks after the machine.

    Args:
        footage: how much is stored, in bytes.
    """
    filled = round(100 * (1 - readings.disk.free_share))
    return [
        _told(
            finding,
            _sentence(finding, readings, footage),
            filled if finding.part == Part.DISK else None,
        )
        for finding in findings
    ]


def tell_effects(findings: list[Finding], readings: Readings) -> list[Told]:
    """Return one line for everything that people feel, without a word of the machine."""
    told: list[Told] = []
    for finding in findings:
        sentence = _effect(finding, readings)
        # One cause is felt once: without a queue server nobody can tell of the workers.
        if sentence and all(other.sentence != sentence for other in told):
            told.append(_told(finding, sentence))
    return told or [Told("all", "Vigint", Level.GOOD, _("Everything works."))]


def _told(finding: Finding, sentence: str, filled: int | None = None) -> Told:
    notice = str(finding.level) if finding.stops_work else None
    if finding.state == State.OUTBOX:
        notice = "info"  # meant so, or soon mended: no fault
    return Told(finding.part, _title(finding.part), finding.level, sentence, notice, filled)


def trend_words(trend: Trend, hours: bool) -> str:
    """Return how a count compares with the span before it: 24 hours, else 7 days."""
    number = written(abs(trend.difference))
    match trend.direction:
        case "up" if hours:
            return _("%(number)s more than the 24 hours before", number=number)
        case "up":
            return _("%(number)s more than the 7 days before", number=number)
        case "down" if hours:
            return _("%(number)s fewer than the 24 hours before", number=number)
        case "down":
            return _("%(number)s fewer than the 7 days before", number=number)
    return _("as many as the 24 hours before") if hours else _("as many as the 7 days before")


def short_day(day: date) -> str:
    """Return a day of this year as a chart names it."""
    return str(flask_babel.format_date(day, "d MMM"))


def _title(part: Part) -> str:
    return {
        Part.DATABASE: _("Database"),
        Part.QUEUE: _("Queue"),
        Part.WORKERS: _("Workers"),
        Part.BACKLOG: _("Waiting work"),
        Part.MAIL: _("Mail"),
        Part.UNDELIVERABLE: _("Undeliverable"),
        Part.WEBHOOKS: _("Webhooks"),
        Part.LINKS: _("Links"),
        Part.STORAGE: _("Storage"),
        Part.DISK: _("Disk"),
    }[part]


def _sentence(finding: Finding, readings: Readings, footage: int) -> str:
    match finding.part:
        case Part.DATABASE | Part.QUEUE | Part.WORKERS:
            return _machinery(finding, readings)
        case Part.BACKLOG:
            return _backlog(finding, readings)
        case Part.MAIL | Part.LINKS:
            return _mail(finding, readings)
        case Part.UNDELIVERABLE | Part.WEBHOOKS:
            return _undelivered(finding, readings)
        case Part.STORAGE:
            return _storage(finding, readings)
        case Part.DISK:
            return _disk(finding, readings, footage)


def _machinery(finding: Finding, readings: Readings) -> str:
    match finding.part, finding.state:
        case Part.DATABASE, State.ANSWERS:
            return _("The database answers.")
        case Part.DATABASE, _state:
            return _("The database does not answer: nothing can be stored. Look at the server.")
        case Part.QUEUE, State.ANSWERS:
            return _("The queue server answers.")
        case Part.QUEUE, _state:
            return _(
                "The queue server does not answer: new videos and mails wait. Start Vigint again"
                " with “./vigint up”."
            )
        case _part, State.UP:
            workers = readings.workers or 0
            return ngettext("%(num)d worker is up.", "%(num)d workers are up.", workers)
    return _(
        "No worker is running: new videos and mails wait. Start Vigint again with “./vigint up”."
    )


def _backlog(finding: Finding, readings: Readings) -> str:
    if finding.state == State.ALERTS_LATE and readings.oldest_alert_job is not None:
        return _(
            "Alerts are late: the first one in the queue came %(ago)s. Start Vigint with more"
            " workers, or look at its log for what takes so long.",
            ago=ago(readings.oldest_alert_job, readings.now),
        )
    if finding.state == State.SOURCES_LATE and readings.oldest_source_job is not None:
        return _(
            "Sources are late: the first one in the queue came %(ago)s. With more workers several"
            " are processed at once.",
            ago=ago(readings.oldest_source_job, readings.now),
        )
    return _("Nothing waits longer than it should.")


def _mail(finding: Finding, readings: Readings) -> str:
    mails = readings.mails
    match finding.state:
        case State.OUTBOX:
            return _(
                "No mail server is configured: mails are written to the outbox instead of being"
                " sent. Name your server in config.ini, under [Email], then start Vigint again."
            )
        case State.NOT_ACCEPTED:
            waiting = ngettext(
                "%(num)d mail was not accepted; the first try was %(ago)s.",
                "%(num)d mails were not accepted; the first try was %(ago)s.",
                mails.not_accepted,
                ago=ago(mails.not_accepted_since or readings.now, readings.now),
            )
            error = mails.last_error.rstrip(".")
            return " ".join(
                (
                    waiting,
                    _("Last answer: “%(error)s”.", error=error),
                    _(
                        "Check [Email] in config.ini; for a day the mails are tried again by"
                        " themselves."
                    ),
                )
            )
        case State.UNTRIED:
            return _(
                "Mails go out by %(server)s; none was sent yet. Send yourself a test alert.",
                server=mails.server,
            )
        case State.LOOPBACK:
            return _(
                "Mailed links start with %(address)s and only open on this machine. Set"
                " VIGINT_BASE_URL to the address that recipients reach.",
                address=readings.base_url,
            )
    return _(
        "The last mail was accepted by %(server)s %(ago)s.",
        server=mails.server,
        ago=ago(mails.last_accepted or readings.now, readings.now),
    )


def _storage(finding: Finding, readings: Readings) -> str:
    if finding.state == State.ANSWERS:
        return _("Footage is kept in %(place)s, which answers.", place=readings.storage)
    return _(
        "Footage is kept in %(place)s, which does not answer: no video plays and none is taken."
        " Ask “./vigint doctor”.",
        place=readings.storage,
    )


def _undelivered(finding: Finding, readings: Readings) -> str:
    mails = readings.mails
    if finding.part == Part.UNDELIVERABLE:
        return ngettext(
            "%(num)d message was given up in the last 24 hours: somebody was not told. The"
            " incident’s page says why and sends it again.",
            "%(num)d messages were given up in the last 24 hours: somebody was not told. The"
            " incident’s page says why and sends it again.",
            mails.given_up,
        )
    waiting = ngettext(
        "%(num)d call was not accepted; the first try was %(ago)s.",
        "%(num)d calls were not accepted; the first try was %(ago)s.",
        mails.calls,
        ago=ago(mails.calls_since or readings.now, readings.now),
    )
    error = mails.last_call_error.rstrip(".")
    advice = _("Check [Webhook] in config.ini; for a day the calls are tried again by themselves.")
    return " ".join((waiting, _("Last answer: “%(error)s”.", error=error), advice))


def _disk(finding: Finding, readings: Readings, footage: int) -> str:
    disk = readings.disk
    named = {
        "free": file_size(disk.free),
        "share": flask_babel.format_percent(disk.free_share),
        "footage": file_size(footage),
    }
    match finding.state:
        case State.REFUSED:
            return _(
                "The disk is full (%(free)s left): footage is refused until there is room. Delete"
                " sources or enlarge the disk. Footage takes %(footage)s.",
                **named,
            )
        case State.HARDLY_ROOM:
            return _(
                "Only %(free)s are left (%(share)s): soon footage will be refused. Delete sources"
                " or enlarge the disk. Footage takes %(footage)s.",
                **named,
            )
        case State.LITTLE_ROOM:
            return _(
                "%(free)s are left (%(share)s). Plan for more room, or keep footage for a shorter"
                " time ([Retention] in config.ini). Footage takes %(footage)s.",
                **named,
            )
    return _("%(free)s are free (%(share)s). Footage takes %(footage)s.", **named)


def _effect(finding: Finding, readings: Readings) -> str | None:
    if finding.level == Level.GOOD:
        return None
    if finding.part == Part.STORAGE:
        return _("Videos can neither be watched nor taken in right now. Tell an administrator.")
    match finding.state:
        case State.SILENT | State.NONE_UP:
            return _(
                "New videos and mails wait because a part of the server is not running. Tell an"
                " administrator."
            )
        case State.ALERTS_LATE if readings.oldest_alert_job is not None:
            return _(
                "Alerts are late: the first one that waits came %(ago)s. Tell an administrator.",
                ago=ago(readings.oldest_alert_job, readings.now),
            )
        case State.SOURCES_LATE:
            return _("Sources take longer than usual: others are processed first.")
        case State.GIVEN_UP:
            return None  # whoever may know sees which ones; the others' sites are not theirs
        case State.NOT_ACCEPTED if finding.part == Part.WEBHOOKS:
            return None
        case State.OUTBOX:
            return _(
                "Alerts are not sent by mail, because no mail server is configured. Ask an"
                " administrator."
            )
        case State.NOT_ACCEPTED:
            return _(
                "Some mails were not accepted yet; they are tried again by themselves. Tell an"
                " administrator if this goes on."
            )
        case State.LOOPBACK:
            return _(
                "Links in mails do not open on the recipients’ devices yet. Tell an administrator."
            )
        case State.REFUSED:
            return _("The server’s disk is full: footage is refused. Tell an administrator.")
        case State.HARDLY_ROOM:
            return _("The server’s disk is almost full. Tell an administrator.")
    return None
