"""A phone that scans the code of the first steps shows whether links open outside."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from tests.helpers import Person, renew
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.errors import NotFound
from vigint_web.models import Role
from vigint_web.services.core.runtime import runtime
from vigint_web.services.operations import reach
from vigint_web.services.operations.reach import token_to_scan

HERE = "vigint.test"
OUTSIDE, INSIDE = "8.8.8.8", "192.168.1.20"


@pytest.mark.both_databases(reason="an upsert")
def test_a_scan_from_outside_remains(app: Flask) -> None:
    assert reach.last_reach() is None
    for address, now, ever in [
        (INSIDE, False, False),
        (OUTSIDE, True, True),
        (INSIDE, False, True),
    ]:
        assert reach.record_reach(token_to_scan(), HERE, address).from_outside is now
        found = reach.last_reach()
        assert found is not None
        assert found.from_outside is ever


@pytest.mark.parametrize(
    ("host", "address", "outside"),
    [
        (HERE, "2001:4860:4860::8888", True),
        ("VIGINT.test", OUTSIDE, True),
        (HERE, "::ffff:8.8.8.8", True),
        (HERE, "::ffff:192.168.1.20", False),
        (HERE, "127.0.0.1", False),
        (HERE, "100.64.3.4", False),  # a provider's network of its own (RFC 6598)
        (HERE, "fe80::1", False),
        (HERE, "", False),
        ("192.168.1.2:8000", OUTSIDE, False),  # not the address in mailed links
    ],
)
def test_outside_is_a_public_network_and_the_public_name(
    app: Flask, host: str, address: str, outside: bool
) -> None:
    assert reach.record_reach(token_to_scan(), host, address).from_outside is outside


def test_another_address_was_not_reached_yet(app: Flask, config: Config) -> None:
    reach.record_reach(token_to_scan(), HERE, OUTSIDE)
    runtime().config = replace(config, base_url="https://elsewhere.example.com")
    assert reach.last_reach() is None


def test_a_code_is_asked_for_by_no_stranger_and_ends(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for forged in ("", "x", "WzFd.forged"):
        with pytest.raises(NotFound):
            reach.check_token(forged)
        assert app.test_client().get(f"/reach?token={forged}").status_code == 404
    token = token_to_scan()
    reach.check_token(token)
    later = utcnow() + timedelta(days=3)
    monkeypatch.setattr(reach, "utcnow", lambda: later)
    with pytest.raises(NotFound):
        reach.check_token(token)


def test_this_machine_alone_has_no_code(app: Flask, config: Config) -> None:
    runtime().config = replace(config, base_url="http://127.0.0.1:8000")
    assert reach.address_to_scan() is None


def test_the_phones_page_reports_and_says_what_it_means(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    admin = people(Role.ADMIN)
    assert "<svg" in admin.browser.get("/").text.partition('data-part="guide"')[2]
    phone = Person(app.test_client(), "a phone")
    address = f"/reach?token={token_to_scan()}"
    page = phone.browser.get(address)
    assert page.status_code == 200
    assert reach.last_reach() is None, "opening it changes nothing"
    answer = phone.post(address, page=address)
    assert answer.status_code == 302
    assert "réseau privé" in phone.browser.get(answer.location).text
    renew()
    found = reach.last_reach()
    assert found is not None
    assert not found.from_outside, "the test's phone is on this machine"
