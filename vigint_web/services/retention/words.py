"""Describe in English, on a terminal, what a shorter retention would delete, and when."""

from sqlalchemy.exc import SQLAlchemyError

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.services.core.runtime import config
from vigint_web.services.retention.changes import Waiting, find_waiting, preview
from vigint_web.services.videos.retention_dates import in_force
from vigint_web.services.videos.retention_rules import Days, Setting


def spell_days(days: Days) -> str:
    """Return a retention as text."""
    if days is None:
        return "until deleted by hand"
    return "1 day" if days == 1 else f"{days} days"


def spell_losses(waiting: Waiting) -> str:
    """Return what a shorter retention would delete, with numbers."""
    things = "addresses of visits" if waiting.setting == Setting.LOG else "videos"
    return f"Deleted at once: {waiting.now} {things}; within 7 days: {waiting.soon} more."


def spell_waiting(waiting: Waiting) -> str:
    """Return the pending proposal, what it would delete, until when it waits, and how to decide."""
    name = waiting.setting.value
    summary = (
        f"{spell_days(waiting.proposal.days)} instead of {spell_days(waiting.in_force)} waits."
        f" {spell_losses(waiting)}"
    )
    if waiting.opinions:
        opinions = ", ".join(
            f"{machine}: {spell_days(days)}" for machine, days in waiting.opinions.items()
        )
        return (
            f"{summary} Machines disagree ({opinions}): nothing is deleted earlier until all read"
            " the same; restart Vigint where the configuration is old."
        )
    confirm = f"“./vigint retention --confirm {name}” deletes earlier now"
    if waiting.proposal.declined:
        return f"{summary} {waiting.declined_by} decided to keep what is in force; {confirm}."
    ends = (utcnow() + waiting.proposal.remaining).astimezone(config().timezone)
    return (
        f"{summary} In force on {ends:%Y-%m-%d %H:%M} ({config().timezone.key}), unless [Retention]"
        f" {name} is set back; {confirm}, “--keep {name}” keeps what is in force."
    )


def retention_warnings() -> list[str]:
    """Return a sentence for each shorter retention that is pending, or will be after the start.

    Without those whose configuration was restored here: the scheduler cancels them. Empty while the
    database cannot be queried, or is of an earlier version, which is reported elsewhere.
    """
    try:
        disputed = {one.setting: one for one in find_waiting() if one.opinions}
        found = [preview(setting) or disputed.get(setting) for setting in Setting]
    except SQLAlchemyError:
        db.session.rollback()
        return []
    return [f"[Retention] {one.setting.value}: {spell_waiting(one)}" for one in found if one]


def retention_in_force() -> str:
    """Return a line about the retention in force."""
    try:
        kept = {setting: spell_days(in_force(setting)) for setting in Setting}
    except SQLAlchemyError:
        db.session.rollback()
        return "in force once the database is migrated"
    return (
        f"incidents {kept[Setting.INCIDENTS]}, sources {kept[Setting.SOURCES]}, addresses of"
        f" visitors {kept[Setting.LOG]}"
    )
