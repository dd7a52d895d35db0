"""Apply a changed [Retention] setting, at once or after a confirmation or a waiting time."""

import logging
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import RetentionReport, RetentionSetting
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import change, insert_into, transaction
from vigint_web.services.videos.retention_dates import (
    configured,
    count_older,
    in_force,
    is_anything_kept,
    kinds_of,
    longest_stored,
)
from vigint_web.services.videos.retention_rules import (
    Action,
    Days,
    Proposal,
    Setting,
    decide,
    is_shorter,
    observed_step,
)

log = logging.getLogger(__name__)

# A machine that is silent for longer no longer counts; one that stops withdraws its report.
_FRESH = timedelta(minutes=10)
_FORGOTTEN = timedelta(days=1)
_SOON = timedelta(days=7)


@dataclass(frozen=True)
class Waiting:
    """A pending shorter retention, as shown to users."""

    setting: Setting
    in_force: Days
    proposal: Proposal
    proposed_at: datetime
    # The number deleted at once, and further ones within a week.
    now: int
    soon: int
    declined_by: str | None
    # Each machine's value, if they differ; empty when all agree.
    opinions: dict[str, Days]


@dataclass(frozen=True)
class Moving:
    """A change in force that is not yet applied to all stored dates."""

    setting: Setting
    videos: int


def machine_name() -> str:
    """Return the name of this machine's report.

    It includes the data directory, because two installations on one machine may share a database.
    """
    return f"{socket.gethostname() or 'localhost'} ({config().data_dir})"[:200]


def follow(since_last_look: timedelta, machine: str | None = None) -> None:
    """Compare the configuration with the value in force, and apply the rules.

    Args:
        since_last_look: by this process's monotonic clock; zero for its first look.
        machine: the reporting machine; this one.
    """
    machine = machine or machine_name()
    _report(machine)
    for setting in Setting:
        ensure_row(setting)
        _follow(setting, configured(setting), since_last_look, machine)


def withdraw_report(machine: str | None = None) -> None:
    """Withdraw this machine's report: it stops, and its successor may have another
    configuration.
    """
    with transaction() as session:
        change(
            session,
            delete(RetentionReport).where(RetentionReport.machine == (machine or machine_name())),
        )


def confirm(actor: Actor, setting: Setting, days: Days) -> None:
    """Apply a pending proposal now.

    Args:
        days: the value that the user saw; another proposal may have been made since.

    Raises:
        Conflict: there is no such proposal, or machines disagree.
    """
    with transaction():
        row = _waiting_row(setting, days)
        if _opinions(setting):
            raise Conflict
        _record(actor, "confirmed", row, days=days, before=row.days)
        _bring_into_force(actor, row, days)


def decline(actor: Actor, setting: Setting, days: Days) -> None:
    """Keep the value in force as long as the configuration has these days.

    Raises:
        Conflict: there is no such proposal.
    """
    with transaction():
        row = _waiting_row(setting, days)
        if row.declined_at is None:
            row.declined_at, row.declined_by = utcnow(), actor.label
            _record(actor, "declined", row, days=days, kept=row.days)


def find_waiting() -> list[Waiting]:
    """Return every pending shorter retention, with what it would delete."""
    rows = db.session.scalars(
        select(RetentionSetting)
        .where(RetentionSetting.proposed_at.is_not(None))
        .order_by(RetentionSetting.name)
        .execution_options(populate_existing=True)
    )
    return [_shown(row) for row in rows]


def find_moving() -> list[Moving]:
    """Return the settings whose dates are being moved, with the progress."""
    rows = db.session.execute(
        select(RetentionSetting.name, RetentionSetting.moved_videos)
        .where(RetentionSetting.moved_through_id > 0)
        .order_by(RetentionSetting.name)
    )
    return [Moving(Setting(row.name), row.moved_videos) for row in rows]


def preview(setting: Setting) -> Waiting | None:
    """Return what this process's configuration would shorten, seen by a scheduler or not."""
    days = configured(setting)
    present = in_force(setting)
    if not is_shorter(days, present) or not is_anything_kept(setting):
        return None
    row = db.session.get(RetentionSetting, setting)
    if row is not None and row.proposed_at is not None and row.proposed_days == days:
        return _shown(row)
    return Waiting(setting, present, Proposal(days), utcnow(), *_losses(setting, days), None, {})


def _report(machine: str) -> None:
    values = {
        "seen_at": utcnow(),
        **{setting.value: configured(setting) for setting in Setting},
    }
    with transaction() as session:
        change(
            session, delete(RetentionReport).where(RetentionReport.seen_at < utcnow() - _FORGOTTEN)
        )
        session.execute(
            insert_into(session, RetentionReport)
            .values(machine=machine, **values)
            .on_conflict_do_update(index_elements=[RetentionReport.machine], set_=values)
        )


