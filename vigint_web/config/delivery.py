"""Read the settings of notifications: languages, webhooks, cool-down."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from vigint_web.net.mailboxes import ascii_domain

_LOCALES = ("fr", "en")
_MOST_WEBHOOKS = 10


@dataclass(frozen=True)
class WebhookConfig:
    """The addresses to call about alerts and videos, and the secret that signs the calls."""

    # Their path may contain a secret, as in those of chat systems.
    urls: tuple[str, ...] = field(repr=False)
    secret: str | None = field(repr=False)
    # Whether addresses of this machine and of private networks may be called.
    allow_private: bool


def webhook_urls(value: str) -> tuple[str, ...]:
    """Read addresses separated by blanks or commas; raise ValueError with a description of valid
    values.
    """
    found = tuple(dict.fromkeys(part for part in re.split(r"[\s,]+", value) if part))
    if len(found) > _MOST_WEBHOOKS or not all(_is_webhook(url) for url in found):
        raise ValueError(
            "addresses such as https://hooks.example.com/vigint, at most"
            f" {_MOST_WEBHOOKS}, separated by commas, without a user name in them"
        )
    return found


def _is_webhook(url: str) -> bool:
    # The characters that are copied into the request line and the Host header.
    if len(url) > 2000 or re.search(r"[^\x21-\x7e]|[\"<>\\^`{|}#]", url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    good = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return good and "@" not in parts.netloc


def webhook_mistake(urls: tuple[str, ...], allow_private: bool) -> str | None:
    """Return the error in the combination of these addresses with the other setting, or None."""
    if allow_private or all(url.startswith("https:") for url in urls):
        return None
    return (
        "[Webhook] url: a private link would travel unencrypted; it must begin with https:, unless"
        " [Webhook] allow_private allows a program in your own network."
    )


def mail_locales(value: str) -> tuple[tuple[str, str], ...]:
    """Read `address=en, @domain=en`; raise ValueError with a description of valid values."""
    pairs = []
    for part in re.split(r"[\s,;]+", value):
        whom, equals, locale = part.rpartition("=")
        if not part:
            continue
        if not equals or not re.fullmatch(r"[^@\s]*@[A-Za-z0-9.-]+", whom):
            raise ValueError(_RIGHT_LOCALES)
        if locale not in _LOCALES:
            raise ValueError(_RIGHT_LOCALES)
        pairs.append((whom.lower(), locale))
    return tuple(pairs)


_RIGHT_LOCALES = "pairs such as chief@example.com=en, @example.org=en (fr or en)"


def recipient_domains(value: str) -> tuple[str, ...]:
    """Read domains separated by blanks or commas; raise ValueError with a description of valid
    values.
    """
    try:
        return tuple(
            dict.fromkeys(ascii_domain(part) for part in re.split(r"[\s,;]+", value) if part)
        )
    except ValueError:
        raise ValueError(
            "domains of mail addresses separated by commas, such as example.com, example.org"
        ) from None


def webhook_secret_path(data_dir: Path) -> Path:
    """Return the file that holds the generated secret."""
    return data_dir / "webhook-secret"
