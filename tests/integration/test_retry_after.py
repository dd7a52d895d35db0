"""A refusal names its own delay, also where requests are limited per minute."""

from typing import NoReturn

import pytest
from flask import Flask

from vigint_web.errors import Busy, StorageFull, VigintError
from vigint_web.models import Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import command_line


@pytest.mark.parametrize(
    ("error", "status", "delay"), [(Busy(), 503, "5"), (StorageFull(), 507, "300")]
)
def test_the_limiter_does_not_lengthen_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, error: VigintError, status: int, delay: str
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr("vigint_web.blueprints.api.read.views.find_incidents", refuse)
    key = api_keys.create_api_key(
        command_line("test"), "reader", sites.default_site(), {Scope.READ}
    )
    answer = app.test_client().get("/api/v1/incidents", headers={"X-API-Key": key})
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, delay)
    assert answer.headers["X-RateLimit-Remaining"] == "599"
