"""The home page shows a pending shorter retention, and administrators decide about it there."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.helpers import Person, renew
from tests.library import Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import RetentionSetting, Role, Video
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention.changes import find_waiting, follow

People = Callable[[Role], Person]


@pytest.fixture
def waiting(library: Library, config: Config) -> Video:
    """Make a retention of 7 days pending that would delete one video of two."""
    video = library.incident()
    library.incident()
    with transaction():
        video.created_at -= timedelta(days=10)
        video.purge_at = video.created_at + timedelta(days=30)
    follow(timedelta(0), "alpha")
    runtime().config = replace(config, retention_days=7)
    follow(timedelta(0), "alpha")
    renew()
    return video


def _home(person: Person, locale: str | None = None) -> str:
    if locale is not None:
        person.speaking(locale)
    text = re.sub(r"<[^>]+>", " ", person.browser.get("/").text)
    return " ".join(text.split())


def _days() -> int | None:
    renew()
    return db.session.get_one(RetentionSetting, "days", populate_existing=True).days


def test_an_administrator_reads_what_would_be_deleted_and_when(
    people: People, waiting: Video
) -> None:
    english = _home(people(Role.ADMIN), "en")
    assert "[Retention] days in the configuration: 7 days, instead of 30 days." in english
    assert "1 video would be deleted at once. 1 more would follow within 7 days." in english
    assert "unless you decide earlier or the configuration is changed back" in english
    french = _home(people(Role.ADMIN), "fr")
    assert "7 jours, au lieu de 30 jours" in french
    assert "1 vidéo serait supprimée aussitôt. 1 autre suivrait dans les 7 jours." in french


def test_an_administrator_shortens_now(people: People, waiting: Video) -> None:
    admin = people(Role.ADMIN).speaking("en")
    assert admin.post("/retention/days/confirm", page="/", days="7").status_code == 302
    assert _days() == 7
    assert find_waiting() == []
    assert "The shorter retention is in force." in _home(admin)


def test_an_administrator_keeps_it_as_it_is(people: People, waiting: Video) -> None:
    admin = people(Role.ADMIN)
    admin.post("/retention/days/keep", page="/", days="7")
    assert _days() == 30
    page = _home(admin, "en")
    assert f"{admin.email} chose to keep the previous retention" in page
    assert "Shorten now" in page, "the decision can be changed"
    assert "Keep everything for as long as before?" not in page


@pytest.mark.parametrize("days", ["3", "", "x", "7.0"])
def test_what_was_not_shown_is_not_confirmed(people: People, waiting: Video, days: str) -> None:
    admin = people(Role.ADMIN).speaking("en")
    assert admin.post("/retention/days/confirm", page="/", days=days).status_code == 302
    assert _days() == 30
    assert "Nothing was changed" in _home(admin)
    assert admin.post("/retention/else/confirm", page="/", days="7").status_code == 404


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_others_are_told_without_counts_and_decide_nothing(
    people: People, waiting: Video, role: Role
) -> None:
    page = _home(people(role), "en")
    assert "videos of incidents are kept for 7 days only" in page
    assert "would be deleted" not in page
    assert "Shorten now" not in page
    for action in ("confirm", "keep"):
        answer = people(role).post(f"/retention/days/{action}", page="/", days="7")
        assert answer.status_code == 403
    assert _days() == 30
    assert find_waiting()[0].declined_by is None


def test_machines_that_disagree_are_named(people: People, waiting: Video, config: Config) -> None:
    runtime().config = config
    follow(timedelta(0), "beta")
    page = _home(people(Role.ADMIN), "en")
    assert "The machines read different values (alpha: 7 days, beta: 30 days)." in page
    assert "Shorten now" not in page
    assert "kept for 7 days only" not in _home(people(Role.VIEWER), "en")


def test_the_page_says_how_far_dates_are_moved(people: People, waiting: Video) -> None:
    with transaction() as session:
        row = session.get_one(RetentionSetting, "days")
        row.moved_through_id, row.moved_videos = 5, 1500
    assert "[Retention] days: 1,500 videos so far." in _home(people(Role.ADMIN), "en")
