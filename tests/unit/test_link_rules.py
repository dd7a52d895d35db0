"""What a link permits now, and if not why."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.models import Audience, Link
from vigint_web.services.links.rules import (
    EXPIRED,
    NOT_GRANTED,
    NOT_YET_VALID,
    REVOKED,
    Opening,
    refusal,
)
from vigint_web.services.videos.readiness import Refusal

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PEOPLE = {Opening.PAGE, Opening.STATE, Opening.STREAM, Opening.THUMBNAIL}


def _link(**values: object) -> Link:
    fields = {"audience": Audience.PERSON, "full_access": False, **values}
    return Link(**fields)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"expires_at": NOW + SECOND}, None),
        ({"expires_at": NOW}, EXPIRED),
        ({"expires_at": NOW - SECOND}, EXPIRED),
        ({"not_before": NOW}, None),
        ({"not_before": NOW + SECOND}, NOT_YET_VALID),
        ({"revoked_at": NOW - SECOND}, REVOKED),
        ({"revoked_at": NOW - SECOND, "expires_at": NOW - SECOND}, REVOKED),
        ({"revoked_at": NOW - SECOND, "not_before": NOW + SECOND}, REVOKED),
    ],
)
def test_time_and_revocation(values: dict[str, object], expected: Refusal | None) -> None:
    for audience in Audience:
        assert refusal(_link(audience=audience, **values), Opening.STREAM, NOW) == expected


@pytest.mark.parametrize("opening", Opening)
def test_a_person_opens_page_stream_and_picture_only(opening: Opening) -> None:
    expected = None if opening in PEOPLE else NOT_GRANTED
    assert refusal(_link(), opening, NOW) == expected
    assert refusal(_link(full_access=True), opening, NOW) is None
    assert refusal(_link(audience=Audience.PROGRAM), opening, NOW) is None


_MOMENTS = st.none() | st.sampled_from([NOW - SECOND, NOW, NOW + SECOND])


@given(_MOMENTS, _MOMENTS, _MOMENTS, st.sampled_from(list(Opening)), st.booleans())
def test_a_dead_link_opens_nothing_whatever_else_it_grants(
    revoked: datetime | None,
    expires: datetime | None,
    begins: datetime | None,
    opening: Opening,
    full: bool,
) -> None:
    link = _link(revoked_at=revoked, expires_at=expires, not_before=begins, full_access=full)
    alive = revoked is None and (expires is None or expires > NOW)
    begun = begins is None or begins <= NOW
    granted = full or opening in PEOPLE
    assert (refusal(link, opening, NOW) is None) == (alive and begun and granted)
