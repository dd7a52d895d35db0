"""Decide whether a link gives access now, and if not why. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from vigint_web.models import Audience, Link
from vigint_web.services.videos.readiness import Refusal


class Validity(Protocol):
    """What decides whether a link is valid: its row, or the columns of it."""

    @property
    def audience(self) -> str:
        """Return the kind of its user."""

    @property
    def not_before(self) -> datetime | None:
        """Return from when it is valid."""

    @property
    def expires_at(self) -> datetime | None:
        """Return until when it is valid."""

    @property
    def revoked_at(self) -> datetime | None:
        """Return when it was revoked."""

    @property
    def full_access(self) -> bool:
        """Return whether a person may have what only programs have else."""


class Opening(StrEnum):
    """The kinds of requests for a token."""

    PAGE = "page"
    STATE = "state"
    STREAM = "stream"
    THUMBNAIL = "thumbnail"
    API = "api"
    METADATA = "metadata"
    DOWNLOAD = "download"


# The kinds that a person's link permits without a grant.
_FOR_PEOPLE = {Opening.PAGE, Opening.STATE, Opening.STREAM, Opening.THUMBNAIL}


REVOKED = Refusal("link_revoked")
EXPIRED = Refusal("link_expired")
USED_UP = Refusal("link_used_up")
NOT_YET_VALID = Refusal("link_not_yet_valid")
NOT_GRANTED = Refusal("not_granted")


def refusal_of_link(link: Link, now: datetime) -> Refusal | None:
    """Return why this link is not valid for new requests, or None."""
    refused = _refusal_of_time(link, now)
    if refused is None and link.max_views is not None and link.views >= link.max_views:
        return USED_UP
    return refused


def refusal(link: Validity, opening: Opening, now: datetime) -> Refusal | None:
    """Return why this link refuses that request now, or None. Views are counted elsewhere."""
    refused = _refusal_of_time(link, now)
    if refused is not None:
        return refused
    if link.audience == Audience.PERSON and opening not in _FOR_PEOPLE and not link.full_access:
        return NOT_GRANTED
    return None


def _refusal_of_time(link: Validity, now: datetime) -> Refusal | None:
    if link.revoked_at is not None:
        return REVOKED
    if link.expires_at is not None and now >= link.expires_at:
        return EXPIRED
    if link.not_before is not None and now < link.not_before:
        return NOT_YET_VALID
    return None
