"""The log of a night is mailed once, to the right people, with what happened."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import PASSWORD
from tests.helpers import Clock, mails, renew, run_jobs, text_of
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.errors import Invalid, NotFound
from vigint_web.extensions import db
from vigint_web.models import (
    ActKind,
    AuditEvent,
    Incident,
    IncidentState,
    Mail,
    MailedNight,
    Notification,
    NotificationKind,
    NotificationState,
    RiskLevel,
    Role,
)
from vigint_web.services.accounts import sites, users
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.core.actors import SYSTEM, Actor, as_user, command_line
from vigint_web.services.core.transactions import transaction
from vigint_web.services.logbook.nights import Hours
from vigint_web.services.logbook.schedule import find_schedule, mail_due_logs, set_schedule
from vigint_web.services.review import acts, decisions
from vigint_web.services.review.confidentiality import restrict

pytestmark = pytest.mark.both_databases(reason="of several schedulers one inserts")

KARIM = command_line("karim@example.com")
NIGHTS, ROUND_THE_CLOCK = Hours(), Hours(0, 0, 0)


@pytest.fixture(autouse=True)
def _from_noon(clock: Clock) -> None:
    """Begin at noon UTC: from there to the next morning is one night, at any hour of a run."""
    now = utcnow()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    clock.forward(seconds=((noon - now) % timedelta(days=1)).total_seconds())


def _incident(at: datetime, *, received: datetime | None = None, **values: Any) -> Incident:
    site = sites.default_site()
    with transaction() as session:
        incident = Incident(
            reference=f"INC-{secrets.token_hex(4)}",
            site_id=site.id,
            camera_id=camera_of(site.id, "Quai 2").id,
            body_sha256="0" * 64,
            message="m",
            incident_type=values.pop("incident_type", "Intrusion"),
            risk_level=RiskLevel.HIGH,
            detected_at=at,
            created_at=received or at,
            link_hours=48,
        )
        session.add(incident)
    return incident


def _schedule(recipients: str, hours: Hours = NIGHTS) -> None:
    set_schedule(SYSTEM, sites.default_site().id, hours, recipients)


def _to_morning(clock: Clock) -> datetime:
    """Go to the next day, 10:00 UTC, after every mailing time; return the begin of the night."""
    now = utcnow()
    morning = (now + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
    clock.forward(seconds=(morning - now).total_seconds())
    return morning - timedelta(hours=12)


def test_the_mail_says_what_happened_and_has_no_link_to_footage(
    app: Flask, clock: Clock, config: Config
) -> None:
    _schedule("Client <client@example.com>")
    night = _to_morning(clock)
    first = _incident(night + timedelta(hours=1))
    with transaction() as session:
        session.add(
            Notification(
                incident_id=first.id,
                recipient="garde@example.com",
                state=NotificationState.SENT,
                kind=NotificationKind.VIDEO,
                sent_at=night + timedelta(hours=1, seconds=9),
                message_id="<1@vigint.invalid>",
            )
        )
    decisions.decide(
        KARIM, first.reference, IncidentState.CONFIRMED, seen=IncidentState.NEW, note="Deux hommes"
    )
    acts.record_outside(KARIM, first.reference, ActKind.POLICE_CALLED)
    acts.record_outside(KARIM, first.reference, ActKind.CONFIRMED_BY_SIGHT)
    late = _incident(night + timedelta(hours=2), received=night + timedelta(hours=3))
    earlier = _incident(night - timedelta(hours=9), received=night + timedelta(hours=4))
    assert mail_due_logs() == 1
    run_jobs()
    [mail] = mails(config)
    assert mail["To"] == "client@example.com"
    assert "Main courante Vigint" in mail["Subject"]
    assert "2 incidents, dont 1 confirmé" in mail["Subject"]
    for kind in ("plain", "html"):
        said = text_of(mail, kind)
        for expected in (
            "Quai 2", "Risque élevé", "Confirmé par karim@example.com", "Deux hommes",
            "Appel à la police", "Levée de doute", "garde@example.com", "prévenu à",
            "reçu tardivement", "Détectés avant cette nuit", first.reference, late.reference,
            earlier.reference, "/incidents/logbook/?site=",
        ):  # fmt: skip
            assert expected in said.replace("&amp;", "&"), f"{expected} in {kind}"
        assert "token=" not in said
    assert said.index(first.reference) < said.index(late.reference) < said.index(earlier.reference)
    kept = db.session.scalars(select(Mail)).one()
    assert (kept.site_id, kept.recipient) == (sites.default_site().id, "client@example.com")


def test_a_quiet_night_says_so_in_the_language_of_the_recipient(
    app: Flask, clock: Clock, config: Config
) -> None:
    boss = users.create_user(SYSTEM, "boss@example.com", PASSWORD, Role.VIEWER)
    with transaction():
        boss.locale = "en"
    _schedule("boss@example.com\nclient@example.com; client@example.com")
    _to_morning(clock)
    assert mail_due_logs() == 1
    run_jobs()
    said = {mail["To"]: text_of(mail) for mail in mails(config)}
    assert len(said) == 2
    assert "Nothing to report" in said["boss@example.com"]
    assert "Rien à signaler" in said["client@example.com"]


def test_each_night_is_mailed_once_also_after_a_standstill(
    app: Flask, clock: Clock, config: Config
) -> None:
    _schedule("client@example.com")
    assert mail_due_logs() == 0  # the night is not over
    _to_morning(clock)
    assert mail_due_logs() == 1
    assert mail_due_logs() == 0
    clock.forward(days=3)
    assert mail_due_logs() == 3
    clock.forward(days=30)
    assert mail_due_logs() == 7  # the last week
    # Another time does not mail a night again.
    _schedule("client@example.com", Hours(20 * 60, 8 * 60, 9 * 60))
    assert mail_due_logs() == 0
    days = list(db.session.scalars(select(MailedNight.day)))
    assert len(days) == len(set(days)) == 11


def test_of_several_schedulers_one_mails_a_night(app: Flask, clock: Clock, config: Config) -> None:
    _schedule("client@example.com")
    _to_morning(clock)

    def look(_number: int) -> int:
        with app.app_context():
            return mail_due_logs()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(look, range(4))) == 1
    renew()
    assert db.session.query(Notification).count() == 1


def test_a_confidential_incident_is_in_no_mail(app: Flask, clock: Clock, config: Config) -> None:
    reader = users.create_user(SYSTEM, "reader@example.com", PASSWORD, Role.ADMIN)
    _schedule("client@example.com, reader@example.com")
    night = _to_morning(clock)
    secret = _incident(night + timedelta(hours=1), incident_type="Secret")
    restrict(as_user(reader), secret.reference, [reader.id], seen=0)
    mail_due_logs()
    run_jobs()
    sent = mails(config)
    assert len(sent) == 2
    for mail in sent:
        assert "Rien à signaler" in text_of(mail)
        assert "Secret" not in text_of(mail) + text_of(mail, "html")


def test_without_recipients_nothing_is_mailed_and_a_change_is_audited(
    app: Flask, clock: Clock
) -> None:
    _schedule("client@example.com")
    _schedule("")
    _to_morning(clock)
    assert mail_due_logs() == 0
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "logbook:scheduled")
    ).first()
    assert event is not None
    assert event.detail["recipients"] == ["client@example.com"]
    assert event.detail["mailed_at"] == "08:15"
    # Those nights are not mailed later either.
    _schedule("client@example.com")
    assert mail_due_logs() == 0


@pytest.mark.parametrize(
    ("recipients", "hours"),
    [
        ("nobody", Hours()),
        ("a@example.com, b", Hours()),
        ("\n".join(f"a{n}@example.com" for n in range(21)), Hours()),
        ("a@example.com", Hours(24 * 60, 0, 0)),
    ],
)
def test_odd_settings_are_refused_and_nothing_is_changed(
    app: Flask, recipients: str, hours: Hours
) -> None:
    with pytest.raises(Invalid):
        _schedule(recipients, hours)
    assert find_schedule(sites.default_site().id) is None
    stranger = Actor("stranger", site_ids=frozenset())
    with pytest.raises(NotFound):
        set_schedule(stranger, sites.default_site().id, Hours(), "a@example.com")


def test_a_log_that_was_not_delivered_is_listed_and_sent_again(
    app: Flask, clock: Clock, config: Config
) -> None:
    from vigint_web.services.notifications.delivery import retry_delivery
    from vigint_web.services.notifications.sent_mails import undelivered

    _schedule("client@example.com")
    _to_morning(clock)
    mail_due_logs()
    [row] = db.session.scalars(select(Notification))
    with transaction():
        row.state, row.error = NotificationState.FAILED, "550"
    site = sites.default_site()
    mine = Actor("operator", site_ids=frozenset({site.id}))
    assert [one.id for one in undelivered(mine)[0]] == [row.id]
    assert undelivered(Actor("stranger", site_ids=frozenset({site.id + 1})))[0] == []
    retry_delivery(SYSTEM, row.id)
    run_jobs()
    assert len(mails(config)) == 1


def test_nights_of_24_hours_have_every_incident_once(app: Flask) -> None:
    from vigint_web.services.logbook.nights import night_of
    from vigint_web.services.logbook.reading import read_night

    zone = app.extensions["vigint"].config.timezone
    begin = datetime(2026, 10, 24, 22, tzinfo=UTC)
    for hour in range(25):
        _incident(begin + timedelta(hours=hour))
    site = sites.default_site()
    night = night_of(begin.astimezone(zone).date(), ROUND_THE_CLOCK, zone)
    assert len(read_night(SYSTEM, site, night).entries) == 25
