"""Objects loaded by a worker before the fork exist in each of its work-horses."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, incident_document, mails, post_incident
from vigint_web.config.config import Config
from vigint_web.jobs.warm_up import warm_up
from vigint_web.media import tools
from vigint_web.services.core.runtime import runtime


def test_an_incident_is_finished_without_asking_ffmpeg_what_it_can_do(
    client: FlaskClient,
    api_key: str,
    work: Callable[[], None],
    footage: Footage,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kept in (tools._find_tools, tools._find_quick_tools, tools._listed, tools._filters):
        kept.cache_clear()
    warm_up()

    def no_question(*question: object) -> str:
        raise AssertionError(f"asked again: {question}")

    monkeypatch.setattr(tools, "_ask", no_question)
    post_incident(client, api_key, incident_document(footage.frames(2)))
    work()
    assert len(mails(config)) == 1


def test_a_worker_starts_without_ffmpeg(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object) -> None:
        raise tools.ToolMissing("No usable ffmpeg was found.")

    monkeypatch.setattr("vigint_web.services.core.runtime.find_tools", nowhere)
    with pytest.raises(tools.ToolMissing):
        runtime().tools  # noqa: B018 - it raises
    warm_up()
