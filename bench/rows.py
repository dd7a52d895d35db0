"""Fill every table that grows with so many rows, by SQL alone.

The rows cover the same year whatever their number: a larger number is a busier installation, and
every period of a page has its share of them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Index, delete

from bench.databases import gather_statistics
from vigint_web.clock import utcnow
from vigint_web.models import (
    Access,
    AuditEvent,
    Incident,
    IncidentState,
    Link,
    Mail,
    Notification,
    NotificationState,
    Playback,
    RiskLevel,
    Source,
    Video,
    VideoFile,
    VideoKind,
    VideoTotal,
)
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.reports.counts import count_again
from vigint_web.services.videos.totals import correct_totals

SITES = 5
CAMERAS = 4 * SITES
# The last ones are undecided, as many whatever the number of all.
_UNDECIDED = 200
# So are revoked links, test alerts and what failed: more than a page of them.
_RARE = 60
_YEAR = 365 * 86400
_MONTH = 30 * 86400
# The numbers of incidents are kept for these days alone: no page asks for more.
_COUNTED_DAYS = 110
_TYPES = ("Intrusion", "Theft", "Fall", "Loitering")
_PLACES = (
    "fence", "gate", "loading dock", "car park", "roof", "office", "corridor", "till", "warehouse",
    "yard", "stairs", "cellar", "delivery entrance",
)  # fmt: skip

Values = Mapping[str, str]


def fill(total: int) -> None:
    """Fill an empty, migrated database with that many incidents, and with what belongs to them.

    Each has a video, a link, a notification, a mail, a play, a request and an event of the audit
    trail; there is a source for ten of them. PostgreSQL gets statistics afterwards.
    """
    own = [sites.default_site(), *(sites.get_or_add_site(f"site {n}") for n in range(1, SITES))]
    for number in range(CAMERAS):
        cameras.camera_of(own[number % SITES].id, f"Camera {number}")
    with transaction() as session:
        connection = session.connection()
        rows = _Rows(total, connection.dialect.name)
        models = (
            Video, VideoFile, Source, Incident, Link, Notification, Mail, Playback, Access,
            AuditEvent,
        )  # fmt: skip
        indexes = [index for model in models for index in _indexes(model)]
        for index in indexes:
            index.drop(connection)
        for model, count, values in rows.of_tables():
            _insert(connection, model, count, values)
        for index in indexes:
            index.create(connection)
        session.execute(delete(VideoTotal))  # a row for each video
    correct_totals()
    last = total - total * _COUNTED_DAYS // 365
    while (last := count_again(last, size=500)) > 0:
        pass
    gather_statistics()


class _Rows:
    """SQL expressions of the values of the row number `i`, in the words of one database."""

    def __init__(self, total: int, dialect: str) -> None:
        self._total = total
        self._is_postgresql = dialect == "postgresql"
        self._now = int(utcnow().timestamp())

    def of_tables(self) -> list[tuple[type[Any], int, Values]]:
        """Return each table, the number of its rows, and their values."""
        sources = max(self._total // 10, 100)
        # The video of a source has the number after those of all incidents.
        video, same_time = f"({self._total} + i)", f"(i * {self._total} / {sources})"
        original = {"kind": "'original'", "sha256": "('sha' || i)"}
        playable = {"kind": "'playable'", "content_type": "'video/mp4'"}
        total, both = self._total, self._total + sources
        return [
            (Video, total, self._video("i", "i", VideoKind.FRAMES)),
            (Video, sources, self._video(video, same_time, VideoKind.SOURCE)),
            (VideoFile, both, {**self._file(), **original}),
            (VideoFile, both, {**self._file(), **playable}),
            (Source, sources, self._source(video, same_time)),
            (Incident, total, self._incident()),
            (Link, total, self._link()),
            (Notification, total, self._notification()),
            (Mail, total, self._mail()),
            (Playback, total, self._play() | {"started_at": self._after(60)}),
            (Access, total, self._access()),
            (AuditEvent, total, self._event()),
        ]

    def _video(self, number: str, time: str, kind: VideoKind) -> Values:
        return {
            "id": number, "public_id": f"('vid_' || {number})", "kind": f"'{kind.value}'",
            "site_id": f"(1 + {number} % {SITES})",
            "status": f"CASE WHEN {_dice(500)} = 0 THEN 'failed' ELSE 'ready' END",
            "created_at": self._after(0, time), "changed_at": self._after(0, time),
            "purge_at": self._after(2 * _YEAR, time),
            "original_name": f"('camera_' || {number} || '.mp4')",
            "original_key": f"('videos/' || {number} || '.mp4')",
            "original_size": "100000", "original_sha256": f"('sha' || {number})",
            "playable_key": f"('videos/' || {number} || '.mp4')",
            "playable_size": "100000", "playable_type": "'video/mp4'", "stored_size": "100000",
            "format": "'mp4'", "duration": "10.0", "tracks": self._json([]),
        }  # fmt: skip

    def _file(self) -> dict[str, str]:
        return {
            "video_id": "i", "number": "1", "key": "('videos/' || i || '.mp4')", "size": "100000",
        }  # fmt: skip

    def _source(self, video: str, time: str) -> Values:
        return {
            "id": "i", "source_id": "('file_' || i)", "site_id": f"(1 + {video} % {SITES})",
            "video_id": video, "name": "('North ' || i)", "sort_name": "('north ' || i)",
            "search_text": "('file_' || i || ' north ' || i)",
            "camera_id": f"(1 + {video} % {CAMERAS})", "created_at": self._after(0, time),
        }  # fmt: skip

    def _incident(self) -> Values:
        decided = f"i <= {self._total - _UNDECIDED}"
        received = f"CASE WHEN {_dice(50)} = 0 THEN 4000 ELSE 3 END"
        after = self._after(f"(9 * {_dice(60)} * {_dice(60)})")
        judgements = (IncidentState.CONFIRMED.value, *[IncidentState.FALSE_ALARM.value] * 2)
        return {
            "id": "i", "reference": "('INC-2026-' || i)", "site_id": f"(1 + i % {SITES})",
            "camera_id": f"(1 + i % {CAMERAS})", "video_id": "i", "body_sha256": "'0'",
            "message": f"('Somebody was seen at the ' || {_one_of(_PLACES)} || ', ' || i || '.')",
            "incident_type": _one_of(_TYPES, 3),
            "risk_level": _one_of([level.value for level in RiskLevel], 7),
            "detected_at": self._after(0), "created_at": self._after(f"({received})"),
            "link_hours": "48", "state": f"CASE WHEN {decided} THEN 'closed' ELSE 'new' END",
            "decision": f"CASE WHEN {decided} THEN {_one_of(judgements, 11)} END",
            "decided_at": f"CASE WHEN {decided} THEN {after} END",
            "assignee_id": f"CASE WHEN {_dice(10, 5)} = 0 THEN 1 END",
            "is_test": f"({self._rarely()})",
            "extra": self._json({}), "warnings": self._json([]),
        }  # fmt: skip

    def _link(self) -> Values:
        return {
            "id": "i", "video_id": "i", "site_id": f"(1 + i % {SITES})", "audience": "'person'",
            "handle": "('handle' || i)", "minted_at": self._after(0), "recipient": self._person(),
            "created_by": "'system'",
            "expires_at": self._after(
                f"(CASE WHEN i > {self._total - _RARE} THEN {_YEAR} ELSE {2 * 86400} END)"
            ),
            "revoked_at": f"CASE WHEN {self._rarely()} THEN {self._after(99)} END",
            "changed_at": self._after(0), "first_played_at": self._after(60),
        }  # fmt: skip

    def _notification(self) -> Values:
        failed, sent = NotificationState.FAILED.value, NotificationState.SENT.value
        return {
            "id": "i", "incident_id": "i", "link_id": "i", "recipient": self._person(),
            "state": f"CASE WHEN {self._rarely()} THEN '{failed}' ELSE '{sent}' END",
            "message_id": "('<' || i || '@example.com>')", "created_at": self._after(0),
            "give_up_at": self._after(86400), "sent_at": self._after(9), "channel": "'smtp'",
            "changed_at": self._after(9),
        }  # fmt: skip

    def _mail(self) -> Values:
        content = "convert_to(%s, 'UTF8')" if self._is_postgresql else "CAST(%s AS BLOB)"
        return {
            "id": "i", "site_id": f"(1 + i % {SITES})", "alert_id": "i", "link_id": "i",
            "recipient": self._person(), "channel": "'smtp'", "sent_at": self._after(9),
            "subject": f"('Alerte Vigint - ' || {_one_of(_TYPES, 3)} || ' - ' || i)",
            "message_id": "('<' || i || '@example.com>')", "content": content % "'Subject: Alerte'",
        }  # fmt: skip

    def _play(self) -> dict[str, str]:
        return {
            "id": "i", "link_id": "i", "view": "'1'", "last_at": self._after(70),
            "address": self._of_last_month("'192.0.2.1'"),
        }  # fmt: skip

    def _access(self) -> Values:
        return {
            "id": "i", "link_id": "i", "at": self._after(60), "what": "'stream'", "status": "206",
            "view": "'1'", "address": self._of_last_month("'192.0.2.1'"),
        }  # fmt: skip

    def _event(self) -> Values:
        actions = ("link:created", "incident:received", "link:revoked")
        return {
            "id": "(1000 + i)", "at": self._after(0), "actor": "'system'",
            "action": _one_of(actions), "subject": "('incident:INC-2026-' || i)",
            "site_id": f"(1 + i % {SITES})", "detail": self._json({}),
            "previous_hash": "('hash' || i)", "hash": "('hash' || (i + 1))",
        }  # fmt: skip

    def _rarely(self) -> str:
        """Return the condition of rows that are as few whatever the number of all."""
        return f"i % {self._total // _RARE} = 0"

    def _person(self) -> str:
        return f"('person' || {_dice(max(self._total // 20, 10), 17)} || '@example.com')"

    def _of_last_month(self, value: str) -> str:
        return f"CASE WHEN i >= {self._total - self._total * _MONTH // _YEAR} THEN {value} END"

    def _after(self, seconds: int | str, number: str = "i") -> str:
        """Return a time so many seconds after the detection of an incident."""
        # The year ends a minute ago, so that the last ones were received before now.
        began = self._now - _YEAR - 60
        epoch = f"({began} + {number} * {_YEAR} / {self._total} + {seconds})"
        if self._is_postgresql:
            return f"to_timestamp({epoch})"
        return f"strftime('%Y-%m-%d %H:%M:%S.000000', {epoch}, 'unixepoch')"

    def _json(self, value: Any) -> str:
        spelt = f"'{json.dumps(value)}'"
        return f"{spelt}::json" if self._is_postgresql else spelt


def _dice(sides: int, salt: int = 0) -> str:
    """Return a number below `sides` that varies with the row, alike in both databases."""
    return f"((i + {salt}) * 7919 % 1000003 * 104729 % 998244353 % {sides})"


def _one_of(values: Sequence[str], salt: int = 0) -> str:
    cases = " ".join(f"WHEN {number} THEN '{value}'" for number, value in enumerate(values))
    return f"CASE {_dice(len(values), salt)} {cases} END"


def _indexes(model: Any) -> set[Index]:
    """Return the indexes of a table that can be made when its rows are there."""
    return {index for index in model.__table__.indexes if not index.unique}


def _insert(connection: Connection, model: Any, count: int, values: Values) -> None:
    table = model.__table__
    defaults = {
        column.name: column.type.dialect_impl(connection.dialect)
        .literal_processor(connection.dialect)(column.default.arg)
        for column in table.columns
        if column.default is not None and column.default.is_scalar
    }  # fmt: skip
    given = defaults | dict(values)
    quote = connection.dialect.identifier_preparer.quote
    names, spelt = ", ".join(map(quote, given)), ", ".join(given.values())
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"  # noqa: S608 - a number
    if connection.dialect.name == "postgresql":
        numbers = f"WITH n(i) AS (SELECT generate_series(1::bigint, {count}))"
    statement = f"INSERT INTO {table.name} ({names}) {numbers} SELECT {spelt} FROM n"  # noqa: S608 - of the models
    connection.exec_driver_sql(statement.replace("%", "%%") if _formats(connection) else statement)


def _formats(connection: Connection) -> bool:
    return connection.dialect.paramstyle in {"format", "pyformat"}
