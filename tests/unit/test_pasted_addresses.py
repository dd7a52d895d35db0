"""Pasted text in address fields: addresses are found whole, or shown as not understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.net.mailboxes import read_mailbox
from vigint_web.services.links.pasted_addresses import Pasted, read_pasted

_NAMES = ("Jean Dupont", "Dupont, Jean", '"Dupont; Jean"', "Équipe de nuit", "")
_SEPARATORS = (",", ", ", ";", " ; ", "\n", "\r\n", "\t", "\n\n")


@pytest.mark.parametrize(
    ("text", "addresses", "unread"),
    [
        ("Jean Dupont <jean@example.com>", ["jean@example.com"], []),
        ("<jean@example.com>", ["jean@example.com"], []),
        ("mailto:jean@example.com", ["jean@example.com"], []),
        ("a@example.com b@example.com", ["a@example.com", "b@example.com"], []),
        ("Jean <a@example.com> et Paul <b@example.com>", ["a@example.com", "b@example.com"], []),
        ("a@example.com, A@Example.com;a@example.com", ["a@example.com"], []),
        ("Garde\ta@example.com\t06 00 00 00 00", ["a@example.com"], ["Garde", "06 00 00 00 00"]),
        (
            "Merci d’envoyer à jean@example.com et à paul@example.com.",
            ["jean@example.com", "paul@example.com"],
            ["Merci d’envoyer à … et à"],
        ),
        (
            "Écrire à jean@example.com et Paul <paul@example.com>",
            ["jean@example.com", "paul@example.com"],
            ["Écrire à"],
        ),
        ("a@example.com <a@example.com>", ["a@example.com"], []),
        ("Bonjour à tous", [], ["Bonjour à tous"]),
        ("jean dupont@", [], ["jean dupont@"]),
        ("(voir a@example.com)", ["a@example.com"], ["voir"]),
        ("", [], []),
        (" ,;\n\t", [], []),
    ],
)
def test_what_is_pasted(text: str, addresses: list[str], unread: list[str]) -> None:
    assert read_pasted(text) == Pasted(tuple(addresses), tuple(unread))


_WRITTEN = st.tuples(
    st.sampled_from(_NAMES), st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.fr", fullmatch=True)
)


@given(st.lists(_WRITTEN, min_size=1, max_size=6), st.sampled_from(_SEPARATORS))
def test_every_address_is_found_whatever_separates_them(
    written: list[tuple[str, str]], separator: str
) -> None:
    text = separator.join(f"{name} <{address}>" if name else address for name, address in written)
    read = read_pasted(text)
    assert read.addresses == tuple(dict.fromkeys(address for _, address in written))
    assert read.unread == ()


@given(st.text(max_size=300))
def test_only_addresses_that_stand_in_the_text_are_found(text: str) -> None:
    read = read_pasted(text)
    for address in read.addresses:
        assert read_mailbox(address) is not None
        assert address.partition("@")[0] in text.lower()
