"""A program that reviews one incident."""

from dataclasses import dataclass, replace
from typing import Any

from flask.testing import FlaskClient

from tests.helpers import renew
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import IncidentAct, Scope
from vigint_web.services.accounts import api_keys, sites


@dataclass(frozen=True)
class Program:
    """A key with the scope `review`, and the incident that it reviews."""

    client: FlaskClient
    key: str
    reference: str

    def post(self, what: str, body: Any, status: int = 200, name: str = "") -> Any:
        """Post to an address of the incident; return the document."""
        headers = {"X-API-Key": self.key, **({"Idempotency-Key": name} if name else {})}
        path = f"/api/v1/incidents/{self.reference}/{what}"
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def about(self, reference: str) -> "Program":
        """Return the same program, about another incident."""
        return replace(self, reference=reference)


def program(client: FlaskClient, library: Library) -> Program:
    """Return a program with a new incident."""
    key = api_keys.create_api_key(ACTOR, "centre", sites.default_site(), {Scope.REVIEW})
    return Program(client, key, new_incident(library))


def new_incident(library: Library) -> str:
    """Return the reference of a new incident with a video."""
    return library.incident_of(library.incident()).reference


def kinds() -> list[str]:
    """Return the kinds of all acts, in order."""
    renew()
    return [act.kind for act in db.session.query(IncidentAct).order_by(IncidentAct.id)]
