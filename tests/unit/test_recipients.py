"""Recipients named by a program: each address is checked separately."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.net.mailboxes import ascii_domain, read_mailbox, readable_address
from vigint_web.services.alerting import recipients
from vigint_web.services.alerting.recipients import (
    CANNOT_EXIST,
    DOMAIN_NOT_ALLOWED,
    MOST_RECIPIENTS,
    NOT_AN_ADDRESS,
    read_recipients,
)


@pytest.mark.parametrize(
    ("value", "mailed"),
    [
        (["A@Example.com", "a@example.com", "b@example.com"], ["a@example.com", "b@example.com"]),
        ("a@example.com", ["a@example.com"]),
        ("a@example.com, b@example.com;c@example.com\nd@example.com", list("abcd")),
        ("a@example.com b@example.com", list("ab")),
        (["a@example.com; b@example.com", "c@example.com"], list("abc")),
        (["Jean Dupont <a@example.com>", ' "Dupont, Jean" <b@example.com> '], list("ab")),
        ("Dupont, Jean <a@example.com>, b@example.com", list("ab")),
        (
            ["a@example.com ", "<b@example.com>", "mailto:c@example.com", "d@example.com."],
            list("abcd"),
        ),
        ("jean@exämple.fr", ["jean@xn--exmple-cua.fr"]),
        ("é@exemple.fr", ["é@exemple.fr"]),
        ("admin@vigint.local", ["admin@vigint.local"]),
    ],
)
def test_good_addresses(value: Any, mailed: list[str]) -> None:
    found = read_recipients(value)
    assert list(found.mailed) == [one if "@" in one else f"{one}@example.com" for one in mailed]
    assert not found.refused


@pytest.mark.parametrize(
    "value",
    [
        "a@", "@example.com", "a@b@example.com", "garde", "a b@example.com", '"a b"@example.com',
        "a..b@x.fr", "a@-example.com", "a@x..fr", "x@[127.0.0.1]",
        "a" * 65 + "@example.com", "a@" + "e" * 250,
        7, None, True, {"a": 1}, ["a@example.com"], "a@x\u202e.fr", "\ud800@example.com",
        "<<a@x.fr>>",
    ],
)  # fmt: skip
def test_a_bad_one_leaves_the_others(value: Any) -> None:
    found = read_recipients(["ok@example.com", value])
    assert found.mailed == ("ok@example.com",)
    [bad] = found.refused
    assert bad.code == NOT_AN_ADDRESS
    assert 0 < len(bad.recipient) <= 254


def test_only_domains_that_are_allowed_and_can_exist() -> None:
    found = read_recipients(
        ["a@example.fr", "b@sub.example.fr", "c@EXAMPLE.fr", "d@exämple.fr", "e@garde.invalid"],
        ("example.fr", ascii_domain("EXÄMPLE.fr"), "garde.invalid"),
        "vigint@example.fr",
    )
    assert [one.partition("@")[0] for one in found.mailed] == ["a", "c", "d"]
    assert [(one.recipient, one.code) for one in found.refused] == [
        ("b@sub.example.fr", DOMAIN_NOT_ALLOWED),
        ("e@garde.invalid", CANNOT_EXIST),
    ]


def test_thousands_are_capped_and_counted() -> None:
    found = read_recipients([f"u{n}@example.com" for n in range(5000)])
    assert (len(found.mailed), found.left_out) == (MOST_RECIPIENTS, 5000 - MOST_RECIPIENTS)
    found = read_recipients([f"u{n}" for n in range(5000)])
    assert (len(found.refused), found.left_out) == (MOST_RECIPIENTS, 5000 - MOST_RECIPIENTS)


def test_a_million_addresses_are_not_all_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    monkeypatch.setattr(recipients, "read_mailbox", judged.append)
    for value in (["x"] * 1_000_000, "a," * 1_000_000, ["a,b,c"] * 100_000):
        judged.clear()
        assert read_recipients(value).left_out > 0
        assert len(judged) <= 500


def test_an_empty_list_names_nobody() -> None:
    assert read_recipients([]).none_wanted
    assert not read_recipients([None]).none_wanted


def test_a_domain_is_shown_as_people_write_it() -> None:
    assert readable_address("jean@xn--exmple-cua.fr") == "jean@exämple.fr"
    assert readable_address("a@xn--.fr") == "a@xn--.fr"


@given(st.text(max_size=80) | st.lists(st.text(max_size=40) | st.integers(), max_size=5))
def test_no_address_holds_what_could_end_a_header(value: Any) -> None:
    for address in read_recipients(value).mailed:
        assert address.isprintable()
        assert not set(address) & set(' ,;:<>()[]"\\')
        assert address.count("@") == 1
        assert address.rpartition("@")[2].isascii()
        assert read_mailbox(address) is not None
