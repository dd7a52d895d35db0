"""Set when a site's log is mailed and to whom, and enqueue the logs that are due."""

import logging
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import LogbookSchedule, MailedNight, NotificationKind, Site
from vigint_web.net.mailboxes import read_mailbox, split_addresses
from vigint_web.services.accounts.sites import find_site
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.core.transactions import insert_into, transaction
from vigint_web.services.dispatch.enqueue import new_notification, send_off
from vigint_web.services.logbook.nights import Hours, Night, nights_due

log = logging.getLogger(__name__)

MOST_RECIPIENTS = 20
_MINUTES = 24 * 60


def find_schedule(site_id: int) -> LogbookSchedule | None:
    """Return when and to whom a site's log is mailed, if that was ever set."""
    return db.session.get(LogbookSchedule, site_id, populate_existing=True)


def hours_of(schedule: LogbookSchedule | None) -> Hours:
    """Return the hours of a site's nights: 20:00 to 08:00 unless others were set."""
    if schedule is None:
        return Hours()
    return Hours(schedule.begins, schedule.ends, schedule.mailed_at)


def set_schedule(actor: Actor, site_id: int, hours: Hours, recipients: str) -> LogbookSchedule:
    """Set the hours of a site's nights, and who is mailed their logs.

    Nights that ended before the first recipient was named are not mailed.

    Args:
        recipients: addresses, separated by lines, commas or semicolons; none: nothing is mailed.

    Raises:
        NotFound: the actor sees no such site.
        Invalid: a text is no address, there are too many, or a time is none.
    """
    site = find_site(actor, site_id)
    addresses = _checked(recipients)
    if not all(0 <= one < _MINUTES for one in (hours.begins, hours.ends, hours.mailed_at)):
        raise Invalid([Mistake(MistakeCode.NOT_A_TIME, "begins")])
    with transaction() as session:
        row = session.get(
            LogbookSchedule, site.id, populate_existing=True, with_for_update={"key_share": True}
        )
        was_mailed = row is not None and bool(row.recipients)
        if row is None:
            row = LogbookSchedule(site_id=site.id)
            session.add(row)
        row.begins, row.ends, row.mailed_at = hours.begins, hours.ends, hours.mailed_at
        row.recipients = addresses
        if addresses and not was_mailed:
            row.since = utcnow()
        session.flush()
        trail.record(
            actor,
            "logbook:scheduled",
            f"site:{site.id}",
            site_id=site.id,
            begins=clock(hours.begins),
            ends=clock(hours.ends),
            mailed_at=clock(hours.mailed_at),
            recipients=addresses,
        )
    return row


def clock(minutes: int) -> str:
    """Return minutes since midnight as a time: 08:15."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def mail_due_logs() -> int:
    """Enqueue the logs of the nights that are due; return their number.

    Each night once: of several schedulers one inserts its row. Those that were due while none ran
    follow, up to a week later.
    """
    query = select(LogbookSchedule, Site).join(Site, Site.id == LogbookSchedule.site_id)
    rows = [(schedule, zone_of(site)) for schedule, site in db.session.execute(query)]
    return sum(_mail_due(schedule, zone) for schedule, zone in rows if schedule.recipients)


def _mail_due(schedule: LogbookSchedule, zone: ZoneInfo) -> int:
    due = list(nights_due(schedule.since, utcnow(), hours_of(schedule), zone))
    mailed = select(MailedNight.day).where(
        MailedNight.site_id == schedule.site_id, MailedNight.day.in_([night.day for night in due])
    )
    done: set[date] = set(db.session.scalars(mailed))
    site_id, recipients = schedule.site_id, list(schedule.recipients)
    return sum(_mail(site_id, night, recipients) for night in due if night.day not in done)


def _mail(site_id: int, night: Night, recipients: list[str]) -> bool:
    """Enqueue the mails of one night, in one transaction; return False if another one did."""
    with transaction() as session:
        row = insert_into(session, MailedNight).values(
            site_id=site_id,
            day=night.day,
            began_at=night.begin,
            ended_at=night.end,
            created_at=utcnow(),
        )
        keys = [MailedNight.site_id, MailedNight.day]
        added = session.scalar(
            row.on_conflict_do_nothing(index_elements=keys).returning(MailedNight.id)
        )
        if added is None:
            return False
        _enqueue(session, added, recipients)
    log.info("the log of a night is mailed to %s recipients", len(recipients))
    return True


def _enqueue(session: Session, night_id: int, recipients: list[str]) -> None:
    for recipient in recipients:
        mail = new_notification(recipient, NotificationKind.NIGHT_LOG, night_id=night_id)
        send_off(session, mail)


def _checked(text: str) -> list[str]:
    found: list[str] = []
    for part in split_addresses(text):
        mailbox = read_mailbox(part)
        if mailbox is None:
            raise Invalid(
                [Mistake(MistakeCode.NOT_AN_ADDRESS, "recipients", {"address": part[:100]})]
            )
        if mailbox.address not in found:
            found.append(mailbox.address)
    if len(found) > MOST_RECIPIENTS:
        most = {"most": MOST_RECIPIENTS}
        raise Invalid([Mistake(MistakeCode.TOO_MANY_ADDRESSES, "recipients", most)])
    return found
