"""Describe the health of an installation in sentences that say what to do."""

from dataclasses import dataclass

import flask_babel

from vigint_web.i18n.deliveries import delivery_sentence
from vigint_web.i18n.formats import ago, file_size
from vigint_web.i18n.formats import number as written
from vigint_web.services.operations.health_rules import Finding, Level, Part, Readings, State
from vigint_web.services.reports.trends import Trend


def _(message: str, **named: object) -> str:
    return str(flask_babel.gettext(message, **named))


def ngettext(one: str, many: str, number: int, **named: object) -> str:
    """Return the sentence for a number, typed as Flask-Babel leaves it untyped."""
    return str(flask_babel.ngettext(one, many, number, **named))


@dataclass(frozen=True)
class HealthLine:
    """One line of the health list."""

    part: str
    title: str
    level: str
    sentence: str
    notice: str | None = None  # the kind of notice at the top of the page
    filled: int | None = None  # per cent, for a meter


def health_lines(findings: list[Finding], readings: Readings, footage: int) -> list[HealthLine]:
    """Return a line for every part, for administrators.

    Args:
        footage: the size of stored footage, in bytes.
    """
    filled = round(100 * (1 - readings.disk.free_share))
    return [
        _health_line(
            finding,
            _sentence(finding, readings, footage),
            filled if finding.part == Part.DISK else None,
        )
        for finding in findings
    ]


def effect_lines(findings: list[Finding], readings: Readings) -> list[HealthLine]:
    """Return one line for each effect on users, without details of the machine."""
    lines: list[HealthLine] = []
    for finding in findings:
        sentence = _effect(finding, readings)
        # One cause, one line: without a queue server the workers' state is unknown.
        if sentence and all(other.sentence != sentence for other in lines):
            lines.append(_health_line(finding, sentence))
    return lines or [HealthLine("all", "Vigint", Level.GOOD, _("Everything works."))]


def _health_line(finding: Finding, sentence: str, filled: int | None = None) -> HealthLine:
    notice = str(finding.level) if finding.stops_work else None
    if finding.state in {State.OUTBOX, State.ELSEWHERE}:
        notice = "info"  # intended, or about to be fixed: no fault
    return HealthLine(finding.part, _title(finding.part), finding.level, sentence, notice, filled)


def trend_words(trend: Trend, hours: bool) -> str:
    """Return the comparison of a count with the previous span: 24 hours, else 7 days."""
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


