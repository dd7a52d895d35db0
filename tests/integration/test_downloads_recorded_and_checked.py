"""No download leaves without its row; what leaves was checked, at a limited expense."""

from collections.abc import Callable

import pytest

from tests.helpers import Person, renew
from tests.library import STREAMED, Library
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Incident, Role
from vigint_web.services.audit import trail


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


@pytest.fixture
def incident(library: Library) -> Incident:
    return library.incident_of(library.incident())


def _address(incident: Incident, part: str = "clip") -> str:
    assert incident.video is not None
    return f"/videos/{incident.video.public_id}/download/{part}"


def _rows() -> int:
    renew()
    return db.session.query(AuditEvent).filter(AuditEvent.action.endswith("_downloaded")).count()


def _range(first: int, last: int | None = None) -> dict[str, str]:
    return {"Range": f"bytes={first}-{'' if last is None else last}"}


def test_a_range_from_the_beginning_is_a_download_of_its_own(
    operator: Person, incident: Incident
) -> None:
    for made in (1, 2):
        answer = operator.browser.get(_address(incident), headers=_range(0))
        assert (answer.status_code, answer.data) == (206, STREAMED)
        assert operator.browser.get(_address(incident), headers=_range(9)).status_code == 206
        assert _rows() == made


@pytest.mark.parametrize("first", [0, 5])
def test_nothing_is_sent_that_cannot_be_recorded(
    operator: Person, incident: Incident, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(trail, "record", full)
        for _ in range(2):
            answer = operator.browser.get(_address(incident), headers=_range(first))
            assert answer.status_code == 507
            assert "Content-Disposition" not in answer.headers
    assert operator.browser.get(_address(incident), headers=_range(first)).status_code == 206
    assert _rows() == 1


def test_what_failed_is_not_remembered_as_recorded(
    operator: Person, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(trail, "record", broken)
        assert operator.browser.get(_address(incident)).status_code == 500
    assert operator.browser.get(_address(incident), headers=_range(5)).status_code == 206
    assert _rows() == 1
