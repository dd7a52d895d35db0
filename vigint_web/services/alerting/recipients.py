"""Validate the recipients named by a program, one by one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vigint_web.mail.sanitize import one_line
from vigint_web.net.mail_reach import cannot_exist
from vigint_web.net.mailboxes import read_mailbox, split_addresses
from vigint_web.services.core.odd_values import json_text

MOST_RECIPIENTS = 50
# Validating an address takes a tenth of a millisecond, and a document has room for millions.
_MOST_JUDGED = 500
_LONGEST_LIST = 50_000  # characters of one text
NOT_AN_ADDRESS = "not_an_address"
DOMAIN_NOT_ALLOWED = "domain_not_allowed"
CANNOT_EXIST = "cannot_exist"
TOO_MANY = "too_many"
# The length of the column for addresses.
_LONGEST = 254


@dataclass(frozen=True)
class Refused:
    """A recipient that is not mailed: as given, and the reason."""

    recipient: str
    code: str


@dataclass(frozen=True)
class Recipients:
    """The recipients named by a program: addresses to mail, and refused ones."""

    mailed: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    # The number of recipients beyond the limit of one incident.
    left_out: int = 0
    # An empty list: no person is notified.
    none_wanted: bool = False


def read_recipients(
    value: Any, domains: Sequence[str] = (), sender: str | None = None
) -> Recipients:
    """Read a list of addresses, or a text of one or several; each is validated separately.

    Args:
        domains: the only allowed domains, in ASCII; empty: all.
        sender: the sender's address for SMTP; None: mails go to the outbox, which accepts all.
    """
    if isinstance(value, Sequence) and not isinstance(value, str) and not value:
        return Recipients(none_wanted=True)
    named = value if isinstance(value, list | tuple) else [value]
    mailed: dict[str, None] = {}
    refused: dict[str, Refused] = {}
    left_out = judged = 0
    for number, entry in enumerate(named):
        if judged >= _MOST_JUDGED:
            left_out += len(named) - number
            break
        left_out += isinstance(entry, str) and len(entry) > _LONGEST_LIST
        for text in _parts(entry):
            judged += 1
            if judged > _MOST_JUDGED:
                left_out += 1
                continue
            address, code = _judged(text, domains, sender)
            kept = one_line(text, _LONGEST) or json_text(text)
            if code is None and (address in mailed or len(mailed) < MOST_RECIPIENTS):
                mailed[address] = None
            elif code is not None and (kept in refused or len(refused) < MOST_RECIPIENTS):
                refused[kept] = Refused(kept, code)
            else:
                left_out += 1
    return Recipients(tuple(mailed), tuple(refused.values()), left_out)


def _parts(entry: Any) -> list[str]:
    if not isinstance(entry, str):
        return [json_text(entry)]
    return list(split_addresses(entry[:_LONGEST_LIST])) or [entry]


def _judged(text: str, domains: Sequence[str], sender: str | None) -> tuple[str, str | None]:
    mailbox = read_mailbox(text)
    if mailbox is None:
        return "", NOT_AN_ADDRESS
    if domains and mailbox.domain not in domains:
        return "", DOMAIN_NOT_ALLOWED
    if sender is not None and cannot_exist(mailbox.address, sender):
        return "", CANNOT_EXIST
    return mailbox.address, None
