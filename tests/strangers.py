"""Ask for every route as somebody from whom something is hidden."""

import re
from collections.abc import Iterator
from html import unescape

from flask import Flask

from tests.conftest import PASSWORD
from tests.helpers import Person, log_in
from tests.library import ACTOR
from vigint_web.http.security.rules import RULES, Key
from vigint_web.http.security.rules import Person as People
from vigint_web.models import Role
from vigint_web.permissions import may
from vigint_web.services.accounts import sites, users

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def routes(app: Flask, *, with_arguments: bool) -> Iterator[tuple[str, str, list[str]]]:
    """Yield endpoint, method and argument names of all requests by people and keys."""
    for rule in app.url_map.iter_rules():
        if bool(rule.arguments) != with_arguments:
            continue
        if isinstance(RULES[rule.endpoint], People | Key):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule.endpoint, method, sorted(rule.arguments)


def log_in_as(app: Flask, role: Role, slug: str | None = None) -> Person:
    """Return a new person of a role and a site who has logged in."""
    site = sites.get_or_add_site(slug) if slug else sites.default_site()
    email = f"{role.value}-{site.slug}@example.com"
    users.create_user(ACTOR, email, PASSWORD, role, site)
    browser = app.test_client()
    log_in(browser, email, PASSWORD)
    return Person(browser, email)


def pages_of(app: Flask, person: Person, role: Role) -> dict[str, str]:
    """Return every page that this role may request, without values that change on each request."""
    shown = {}
    for endpoint, method, _names in routes(app, with_arguments=False):
        rule = RULES[endpoint]
        if not isinstance(rule, People) or method != "GET":
            continue
        if rule.permission is None or may(role, rule.permission):
            address = app.url_map.bind("vigint.test").build(endpoint, {}, method="GET")
            text = unescape(person.browser.get(address).text)
            text = re.sub(r'name="csrf_token"[^>]*>', "", text)
            text = re.sub(r"[0-9,.]+\s[GM]o libres?", "", text)  # of the machine's disk
            shown[endpoint] = re.sub(r"<time.*?</time>", "", text, flags=re.DOTALL)
    person.browser.get("/account")  # shows what the last of them left to say
    return shown
