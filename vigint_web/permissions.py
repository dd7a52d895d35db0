"""Decide, in this one place, what each role may do."""

from enum import StrEnum

from vigint_web.models import Role


class Permission(StrEnum):
    """Name one thing that a person may be allowed to do."""

    VIEW = "view"  # lists, pages, playback of the sites granted
    MANAGE_SOURCES = "manage_sources"  # upload, retry, rotate, delete
    MANAGE_INCIDENTS = "manage_incidents"  # retry encoding and delivery
    MANAGE_LINKS = "manage_links"  # share, extend, send again, end one; see who used it
    REVOKE_LINKS = "revoke_links"  # many at once; what is revoked so, others cannot undo
    READ_OUTBOX = "read_outbox"  # mails carry live links
    RELEASE_MAILS = "release_mails"  # what waited in a backup that was restored
    MANAGE_KEYS = "manage_keys"
    MANAGE_PEOPLE = "manage_people"  # who may log in, as what, and which sites there are
    MANAGE_RETENTION = "manage_retention"  # whether a shorter one deletes now; see how much
    READ_HEALTH = "read_health"  # the machine in detail; all are told what affects them


ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.OPERATOR: frozenset(
        {
            Permission.VIEW,
            Permission.MANAGE_SOURCES,
            Permission.MANAGE_INCIDENTS,
            Permission.MANAGE_LINKS,
        }
    ),
    Role.ADMIN: frozenset(Permission),
}


def may(role: Role, permission: Permission) -> bool:
    """Return whether a role allows something."""
    return permission in ROLE_PERMISSIONS[role]
