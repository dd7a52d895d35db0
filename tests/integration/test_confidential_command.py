"""`./vigint confidential`: for incidents whose readers have all left."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from tests.helpers import Person, renew
from tests.library import Library
from vigint_web.cli import confidential
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role, User
from vigint_web.services.core.actors import as_user
from vigint_web.services.core.transactions import transaction
from vigint_web.services.review import confidentiality

Command = Callable[..., Result]


@pytest.fixture
def command(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(confidential, "create_app", lambda: app)
    monkeypatch.setattr(confidential, "migrate_database", lambda _: None)

    def run(*arguments: str) -> Result:
        renew()
        return CliRunner().invoke(confidential.confidential, arguments)

    return run


def test_a_reader_is_named_when_all_have_left(
    command: Command, library: Library, people: Callable[[Role], Person]
) -> None:
    assert command().output == "No incident is confidential.\n"
    incident = library.incident_of(library.incident(b"x"))
    operator, admin = people(Role.OPERATOR).email, people(Role.ADMIN)
    reader = db.session.query(User).filter_by(email=operator).one()
    confidentiality.restrict(as_user(reader), incident.reference, [reader.id], seen=0)
    assert command().output == f"{incident.reference}: {operator}\n"
    with transaction():
        reader.active = False
    assert "no active reader" in command().output
    page = f"/incidents/{incident.reference}/"
    assert admin.browser.get(page).status_code == 404

    named = command(incident.reference, "--name", admin.email.upper())
    assert named.output == f"{incident.reference}: {admin.email}\n"
    assert admin.browser.get(page).status_code == 200
    event = db.session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
    assert event is not None
    assert (event.actor, event.action) == ("command line", "incident:readers_changed")
    assert event.detail == {"people": [admin.email]}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["INC-2026-000001"], "Give a reference together with --name"),
        (["--name", "a@example.com"], "Give a reference together with --name"),
        (["INC-2026-999999", "--name", "a@example.com"], "There is no incident INC-2026-999999."),
    ],
)
def test_what_it_refuses(command: Command, arguments: list[str], sentence: str) -> None:
    result = command(*arguments)
    assert result.exception is not None
    assert sentence in str(result.exception)


def test_an_incident_for_all_gets_no_reader(
    command: Command, library: Library, people: Callable[[Role], Person]
) -> None:
    incident = library.incident_of(library.incident(b"x"))
    result = command(incident.reference, "--name", people(Role.ADMIN).email)
    assert "is not confidential" in str(result.exception)
