"""Settings for sending mail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vigint_web.config.values import is_mailbox
from vigint_web.net.mail_reach import cannot_exist

NO_SENDER = "vigint@localhost"


@dataclass(frozen=True)
class EmailConfig:
    """Settings for sending mail; without a server mails go to the outbox."""

    server: str | None
    port: int
    username: str | None
    password: str | None = field(repr=False)
    sender: str
    recipients: tuple[str, ...]
    use_tls: bool
    # Recipients with another language than French: (address or @domain, locale).
    locales: tuple[tuple[str, str], ...] = ()


def default_sender(username: str | None) -> str:
    """Return the sender: most providers use the mailbox as login and refuse any other sender."""
    return username if username and is_mailbox(username) else NO_SENDER


def mail_warnings(values: Mapping[str, Any]) -> list[str]:
    """Return what would keep mails from arriving, one sentence each."""
    if values["smtp_server"] is None:
        return []
    found = []
    if values["smtp_from"] == NO_SENDER:
        found.append(
            f"mails are sent from {NO_SENDER}, which many servers refuse: set [Email] from_email"
            " (VIGINT_SMTP_FROM) to an address of yours."
        )
    if not values["smtp_to"]:
        found.append(
            "mails are sent by SMTP, but there are no default recipients: alerts without one go"
            " to the administrators. Set [Email] to_email (VIGINT_SMTP_TO)."
        )
    lost = [who for who in values["smtp_to"] if cannot_exist(who, values["smtp_from"])]
    if lost:
        found.append(
            f"no mailbox can have the address {', '.join(lost)}: correct [Email] to_email"
            " (VIGINT_SMTP_TO)."
        )
    return found