def _opinions(setting: Setting) -> dict[str, Days]:
    """Return the machines' values, if they differ."""
    reports = db.session.scalars(
        select(RetentionReport)
        .where(RetentionReport.seen_at > utcnow() - _FRESH)
        .order_by(RetentionReport.machine)
        .execution_options(populate_existing=True)
    )
    found: dict[str, Days] = {row.machine: getattr(row, setting.value) for row in reports}
    return found if len(set(found.values())) > 1 else {}


def ensure_row(setting: Setting) -> None:
    """Record the value in force if there is no record of it yet."""
    if db.session.get(RetentionSetting, setting) is not None:
        return
    stored, days = longest_stored(setting)
    wanted = configured(setting)
    with transaction() as session:
        session.execute(
            insert_into(session, RetentionSetting)
            .values(
                name=setting.value,
                days=days if stored else wanted,
                # Older dates may be shorter; they follow unless a proposal is pending.
                moved_through_id=0 if stored and days == wanted else None,
            )
            .on_conflict_do_nothing()
        )


def locked_row(session: Session, setting: Setting) -> RetentionSetting:
    """Return the row of a setting, locked: dates are moved, and new footage reads it, under it."""
    return session.get_one(RetentionSetting, setting, with_for_update=True, populate_existing=True)


def _follow(setting: Setting, days: Days, since_last_look: timedelta, machine: str) -> None:
    with transaction() as session:
        row = locked_row(session, setting)
        now = utcnow()
        step = observed_step(since_last_look, now - (row.noted_at or now))
        action = decide(
            days,
            row.days,
            _proposal(row),
            agreed=not _opinions(setting),
            harmless=is_shorter(days, row.days) and not is_anything_kept(setting),
            step=step,
        )
        if row.proposed_at is not None:
            row.noted_at = now
        match action:
            case Action.ADOPT | Action.ELAPSE:
                _bring_into_force(SYSTEM, row, days)
            case Action.PROPOSE:
                _propose(row, days, machine)
            case Action.WAIT:
                row.waited_seconds += round(step.total_seconds())
            case Action.CANCEL:
                _record(SYSTEM, "cancelled", row, days=row.proposed_days, kept=row.days)
                _forget_proposal(row)
                begin_moving(row)


def _propose(row: RetentionSetting, days: Days, machine: str) -> None:
    _forget_proposal(row)
    row.proposed_at = row.noted_at = utcnow()
    row.proposed_days, row.proposed_by = days, machine
    now, soon = _losses(Setting(row.name), days)
    _record(
        SYSTEM, "proposed", row, days=days, before=row.days, machine=machine, now=now, soon=soon
    )
    log.warning("[Retention] %s is shorter than the value in force; it is pending", row.name)


def _bring_into_force(actor: Actor, row: RetentionSetting, days: Days) -> None:
    setting = Setting(row.name)
    lost = count_older(setting, days) if days is not None and is_shorter(days, row.days) else 0
    _record(actor, "changed", row, days=days, before=row.days, deletes=lost)
    row.days = days
    _forget_proposal(row)
    begin_moving(row)


def begin_moving(row: RetentionSetting) -> None:
    """Let the dates of all videos of a setting be compared with what is in force."""
    if kinds_of(Setting(row.name)):
        row.moved_through_id, row.moved_videos, row.moved_links = 0, 0, 0


def _forget_proposal(row: RetentionSetting) -> None:
    row.proposed_at = row.proposed_days = row.proposed_by = None
    row.declined_at = row.declined_by = row.noted_at = None
    row.waited_seconds = 0


def _waiting_row(setting: Setting, days: Days) -> RetentionSetting:
    with transaction() as session:
        row = session.get(RetentionSetting, setting, with_for_update=True, populate_existing=True)
    if row is None or row.proposed_at is None or row.proposed_days != days:
        raise Conflict
    return row


def _proposal(row: RetentionSetting) -> Proposal | None:
    if row.proposed_at is None:
        return None
    return Proposal(
        row.proposed_days, timedelta(seconds=row.waited_seconds), row.declined_at is not None
    )


def _losses(setting: Setting, days: Days) -> tuple[int, int]:
    if days is None:
        return 0, 0
    now = count_older(setting, days)
    return now, count_older(setting, days, within=_SOON) - now


def _shown(row: RetentionSetting) -> Waiting:
    setting, proposal = Setting(row.name), _proposal(row)
    if proposal is None or row.proposed_at is None:
        raise Conflict
    return Waiting(
        setting,
        row.days,
        proposal,
        row.proposed_at,
        *_losses(setting, proposal.days),
        row.declined_by,
        _opinions(setting),
    )


def _record(actor: Actor, what: str, row: RetentionSetting, **detail: Any) -> None:
    trail.record(actor, f"retention:{what}", f"retention:{row.name}", **detail)
