"""The permissions of each role, in full: a change here is a decision, not an accident."""

import pytest

from vigint_web.models import Role
from vigint_web.permissions import ROLE_PERMISSIONS, Permission, may

OPERATOR = {"view", "manage_sources", "manage_incidents", "manage_links"}
TABLE = {
    Role.VIEWER: {"view"},
    Role.OPERATOR: OPERATOR,
    Role.ADMIN: OPERATOR
    | {
        "revoke_links",
        "read_outbox",
        "manage_keys",
        "manage_people",
        "manage_retention",
        "manage_review",
        "release_mails",
        "read_health",
    },
}


@pytest.mark.parametrize("role", Role)
def test_the_table(role: Role) -> None:
    assert {p.value for p in Permission if may(role, p)} == TABLE[role]


def test_every_role_is_decided_and_each_may_all_that_the_one_below_may() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert (
        ROLE_PERMISSIONS[Role.VIEWER]
        < ROLE_PERMISSIONS[Role.OPERATOR]
        < ROLE_PERMISSIONS[Role.ADMIN]
    )
