"""Define the permissions of each role, in one place."""

from enum import StrEnum

from vigint_web.models import Role


class Permission(StrEnum):
    """One permission of a user."""

    VIEW = "view"  # lists, pages, playback of the sites granted
    MANAGE_SOURCES = "manage_sources"  # upload, retry, rotate, delete
    MANAGE_INCIDENTS = "manage_incidents"  # decide, note, assign; retry encoding and delivery
    MANAGE_REVIEW = "manage_review"  # the reasons for false alarms
    MANAGE_LINKS = "manage_links"  # share, extend, send again, revoke one; see its log
    REVOKE_LINKS = "revoke_links"  # in bulk; others cannot undo such a revocation
    READ_OUTBOX = "read_outbox"  # mails carry live links
    RELEASE_MAILS = "release_mails"  # notifications that were pending in a restored backup
    MANAGE_KEYS = "manage_keys"
    MANAGE_PEOPLE = "manage_people"  # users, their roles, sites and cameras
    MANAGE_RETENTION = "manage_retention"  # confirm a shorter one; see what it deletes
    READ_HEALTH = "read_health"  # details of the machine; other users see what affects them


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
