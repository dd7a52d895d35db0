"""A limit of plays with real parallel requests: to several processes, on real sockets."""

import re
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import unescape
from typing import Any

import pytest

from tests.functional.installation import Installation, token_of
from tests.functional.web import Answer, request
from tests.helpers import Footage, incident_document

LIMIT, ASKED = 3, 100


@pytest.fixture
def page(vigint: Installation, footage: Footage) -> str:
    """Provide the page of a video that may be watched three times."""
    ended = vigint.finished(vigint.post(incident_document(footage.frames(12), recipients=[])))
    assert ended["state"] == "ready", ended
    vigint.sql(
        "UPDATE links SET max_views = ? WHERE id ="
        " (SELECT link_id FROM incidents WHERE reference = ?)",
        LIMIT,
        ended["reference"],
    )
    return str(ended["private_link"])


def _played_by(vigint: Installation, page: str, **headers: str) -> str:
    """Open the page without keeping its cookie; return its player's address."""
    found = re.search(r'src="(/stream/[^"]+)"', request(page, **headers).text)
    assert found, "the page has a player"
    return vigint.url + unescape(found.group(1))


def _ask_for(views: list[str], agents: list[str], number: int) -> Answer:
    return request(views[number], Range="bytes=0-99", User_Agent=agents[number])


def _together(ask: Callable[[int], Answer]) -> list[Answer]:
    gate = threading.Barrier(ASKED)

    def run(number: int) -> Answer:
        gate.wait(30)
        return ask(number)

    with ThreadPoolExecutor(ASKED) as pool:
        return list(pool.map(run, range(ASKED)))


@pytest.mark.parametrize("named", [True, False], ids=["with view", "without view"])
def test_of_a_hundred_plays_at_once_three_are_served(
    vigint: Installation, page: str, named: bool
) -> None:
    stream = f"{vigint.url}/stream/{token_of(page)}/"
    asked: list[dict[str, Any]] = [
        {"Range": "bytes=0-99"} if named else {"Range": "bytes=0-99", "User_Agent": f"player/{n}"}
        for n in range(ASKED)
    ]
    views = [_played_by(vigint, page) if named else stream for _ in range(ASKED)]

    for _ in range(3):
        assert request(stream, method="HEAD").status == 200, "asking for the head is no play"
    answers = _together(lambda n: request(views[n], **asked[n]))
    statuses = Counter(answer.status for answer in answers)
    assert statuses == {206: LIMIT, 410: ASKED - LIMIT}
    assert sum(len(answer.body) for answer in answers if answer.status == 206) == LIMIT * 100
    assert {a.json()["code"] for a in answers if a.status == 410} == {"link_used_up"}
    # The three current plays continue, with any number of ranges; no other does.
    again = _together(lambda n: request(views[n], **asked[n]))
    assert [a.status for a in again] == [a.status for a in answers]


@pytest.mark.parametrize("named", [True, False], ids=["with view", "without view"])
def test_of_a_hundred_plays_at_once_all_are_served_when_nothing_limits_them(
    vigint: Installation, page: str, named: bool
) -> None:
    """Each writes twice, a play and an access; the database serializes the writes."""
    stream = f"{vigint.url}/stream/{token_of(page)}/"
    vigint.sql("UPDATE links SET max_views = NULL")
    for _ in range(3):
        agents = [f"player/{secrets.token_hex(4)}" for _ in range(ASKED)]
        views = [
            _played_by(vigint, page, User_Agent=agent) if named else stream for agent in agents
        ]
        answers = _together(partial(_ask_for, views, agents))
        assert Counter(answer.status for answer in answers) == {206: ASKED}
    assert "database is locked" not in vigint.log
