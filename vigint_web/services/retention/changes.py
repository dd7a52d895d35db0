"""Bring a changed [Retention] setting into force, at once or after a person or time agreed."""

import logging
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import RetentionReport, RetentionSetting
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import change, transaction
from vigint_web.services.core.upserts import insert_into
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

# A machine that is silent for longer is not asked for its opinion; one that stops takes it back.
_FRESH = timedelta(minutes=10)
_FORGOTTEN = timedelta(days=1)
_SOON = timedelta(days=7)


@dataclass(frozen=True)
class Waiting:
    """A shorter retention that is not in force, as people are shown it."""

    setting: Setting
    in_force: Days
    proposal: Proposal
    proposed_at: datetime
    # What it would delete at once, and besides within a week.
    now: int
    soon: int
    declined_by: str | None
    # What each machine reads, where they differ; empty when all agree.
    opinions: dict[str, Days]


@dataclass(frozen=True)
class Moving:
    """A change in force that not all stored dates follow yet."""

    setting: Setting
    videos: int


def machine_name() -> str:
    """Return the name under which this machine reports what it reads.

    With its data directory: two of them on one machine may share a database, and a name.
    """
    return f"{socket.gethostname() or 'localhost'} ({config().data_dir})"[:200]


def follow(since_last_look: timedelta, machine: str | None = None) -> None:
    """Compare the configuration with what is in force, and do what the rules say.

    Args:
        since_last_look: by this process's monotonic clock; zero for its first look.
        machine: who looks; this machine.
    """
    machine = machine or machine_name()
    _report(machine)
    for setting in Setting:
        _ensure_row(setting)
        _follow(setting, configured(setting), since_last_look, machine)


def withdraw_report(machine: str | None = None) -> None:
    """Take back what this machine reported: it stops, and its successor may read otherwise."""
    with transaction() as session:
        change(
            session,
            delete(RetentionReport).where(RetentionReport.machine == (machine or machine_name())),
        )


def confirm(actor: Actor, setting: Setting, days: Days) -> None:
    """Bring a waiting proposal into force now.

    Args:
        days: what the person saw; another proposal may have come since.

    Raises:
        Conflict: nothing like it waits, or machines disagree.
    """
    with transaction():
        row = _waiting_row(setting, days)
        if _opinions(setting):
            raise Conflict
        _record(actor, "confirmed", row, days=days, before=row.days)
        _bring_into_force(actor, row, days)


def decline(actor: Actor, setting: Setting, days: Days) -> None:
    """Keep what is in force as long as the configuration asks for these days.

    Raises:
        Conflict: nothing like it waits.
    """
    with transaction():
        row = _waiting_row(setting, days)
        if row.declined_at is None:
            row.declined_at, row.declined_by = utcnow(), actor.label
            _record(actor, "declined", row, days=days, kept=row.days)


def find_waiting() -> list[Waiting]:
    """Return every shorter retention that waits, with what it would delete."""
    rows = db.session.scalars(
        select(RetentionSetting)
        .where(RetentionSetting.proposed_at.is_not(None))
        .order_by(RetentionSetting.name)
        .execution_options(populate_existing=True)
    )
    return [_shown(row) for row in rows]


def find_moving() -> list[Moving]:
    """Return the settings whose dates are being moved, with how many were so far."""
    rows = db.session.execute(
        select(RetentionSetting.name, RetentionSetting.moved_videos)
        .where(RetentionSetting.moved_through_id > 0)
        .order_by(RetentionSetting.name)
    )
    return [Moving(Setting(row.name), row.moved_videos) for row in rows]


def preview(setting: Setting) -> Waiting | None:
    """Return what this process's configuration would shorten, whether a scheduler saw it or not."""
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
    """Return what the machines read, if they do not all read the same."""
    reports = db.session.scalars(
        select(RetentionReport)
        .where(RetentionReport.seen_at > utcnow() - _FRESH)
        .order_by(RetentionReport.machine)
        .execution_options(populate_existing=True)
    )
    found: dict[str, Days] = {row.machine: getattr(row, setting.value) for row in reports}
    return found if len(set(found.values())) > 1 else {}


def _ensure_row(setting: Setting) -> None:
    """Write down what is in force when there is no record of it yet."""
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
                # Older dates may be shorter; they follow unless a proposal waits.
                moved_through_id=0 if stored and days == wanted else None,
            )
            .on_conflict_do_nothing()
        )


def _follow(setting: Setting, days: Days, since_last_look: timedelta, machine: str) -> None:
    with transaction() as session:
        row = session.get_one(
            RetentionSetting, setting, with_for_update=True, populate_existing=True
        )
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
                _begin_moving(row)


def _propose(row: RetentionSetting, days: Days, machine: str) -> None:
    _forget_proposal(row)
    row.proposed_at = row.noted_at = utcnow()
    row.proposed_days, row.proposed_by = days, machine
    now, soon = _losses(Setting(row.name), days)
    _record(
        SYSTEM, "proposed", row, days=days, before=row.days, machine=machine, now=now, soon=soon
    )
    log.warning("[Retention] %s is shorter than what is in force; it waits", row.name)


def _bring_into_force(actor: Actor, row: RetentionSetting, days: Days) -> None:
    setting = Setting(row.name)
    lost = count_older(setting, days) if days is not None and is_shorter(days, row.days) else 0
    _record(actor, "changed", row, days=days, before=row.days, deletes=lost)
    row.days = days
    _forget_proposal(row)
    _begin_moving(row)


def _begin_moving(row: RetentionSetting) -> None:
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
