"""Parse mail addresses as people and programs write them. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import email_validator
import idna

# A mail server in a private network may have a name that no public one has (vigint.local).
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
_LONGEST = 254  # characters (RFC 5321, 4.5.3.1.3, without the angle brackets)
# Commas, semicolons and line ends separate addresses, except inside quotes.
_SEPARATED = re.compile(r"""(?:"[^"]*"|[^",;\r\n\t])+|["]""")


@dataclass(frozen=True)
class Mailbox:
    """A normalized address: its domain in ASCII (RFC 5891), lower case."""

    address: str

    @property
    def domain(self) -> str:
        """Return the part behind the @."""
        return self.address.rpartition("@")[2]


def read_mailbox(text: str) -> Mailbox | None:
    """Return the address in a text, with or without a name before it; None if there is none.

    “Name <address>”, blanks around it, “mailto:”, domains in any script and local parts in any
    script (RFC 6531) are accepted.
    """
    text = text.strip()
    named = re.fullmatch(r"[^<>]*<\s*([^<>\s]+)\s*>", text)
    address = (named[1] if named else text).removeprefix("mailto:").rstrip(".")
    if len(address) > _LONGEST or not address.isprintable() or "@" not in address:
        return None
    return _validated(address)


@lru_cache(maxsize=4096)
def _validated(address: str) -> Mailbox | None:
    try:
        found = email_validator.validate_email(
            address,
            strict=True,
            globally_deliverable=False,  # a host without a dot is an address in a private network
            check_deliverability=False,
        )
    except (email_validator.EmailNotValidError, UnicodeError):
        return None
    return Mailbox(f"{found.local_part}@{found.ascii_domain}".lower())


def split_addresses(text: str) -> Iterator[str]:
    """Yield the parts of a text with several addresses; skip blank ones.

    A family name before a comma stays with what follows: “Dupont, Jean <jean@example.com>”.
    """
    held = ""
    for part in filter(None, map(str.strip, _SEPARATED.findall(text))):
        if "@" not in part and not held:
            held = part
            continue
        if held and not re.search(r"<[^<>]*@[^<>]*>", part):
            yield held
            held = ""
        if "<" not in part and len(several := part.split()) > 1 and all("@" in p for p in several):
            yield from several
        else:
            yield f"{held}, {part}" if held else part
        held = ""
    if held:
        yield held


def ascii_domain(text: str) -> str:
    """Return a domain in ASCII, lower case (RFC 5891); raise ValueError if it is invalid."""
    try:
        found = idna.encode(text.strip().removeprefix("@"), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise ValueError("not a domain") from None
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", found):
        raise ValueError("not a domain")
    return found


def readable_address(address: str) -> str:
    """Return an address with its domain in Unicode."""
    local, at, domain = address.rpartition("@")
    if "xn--" not in domain:
        return address
    try:
        return f"{local}{at}{idna.decode(domain)}"
    except (idna.IDNAError, UnicodeError):
        return address
