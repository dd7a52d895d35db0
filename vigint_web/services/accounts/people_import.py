"""Import people: plan what each row would do, then do exactly that. Never a password."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from vigint_web.config.values import LOCALES, is_mailbox
from vigint_web.errors import Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Role, Site, User
from vigint_web.services.accounts import sessions, user_admin
from vigint_web.services.accounts.import_plan import (
    Cells,
    Outcome,
    Plan,
    PlannedRow,
    differences,
)
from vigint_web.services.accounts.users import normalise_email
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.csv_input import Line
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import transaction

COLUMNS = ("email", "role", "sites", "language")
REQUIRED = ("email", "role")
# Each is a mail.
MOST_INVITATIONS = 500


@dataclass(frozen=True)
class PersonFacts:
    """What an import says about a person."""

    role: Role
    # Short names, sorted; of administrators none is required.
    sites: tuple[str, ...]
    # Of the invitation.
    language: str


class _Known:
    """The sites by their names, and the users by their addresses."""

    def __init__(self) -> None:
        rows = list(db.session.scalars(select(Site).order_by(Site.id)))
        self.slugs = {site.name.lower(): site.slug for site in reversed(rows)}
        self.slugs |= {site.slug: site.slug for site in rows}
        self.users = {user.email: user for user in db.session.scalars(select(User))}
        self.lines: dict[str, int] = {}
        self.invited = 0


def export_people() -> Iterator[dict[str, str]]:
    """Yield every user as a row that an import would leave unchanged, by address."""
    for user in db.session.scalars(select(User).order_by(User.email)):
        facts = _facts_of(user)
        yield {
            "email": user.email,
            "role": facts.role.value,
            "sites": ", ".join(facts.sites),
            "language": facts.language,
        }


def plan_people(actor: Actor, lines: Sequence[Line]) -> Plan:
    """Return what an import of people would do."""
    known = _Known()
    return Plan([_planned(actor, line, known) for line in lines])


def apply_people(actor: Actor, lines: Sequence[Line], digest: str) -> Plan:
    """Import people as previewed, all or none; new ones are invited by mail.

    Raises:
        ImportOutdated: something else would be done than was previewed.
    """
    with transaction() as session:
        session.execute(select(User.id).order_by(User.id).with_for_update()).all()
        session.expire_all()
        plan = plan_people(actor, lines)
        plan.require(digest)
        sites = {site.slug: site for site in session.scalars(select(Site))}
        for row in plan.of(Outcome.CHANGED):
            user, facts = session.get_one(User, row.row_id), row.facts
            if user.role != facts.role:
                user.role = facts.role
                sessions.end_sessions(actor, user.id)
            user.sites = [sites[slug] for slug in facts.sites]
            changes = {name: list(pair) for name, pair in row.changes.items()}
            trail.record(
                actor, "user:access_set", f"user:{user.id}", changes=changes, imported=True
            )
        for row in plan.of(Outcome.CREATED):
            granted = [sites[slug].id for slug in row.facts.sites]
            user_admin.invite(actor, row.name, row.facts.role, granted, row.facts.language)
    return plan


def _planned(actor: Actor, line: Line, known: _Known) -> PlannedRow:
    cells = Cells(line.cells, line.mistakes)
    email = normalise_email(cells.line("email"))
    if not is_mailbox(email):
        cells.add(Mistake(MistakeCode.EMAIL_MALFORMED, "email"))
    first = known.lines.setdefault(email, line.number)
    if first != line.number:
        cells.add(Mistake(MistakeCode.ROW_TWICE, None, {"line": first}))
    user = known.users.get(email)
    before = _facts_of(user) if user is not None else None
    language = cells.line("language") or config().default_locale
    facts = PersonFacts(_role(cells), _sites(cells, known, before), language)
    if facts.language not in LOCALES:
        text = {"text": facts.language[:60]}
        cells.add(Mistake(MistakeCode.CELL_NOT_ONE_OF, "language", text))
    if not facts.sites and facts.role != Role.ADMIN and not cells.mistakes:
        cells.add(Mistake(MistakeCode.NO_SITE_LEFT, "sites"))
    if user is not None and user.id == actor.user_id and facts.role != user.role:
        cells.add(Mistake(MistakeCode.OWN_ROLE, "role"))
    if user is None and not cells.mistakes:
        known.invited += 1
        if known.invited > MOST_INVITATIONS:
            limit = {"most": MOST_INVITATIONS}
            cells.add(Mistake(MistakeCode.TOO_MANY_INVITATIONS, None, limit))
    changes = {}
    if before is not None:
        changes = differences(_access(before), _access(facts))
    return PlannedRow(
        line.number,
        email or cells.line("email"),
        user.id if user is not None else None,
        facts,
        changes,
        tuple(cells.mistakes),
    )


def _facts_of(user: User) -> PersonFacts:
    slugs = tuple(sorted(site.slug for site in user.sites))
    return PersonFacts(Role(user.role), slugs, user.locale or "")


def _access(facts: PersonFacts) -> dict[str, object]:
    return {"role": facts.role.value, "sites": list(facts.sites)}


def _role(cells: Cells) -> Role:
    text = cells.line("role")
    if text not in set(Role):
        cells.add(Mistake(MistakeCode.CELL_NOT_ONE_OF, "role", {"text": text[:60]}))
        return Role.VIEWER
    return Role(text)


def _sites(cells: Cells, known: _Known, before: PersonFacts | None) -> tuple[str, ...]:
    """Return the sites that a cell names, with commas between; those of now without the column."""
    if not cells.has("sites"):
        return before.sites if before is not None else ()
    found = set()
    for name in re.split(r"[,;|\n]", cells.text("sites")):
        wanted = " ".join(name.split())
        if not wanted:
            continue
        slug = known.slugs.get(wanted) or known.slugs.get(wanted.lower())
        if slug is None:
            cells.add(Mistake(MistakeCode.SITE_NOT_FOUND, "sites", {"text": wanted[:60]}))
        else:
            found.add(slug)
    return tuple(sorted(found))
