"""Verify the audit trail: its chain, the rows it must cover, and an earlier recorded head.

The chain detects changes in its middle. Write access to the database is enough to recompute all
later hashes, or to remove the newest events: only an externally recorded head detects that.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, cast, literal, select

from vigint_web.extensions import db
from vigint_web.models import ApiKey, AuditEvent, Incident, Link, Source, User
from vigint_web.services.audit.trail import GENESIS, read_chain

_MOST_NAMED = 5


@dataclass(frozen=True)
class Head:
    """The number of events, and the hash of the last one (64 zeros if there is none)."""

    count: int
    hash: str


@dataclass(frozen=True)
class Report:
    """The head of the valid part of the chain, and the errors, in sentences."""

    head: Head
    findings: tuple[str, ...]


@dataclass(frozen=True)
class _Kind:
    """Rows that are always created together with an event."""

    name: str
    actions: frozenset[str]
    subject: ColumnElement[str]


def _subject(word: str, column: Any) -> ColumnElement[str]:
    return literal(f"{word}:") + cast(column, String)


def _kinds() -> tuple[_Kind, ...]:
    return (
        _Kind("user", frozenset({"user:created", "user:invited"}), _subject("user", User.id)),
        _Kind("API key", frozenset({"api_key:created"}), _subject("api_key", ApiKey.id)),
        _Kind("source", frozenset({"source:added"}), _subject("source", Source.source_id)),
        _Kind(
            "incident", frozenset({"incident:received"}), _subject("incident", Incident.reference)
        ),
        _Kind("link", frozenset({"link:minted"}), _subject("link", Link.id)),
    )


def check_trail(noted: Head | None = None) -> Report:
    """Read the whole trail and compare it with the rows of the database.

    Args:
        noted: a head recorded elsewhere; events may have been added since.
    """
    # Rows first: a row added meanwhile adds its event in the same transaction.
    kinds = _kinds()
    rows = {kind.name: set(db.session.scalars(select(kind.subject))) for kind in kinds}
    known_actions = frozenset[str]().union(*(kind.actions for kind in kinds))
    recorded: set[tuple[str, str]] = set()
    hashes = {0: GENESIS}
    last = GENESIS

    def read(event: AuditEvent) -> None:
        nonlocal last
        last = event.hash
        if noted is not None and event.id == noted.count:
            hashes[event.id] = event.hash
        if event.action in known_actions:
            recorded.add((event.action, event.subject))

    count, broken = read_chain(read)
    findings = []
    if broken is not None:
        findings.append(f"The audit trail was tampered with: event {broken} does not follow.")
    elif count == 0 and any(rows.values()):
        there = ", ".join(f"{len(found)} {name}(s)" for name, found in rows.items() if found)
        findings.append(f"The audit trail is empty although there are rows it must name: {there}.")
    else:
        findings += _unrecorded(kinds, rows, recorded)
    if noted is not None and broken is None:
        findings += _against(noted, count, hashes)
    return Report(Head(count, last), tuple(findings))


def _unrecorded(
    kinds: tuple[_Kind, ...], rows: dict[str, set[str]], recorded: set[tuple[str, str]]
) -> list[str]:
    found = []
    for kind in kinds:
        covered = {subject for action, subject in recorded if action in kind.actions}
        missing = sorted(rows[kind.name] - covered)
        if missing:
            named = ", ".join(missing[:_MOST_NAMED]) + ("…" if len(missing) > _MOST_NAMED else "")
            found.append(
                f"The audit trail lacks the creation of {len(missing)} {kind.name}(s): {named}."
                " Events were removed, or the rows were written past Vigint."
            )
    return found


def _against(noted: Head, count: int, hashes: dict[int, str]) -> list[str]:
    if count < noted.count:
        return [
            f"The audit trail has {count} events; {noted.count} were noted: the newest are gone."
        ]
    if hashes[noted.count] != noted.hash:
        return [
            f"Event {noted.count} of the audit trail has another hash than was noted: the trail"
            " was rewritten, or the noted head is of another installation."
        ]
    return []
