"""Read the mails that were written down because there is no SMTP server."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from vigint_web.errors import NotFound
from vigint_web.services import audit
from vigint_web.services.actors import Actor
from vigint_web.services.runtime import config
from vigint_web.services.transactions import transaction

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}")
_MOST_LISTED = 200


@dataclass(frozen=True)
class Mail:
    """A mail of the outbox."""

    name: str
    written_at: datetime
    subject: str
    recipient: str
    text: str
    html: str


def list_mails() -> list[Mail]:
    """Return the newest mails."""
    folder = config().outbox_dir
    paths = sorted(folder.glob("*.eml"), key=lambda p: p.stat().st_mtime, reverse=True)
    return [_read(path) for path in paths[:_MOST_LISTED]]


def read_mail(name: str) -> Mail:
    """Return one mail; raises NotFound."""
    path = config().outbox_dir / f"{name}.eml"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound
    return _read(path)


def open_mail(actor: Actor, name: str) -> Mail:
    """Return one mail for a person to read; its link is live, so reading it is audited."""
    mail = read_mail(name)
    with transaction():
        audit.record(actor, "outbox:opened", f"mail:{name}", recipient=mail.recipient)
    return mail


def _read(path: Path) -> Mail:
    with path.open("rb") as file:
        message = BytesParser(policy=policy.default).parse(file)
    return Mail(
        name=path.stem,
        written_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        subject=str(message["Subject"] or ""),
        recipient=str(message["To"] or ""),
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""
