"""Parse single configuration values; ValueError describes the valid values."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Network = IPv4Network | IPv6Network

# The addresses that SMTP servers accept without extensions: ASCII, no quoting (RFC 5321, 4.1.2).
_MAILBOX = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,188}"
LOCALES = ("fr", "en")
ROLES = ("admin", "operator", "viewer")
LOG_FORMATS = ("json", "text")


def text(value: str) -> str:
    """Return the text as it is."""
    return value


def long_secret(value: str) -> str:
    """Return a secret of at least 16 characters."""
    if len(value) < 16:
        raise ValueError("a text of at least 16 characters")
    return value


def long_secrets(value: str) -> tuple[str, ...]:
    """Return several such secrets."""
    return tuple(long_secret(key) for key in value.replace(",", " ").split())


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within limits."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def flag(value: str) -> bool:
    """Return whether a word means yes."""
    word = value.lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError("yes or no")


def locale(value: str) -> str:
    """Return a supported language."""
    if value not in LOCALES:
        raise ValueError("fr or en")
    return value


def log_format(value: str) -> str:
    """Return a format of log lines."""
    if value not in LOG_FORMATS:
        raise ValueError("json or text")
    return value


def zone(value: str) -> ZoneInfo:
    """Return a time zone."""
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone name such as Europe/Paris") from None


def base_url(value: str) -> str:
    """Return an address of http or https without a path."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an unclosed bracket, an invalid port
        good = False
    # Pages and links have absolute paths: they would not be found below a path of another site.
    if not good or parts.username is not None or parts.path.strip("/") or set("?#") & set(value):
        raise ValueError("an address such as https://vigint.example.com")
    return value.rstrip("/")


def networks(value: str) -> tuple[Network, ...]:
    """Return addresses and networks."""
    try:
        return tuple(ip_network(part, strict=False) for part in re.split(r"[\s,]+", value) if part)
    except ValueError:
        raise ValueError(
            "addresses or networks separated by commas, such as 127.0.0.1, 10.0.0.0/8"
        ) from None


def addresses(value: str) -> tuple[str, ...]:
    """Return mail addresses."""
    found = tuple(part for part in re.split(r"[\s,;]+", value) if part)
    if any(not re.fullmatch(_MAILBOX, part) for part in found):
        raise ValueError("mail addresses separated by commas")
    return found


def address(value: str) -> str:
    """Return one mail address, perhaps with a name."""
    if not re.fullmatch(rf"{_MAILBOX}|[^<>\r\n]*<{_MAILBOX}>", value):
        raise ValueError("one mail address")
    return value


def one_line(longest: int) -> Callable[[str], str]:
    """Return a parser of texts that mails and pages show on one line."""

    def parse(value: str) -> str:
        if len(value) > longest or not value.isprintable():
            raise ValueError(f"one line of at most {longest} characters")
        return " ".join(value.split())

    return parse


def roles(value: str) -> tuple[str, ...]:
    """Return roles."""
    found = tuple(part for part in re.split(r"[\s,]+", value.lower()) if part)
    if set(found) - set(ROLES):
        raise ValueError("roles separated by commas, of " + ", ".join(ROLES))
    return found


def scheme(*allowed: str) -> Callable[[str], str]:
    """Return a parser of addresses with one of these schemes."""

    def parse(value: str) -> str:
        if value.split(":", 1)[0] not in allowed or ":" not in value:
            raise ValueError("an address that starts with " + " or ".join(f"{s}:" for s in allowed))
        return value

    return parse


def internal_path(value: str) -> str:
    """Return the path of a location that is internal to nginx."""
    # No page of Vigint begins with an underscore, so such a location hides none.
    if not re.fullmatch(r"/_[a-z0-9_-]{1,40}/", value):
        raise ValueError("the path of an internal location, such as /_media/")
    return value


def is_mailbox(text: str) -> bool:
    """Return whether a text is one mail address that every server accepts."""
    return re.fullmatch(_MAILBOX, text) is not None
