"""API keys are valid as long as given, and record who created and who revoked them."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import post_incident, renew
from tests.library import ACTOR
from vigint_web.clock import utcnow
from vigint_web.models import ApiKey
from vigint_web.services.accounts import api_keys
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction


def _expire(key_id: int, delta: timedelta) -> None:
    with transaction() as session:
        session.get_one(ApiKey, key_id).expires_at = utcnow() + delta
    renew()


def test_an_expired_key_is_refused_as_a_revoked_one(
    app: Flask, client: FlaskClient, api_key: str, key_row: ApiKey
) -> None:
    _expire(key_row.id, timedelta(minutes=1))
    assert post_incident(client, api_key, {"message": "m"})["reference"]
    _expire(key_row.id, timedelta(seconds=-1))
    refused = post_incident(client, api_key, {"message": "m"}, status=403)
    assert refused["code"] == "invalid_key"
    assert api_keys.find_api_key(api_key) is None


def test_a_key_remembers_who_made_it_and_who_ended_it(app: Flask, key_row: ApiKey) -> None:
    assert key_row.created_by == ACTOR.label
    api_keys.revoke_api_key(Actor(label="chief@example.com", site_ids=None), key_row.id)
    renew()
    assert key_row.revoked_by == "chief@example.com"
