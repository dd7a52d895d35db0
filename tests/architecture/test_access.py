"""Access control: every kind of visitor against every route, with expectations derived from its
rule.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.architecture.conftest import methods_of, routes_of
from tests.conftest import PASSWORD
from tests.helpers import CHEAP_PAGE, Person, csrf_token, log_in
from tests.library import ACTOR
from vigint_web.http.security.rules import RULES, Anyone, Key, Monitor, PersonOrKey, Rule, Token
from vigint_web.http.security.rules import Person as People
from vigint_web.models import Role, Scope
from vigint_web.permissions import may
from vigint_web.services.accounts import api_keys, sites, users

# A person may belong to the site of all things, or to another one.
WHO = ["nobody", *Role, "stranger", *(f"{scope} key" for scope in Scope), "revoked key"]
# The status of an allowed GET if it is not 200.
INSTEAD = {
    "auth.two_factor_off": 302,  # there is none
    "auth.recovery_codes": 302,
    "sharing.revocation": 302,  # nothing is selected
    "sources.chosen_sources": 302,
    "review.chosen_incidents": 302,
    "incidents.tests_to_delete": 302,  # there is none
}
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.9"}  # not this machine itself
# Routes whose argument does not identify a thing of a site.
OF_NO_SITE = {"auth.end_session"}


@dataclass
class Visitor:
    """The sender of a request, and their permissions."""

    browser: FlaskClient
    role: Role | None = None
    scope: Scope | None = None
    stranger: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, address: str, method: str) -> TestResponse:
        """Send a request; forms carry a CSRF token if one is available."""
        if method == "GET":
            return self.browser.get(address, headers=self.headers, environ_base=ELSEWHERE)
        form = {}
        if self.role is not None:
            form["csrf_token"] = csrf_token(self.browser.get(CHEAP_PAGE).text)
        return self.browser.open(
            address,
            method=method,
            data=form,
            content_type="multipart/form-data",
            headers=self.headers,
            environ_base=ELSEWHERE,
        )


@pytest.fixture
def visitor(
    app: Flask, people: Callable[[Role], Person], request: pytest.FixtureRequest
) -> Visitor:
    """Provide the visitor of the test."""
    who: str = request.param
    if who == "nobody":
        return Visitor(app.test_client())
    if who in set(Role):
        return Visitor(people(Role(who)).browser, Role(who))
    if who == "stranger":
        site = sites.get_or_add_site("elsewhere")
        users.create_user(ACTOR, "stranger@example.com", PASSWORD, Role.OPERATOR, site)
        browser = app.test_client()
        log_in(browser, "stranger@example.com", PASSWORD)
        return Visitor(browser, Role.OPERATOR, stranger=True)
    name = who.removesuffix(" key")
    scopes = set(Scope) if name == "revoked" else {Scope(name)}
    key = api_keys.create_api_key(ACTOR, who, sites.default_site(), scopes)
    headers = {"Authorization": f"Bearer {key}"}
    if name != "revoked":
        return Visitor(app.test_client(), scope=Scope(name), headers=headers)
    row = api_keys.find_api_key(key)
    assert row is not None
    api_keys.revoke_api_key(ACTOR, row.id)
    return Visitor(app.test_client(), headers=headers)


def _is_let_in(answer: TestResponse) -> bool:
    """Return whether the view answered; its treatment of an empty form does not matter."""
    to_login = answer.status_code == 302 and answer.headers["Location"].startswith("/login?next=")
    return answer.status_code not in {401, 403, 500} and not to_login


def _check(
    who: Visitor, endpoint: str, method: str, rule: Rule, answer: TestResponse, *, named: bool
) -> None:
    """Compare an answer with the one required by the route's rule."""
    status = answer.status_code
    match rule:
        case Anyone():
            assert _is_let_in(answer)
        case Token():
            assert status == 200, "the token is the credential"
        case Monitor():
            assert status == 404, "neither this machine nor its token"
        case Key(scope, other):
            if "Authorization" not in who.headers:
                assert status == 401, "a login is no key"
            elif who.scope is None:
                assert (status, answer.get_json()["code"]) == (403, "invalid_key")
            elif who.scope not in {scope, other}:
                assert (status, answer.get_json()["code"]) == (403, "insufficient_scope")
            else:
                assert _is_let_in(answer)
                # Another key's incident is visible to keys that read, and to no other.
                foreign = endpoint == "ingest.status" and who.scope != Scope.READ
                assert method != "GET" or status == (404 if foreign else 200)
        case PersonOrKey(permission, scope):
            if who.role is None and "Authorization" not in who.headers:
                assert status == 401
            elif who.role is not None:
                assert (status == 403) == (not may(who.role, permission))
            elif who.scope is None:
                assert (status, answer.get_json()["code"]) == (403, "invalid_key")
            else:
                assert (status == 403) == (who.scope != scope)
            if _is_let_in(answer):
                assert not named or status in {404, 412}, "only who began it sees it"
        case People(permission):
            if who.role is None:
                assert not _is_let_in(answer), "neither an anonymous visitor nor a key is a person"
                assert status == (302 if method == "GET" else 401)
            elif permission is not None and not may(who.role, permission):
                assert status == 403
            elif who.stranger and named:
                assert status == 404, "what is of another site does not exist"
            else:
                assert _is_let_in(answer)
                assert method != "GET" or status == INSTEAD.get(endpoint, 200)


@pytest.mark.parametrize("visitor", WHO, indirect=True)
def test_everybody_gets_what_the_rule_says_and_nothing_else(
    app: Flask, urls: dict[str, str], visitor: Visitor
) -> None:
    """The whole table: a route without a rule is missing in it, and fails."""
    arguments = {rule.endpoint: bool(rule.arguments) for rule in routes_of(app)}
    # First read-only requests; last those that would end the session of the others.
    order = sorted(methods_of(app), key=lambda e: (e[1] != "GET", e[0] == "auth.logout"))
    wrong = []
    for endpoint, method in order:
        answer = visitor.ask(urls[endpoint], method)
        named = arguments[endpoint] and endpoint not in OF_NO_SITE
        try:
            _check(visitor, endpoint, method, RULES[endpoint], answer, named=named)
        except AssertionError as error:
            wrong.append(f"{method} {endpoint}: {answer.status_code} {error}".splitlines()[0])
    assert not wrong, "\n".join(wrong)
    assert len(order) > 80
