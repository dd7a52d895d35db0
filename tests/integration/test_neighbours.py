"""What the same camera saw before and after an incident, and other cameras at its time."""

from datetime import timedelta

import pytest

from tests.helpers import START, recorded_statements
from tests.library import Library
from vigint_web.extensions import db
from vigint_web.models import Incident, Site
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.incidents.neighbours import neighbours_of

pytestmark = pytest.mark.both_databases(reason="comparison of pairs")


def _seconds(after: float) -> timedelta:
    return timedelta(seconds=after)


class Timeline:
    """Incidents by their second, of cameras of a site."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def add(self, at: float, camera: str | None = "Quai 2", site: Site | None = None) -> Incident:
        """Add an incident of a camera."""
        made = self._library.incident_of(self._library.incident(site=site))
        made.detected_at = START + _seconds(at)
        made.camera_id = cameras.camera_of(made.site_id, camera).id if camera else None
        db.session.commit()
        return made


@pytest.fixture
def seen(library: Library) -> Timeline:
    """Provide a function that adds incidents."""
    return Timeline(library)


def test_the_same_camera_before_and_after(seen: Timeline) -> None:
    seen.add(-500)
    before, here = seen.add(-90), seen.add(0)
    after = seen.add(4000)
    seen.add(9000)
    seen.add(10, "Entrée")
    found = neighbours_of(SYSTEM, here)
    assert (found.before, found.after) == (before, after)
    assert neighbours_of(SYSTEM, after).before == here


def test_incidents_of_the_same_moment_are_neighbours_in_their_order(seen: Timeline) -> None:
    first, second, third = (seen.add(0) for _ in range(3))
    found = neighbours_of(SYSTEM, second)
    assert (found.before, found.after) == (first, third)


def test_the_nearest_of_each_other_camera_within_two_minutes(seen: Timeline) -> None:
    here = seen.add(0)
    seen.add(100, "Entrée")
    entrance, yard = seen.add(-30, "Entrée"), seen.add(120, "Cour")
    seen.add(121, "Parking")
    seen.add(-121, "Parking")
    seen.add(1, None)
    assert neighbours_of(SYSTEM, here).others == [entrance, yard]


def test_one_without_a_camera_has_those_of_its_site(seen: Timeline) -> None:
    here, quay = seen.add(0, None), seen.add(5)
    found = neighbours_of(SYSTEM, here)
    assert (found.before, found.after, found.others) == (None, None, [quay])


def test_another_site_is_no_neighbour(seen: Timeline) -> None:
    other = sites.get_or_add_site("nantes")
    here = seen.add(0)
    seen.add(1, "Entrée", other)
    assert not neighbours_of(SYSTEM, here)
    stranger = Actor("stranger", site_ids=frozenset({other.id}))
    seen.add(2)
    assert not neighbours_of(stranger, here)


def test_recordings_that_cover_the_time(library: Library, seen: Timeline) -> None:
    here = seen.add(0)

    def recorded(at: float, lasts: float) -> str:
        source = library.source(duration=lasts, recorded_at=START + _seconds(at))
        return source.source_id

    long, soon = recorded(-3600, 3500), recorded(100, 10)
    recorded(-3600, 3400)
    recorded(130, 10)
    library.source()
    assert [one.source_id for one in neighbours_of(SYSTEM, here).recordings] == [soon, long]


def test_neighbours_are_found_by_indexes(library: Library, seen: Timeline) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("of few rows PostgreSQL reads all")
    here = seen.add(0)
    seen.add(1, "Entrée")
    with recorded_statements() as statements:
        neighbours_of(SYSTEM, here)
    asked = [
        (statement, values)
        for statement, values in statements
        if "FROM incidents" in statement or "videos.recorded_at" in statement
    ]
    plans = []
    for statement, values in asked:
        with db.engine.connect() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.append("\n".join(row.detail for row in rows))
    assert len(plans) == 5
    for plan in plans:
        assert "SCAN" not in plan, plan
        assert "TEMP B-TREE FOR ORDER BY" not in plan, plan
    assert ["ix_incidents_camera (camera_id=? AND " in plan for plan in plans[:2]] == [True] * 2
    assert ["ix_incidents_site_detected (site_id=? AND " in plan for plan in plans[2:4]] == [
        True,
        True,
    ]
    assert "ix_videos_by_recorded (kind=? AND recorded_at>?" in plans[4]
