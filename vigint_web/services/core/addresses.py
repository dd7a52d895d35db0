"""Write the addresses that leave by mail, in answers and on pages: the public base, and a path.

The base comes from the configuration, never from a request (`http.security.hosts`).
"""

from datetime import date
from urllib.parse import quote, urlsplit

from vigint_web.services.core.runtime import config


def public(path: str = "") -> str:
    """Return the address of a path; without one the address of the installation itself."""
    return config().base_url + path


def public_host() -> str | None:
    """Return the name of the host, by which the ids of mails are unique."""
    return urlsplit(config().base_url).hostname


def video_page(public_id: str, token: str) -> str:
    """Return the address of the page behind a person's link."""
    return public(f"/video/{quote(public_id)}?token={token}")


def password_page(token: str) -> str:
    """Return the address that sets a password."""
    return public(f"/password/set?token={token}")


def incidents_page() -> str:
    """Return the address of the list of incidents, for those who work here."""
    return public("/incidents/")


def incident_page(reference: str) -> str:
    """Return the address of an incident, for those who work here."""
    return public(f"/incidents/{reference}/")


def logbook_page(site_id: int, day: date) -> str:
    """Return the address of the log of a night, for those who work here."""
    return public(f"/incidents/logbook/?site={site_id}&night={day.isoformat()}")


def link_page(link_id: int) -> str:
    """Return the address of what was done with a link, for those who work here."""
    return public(f"/links/{link_id}/")


def incident_document(reference: str) -> str:
    """Return the address of an incident, for programs."""
    return public(f"/api/v1/incidents/{reference}")


def source_document(source_id: str) -> str:
    """Return the address of a source, for programs."""
    return public(f"/api/v1/sources/{source_id}")


def accesses_document(link_id: int) -> str:
    """Return the address of what was read by a link, for programs."""
    return public(f"/api/v1/links/{link_id}/accesses")


def token_document(token: str, part: str = "") -> str:
    """Return the address of what a token opens, or of a part of that (`metadata/`)."""
    return public(f"/api/video/{token}/{part}")


def stream(token: str) -> str:
    """Return the address of the bytes that a token opens."""
    return public(f"/stream/{token}/")
