"""Read documents of programs, for the incident API and the hosting API."""

from typing import Any

from flask import request

from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.services.core.runtime import config
from vigint_web.services.incidents.documents import IntakeSettings
from vigint_web.services.incidents.incidents import fingerprint

LONGEST_NAME = 255


def intake_settings() -> IntakeSettings:
    """Return the settings for documents of programs."""
    settings = config()
    return IntakeSettings(
        zone=settings.timezone,
        link_hours=settings.link_hours,
        recipient_domains=settings.recipient_domains,
        sender=settings.email.sender if settings.email.server is not None else None,
    )


def fingerprint_of(document: Any, digests: list[str], body: bytes | str) -> str:
    """Return the SHA-256 of a request's content.

    Args:
        body: the document as received, for one that is nested too deeply to be serialized again.
    """
    try:
        return fingerprint(document, digests)
    except RecursionError:
        return fingerprint({"body": body if isinstance(body, str) else body.hex()}, digests)


def request_name() -> str | None:
    """Return a request's Idempotency-Key, which identifies repetitions; raises Invalid."""
    name = request.headers.get("Idempotency-Key")
    if name is not None and not 1 <= len(name) <= LONGEST_NAME:
        facts = {"least": 1, "most": LONGEST_NAME}
        raise Invalid([Mistake(MistakeCode.HEADER_LENGTH, "Idempotency-Key", facts)])
    return name
