"""Hide confidential incidents, and all rows about them, from everyone who is not named.

The condition is added to every SELECT of the ORM while a request of a person or of a program is
served (https://docs.sqlalchemy.org/en/20/orm/session_events.html, “Adding global WHERE / ON
criteria”), so that no list, count, search or export has to repeat it. Jobs, the command line and
the public routes of links see every row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import g
from sqlalchemy import ColumnElement, event, exists, or_, select
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from vigint_web.extensions import db
from vigint_web.models import (
    ConfidentialIncident,
    Incident,
    IncidentReader,
    Link,
    Mail,
    Notification,
    Video,
)

# An execution option of statements that must reach every row whoever asks, such as those that
# replace a signing key or move the dates of deletion.
EVERY_ROW = {"vigint_every_row": True}

# As tables: the criteria below are not added to these.
_INCIDENTS = Incident.__table__
_LINKS = Link.__table__
_NOTIFICATIONS = Notification.__table__
_CONFIDENTIAL = ConfidentialIncident.__table__
_READERS = IncidentReader.__table__


def hide_from(user_id: int | None) -> None:
    """Hide confidential incidents that do not name a user, for the rest of the request.

    Args:
        user_id: None: a program, which none of them names.
    """
    # Most installations have none, and then no statement is changed.
    hidden = select(exists().where(_hidden(user_id)))
    g.vigint_criteria = _criteria(user_id) if db.session.scalar(hidden) else ()


@contextmanager
def hidden_from(user_id: int | None) -> Iterator[None]:
    """Hide confidential incidents that do not name a user, within a block.

    What is written for others than the acting identity, such as a mail, reads its rows so.
    """
    before = g.get("vigint_criteria", ())
    g.vigint_criteria = _criteria(user_id)
    try:
        yield
    finally:
        g.vigint_criteria = before


def add_criteria(state: ORMExecuteState) -> None:
    """Add the conditions of the request to a SELECT, and to the relations that it loads."""
    if (
        state.is_select
        and not state.is_column_load
        and not state.is_relationship_load
        and not state.execution_options.get("vigint_every_row")
    ):
        criteria = g.get("vigint_criteria", ())
        if criteria:
            state.statement = state.statement.options(*criteria)


def is_hidden(incident_id: Any, user_id: int | None) -> ColumnElement[bool]:
    """Return the condition that an incident is confidential and does not name a user."""
    return exists().where(_hidden(user_id), _CONFIDENTIAL.c.incident_id == incident_id)


def _hidden(user_id: int | None) -> ColumnElement[bool]:
    named = exists().where(
        _READERS.c.incident_id == _CONFIDENTIAL.c.incident_id, _READERS.c.user_id == user_id
    )
    return _CONFIDENTIAL.c.incident_id.is_not(None) & ~named


def _of_video(video_id: Any, user_id: int | None) -> ColumnElement[bool]:
    about = _INCIDENTS.alias()
    return exists().where(about.c.video_id == video_id, is_hidden(about.c.id, user_id))


def _of_link(link_id: Any, user_id: int | None) -> ColumnElement[bool]:
    about = _LINKS.alias()
    return exists().where(about.c.id == link_id, _of_video(about.c.video_id, user_id))


def _of_notification(number: Any, user_id: int | None) -> ColumnElement[bool]:
    about, covered = _NOTIFICATIONS.alias(), _NOTIFICATIONS.alias()
    return or_(
        exists().where(
            about.c.id == number,
            or_(is_hidden(about.c.incident_id, user_id), _of_link(about.c.link_id, user_id)),
        ),
        # A mail about several names each of them.
        exists().where(covered.c.told_by_id == number, is_hidden(covered.c.incident_id, user_id)),
    )


def _criteria(user_id: int | None) -> tuple[ExecutableOption, ...]:
    shown = {
        Incident: ~is_hidden(Incident.id, user_id),
        Video: ~_of_video(Video.id, user_id),
        Link: ~_of_video(Link.video_id, user_id),
        Notification: ~_of_notification(Notification.id, user_id),
        Mail: ~or_(_of_notification(Mail.alert_id, user_id), _of_link(Mail.link_id, user_id)),
    }
    return tuple(
        with_loader_criteria(table, condition, include_aliases=True)
        for table, condition in shown.items()
    )


event.listen(db.session, "do_orm_execute", add_criteria)