def _title(part: Part) -> str:
    return {
        Part.DATABASE: _("Database"),
        Part.QUEUE: _("Queue"),
        Part.WORKERS: _("Workers"),
        Part.BACKLOG: _("Waiting work"),
        Part.MAIL: _("Mail"),
        Part.RECIPIENTS: _("Recipients"),
        Part.UNDELIVERABLE: _("Undeliverable"),
        Part.WEBHOOKS: _("Webhooks"),
        Part.LINKS: _("Links"),
        Part.HOSTING: _("Hosting"),
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
        case Part.RECIPIENTS:
            return _recipients(finding, readings)
        case Part.UNDELIVERABLE | Part.WEBHOOKS:
            return _undelivered(finding, readings)
        case Part.HOSTING:
            return _(
                "Videos of incidents leave this server: %(host)s hosts them. To keep them "
                "here, remove base_url from [SparseAI] in config.ini.",
                host=readings.hosted_by,
            )
        case Part.STORAGE:
            return _storage(finding, readings)
        case Part.DISK:
            return _disk(finding, readings, footage)


def _machinery(finding: Finding, readings: Readings) -> str:
    match finding.part, finding.state:
        case Part.DATABASE, State.ANSWERS:
            return _("The database answers.")
        case Part.DATABASE, _state:
            return _("The database does not answer: nothing can be stored. Check the server.")
        case Part.QUEUE, State.ANSWERS:
            return _("The queue server answers.")
        case Part.QUEUE, _state:
            return _(
                "The queue server does not answer: new videos and mails are waiting. "
                "Restart Vigint with “./vigint up”."
            )
        case _part, State.UP:
            workers = readings.workers or 0
            return ngettext("%(num)d worker is running.", "%(num)d workers are running.", workers)
    return _(
        "No worker is running: new videos and mails are waiting. Restart Vigint with “./vigint up”."
    )


def _backlog(finding: Finding, readings: Readings) -> str:
    if finding.state == State.ALERTS_LATE and readings.oldest_alert_job is not None:
        return _(
            "Alerts are late: the oldest one in the queue arrived %(ago)s. Start Vigint "
            "with more workers, or look for the cause in its log.",
            ago=ago(readings.oldest_alert_job, readings.now),
        )
    if finding.state == State.SOURCES_LATE and readings.oldest_source_job is not None:
        return _(
            "Sources are late: the oldest one in the queue arrived %(ago)s. More workers "
            "process several at once.",
            ago=ago(readings.oldest_source_job, readings.now),
        )
    return _("Nothing has been waiting longer than it should.")


def _mail(finding: Finding, readings: Readings) -> str:
    mails = readings.mails
    match finding.state:
        case State.OUTBOX:
            return _(
                "No mail server is configured: mails are written to the outbox instead of "
                "being sent. Set your server in config.ini, under [Email], then restart "
                "Vigint."
            )
        case State.NOT_ACCEPTED:
            waiting = ngettext(
                "%(num)d mail was not accepted; the first try was %(ago)s.",
                "%(num)d mails were not accepted; the first try was %(ago)s.",
                mails.not_accepted,
                ago=ago(mails.not_accepted_since or readings.now, readings.now),
            )
            error = delivery_sentence(mails.last_error).rstrip(".")
            return " ".join(
                (
                    waiting,
                    _("Last answer: “%(error)s”.", error=error),
                    _("Check [Email] in config.ini; sending is retried automatically for a day."),
                )
            )
        case State.UNTRIED:
            return _(
                "Mails are sent through %(server)s; none has been sent yet. Send yourself "
                "a test alert.",
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


def _recipients(finding: Finding, readings: Readings) -> str:
    if finding.state == State.NO_MAILBOX:
        return _(
            "No mailbox can have the address %(addresses)s: alerts to it are not "
            "delivered. Set who is alerted in config.ini, to_email under [Email], then "
            "restart Vigint.",
            addresses=", ".join(readings.mails.nowhere),
        )
    return _(
        "Alerts without a recipient go to the administrators (%(addresses)s). Set who is "
        "alerted in config.ini, to_email under [Email], then restart Vigint.",
        addresses=", ".join(readings.mails.alerted),
    )


def _storage(finding: Finding, readings: Readings) -> str:
    if finding.state == State.ANSWERS:
        return _("Footage is stored in %(place)s, which answers.", place=readings.storage)
    return _(
        "Footage is stored in %(place)s, which does not answer: no video can be played or "
        "received. Run “./vigint doctor” for details.",
        place=readings.storage,
    )


def _undelivered(finding: Finding, readings: Readings) -> str:
    mails = readings.mails
    if finding.part == Part.UNDELIVERABLE:
        return ngettext(
            "%(num)d message could not be delivered in the last 24 hours, so someone was "
            "not alerted. The incident’s page says why and can send it again.",
            "%(num)d messages could not be delivered in the last 24 hours, so someone was "
            "not alerted. The incident’s page says why and can send them again.",
            mails.given_up,
        )
    waiting = ngettext(
        "%(num)d call was not accepted; the first try was %(ago)s.",
        "%(num)d calls were not accepted; the first try was %(ago)s.",
        mails.calls,
        ago=ago(mails.calls_since or readings.now, readings.now),
    )
    error = delivery_sentence(mails.last_call_error).rstrip(".")
    advice = _("Check [Webhook] in config.ini; the calls are retried automatically for a day.")
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
                "The disk is full (%(free)s left): footage is refused until there is "
                "space. Delete sources or enlarge the disk. Videos use %(footage)s.",
                **named,
            )
        case State.HARDLY_ROOM:
            return _(
                "Only %(free)s left (%(share)s): footage will soon be refused. Delete "
                "sources or enlarge the disk. Videos use %(footage)s.",
                **named,
            )
        case State.LITTLE_ROOM:
            return _(
                "%(free)s left (%(share)s). Plan for more space, or shorten the retention "
                "([Retention] in config.ini). Videos use %(footage)s.",
                **named,
            )
    return _("%(free)s free (%(share)s). Videos use %(footage)s.", **named)


def _effect(finding: Finding, readings: Readings) -> str | None:
    if finding.level == Level.GOOD:
        return None
    if finding.part == Part.STORAGE:
        return _("Videos can be neither watched nor received right now. Tell an administrator.")
    match finding.state:
        case State.SILENT | State.NONE_UP:
            return _(
                "New videos and mails are waiting because part of the server is not "
                "running. Tell an administrator."
            )
        case State.ALERTS_LATE if readings.oldest_alert_job is not None:
            return _(
                "Alerts are late: the oldest one waiting arrived %(ago)s. Tell an administrator.",
                ago=ago(readings.oldest_alert_job, readings.now),
            )
        case State.SOURCES_LATE:
            return _("Sources are taking longer than usual: others are processed first.")
        case State.NO_MAILBOX:
            return _("Alerts do not reach everyone they are meant for. Tell an administrator.")
        case State.NO_RECIPIENTS:
            return None
        case State.GIVEN_UP:
            return None  # administrators see the list; other users must not see other sites
        case State.NOT_ACCEPTED if finding.part == Part.WEBHOOKS:
            return None
        case State.OUTBOX:
            return _(
                "Alerts are not sent by mail, because no mail server is configured. Ask an"
                " administrator."
            )
        case State.NOT_ACCEPTED:
            return _(
                "Some mails have not been accepted yet; sending is retried automatically. "
                "Tell an administrator if this continues."
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
