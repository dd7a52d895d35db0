"""Complete refusals by a server: reported at once, kept, and sent again after a change."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.client_mailbox import Mailbox
from tests.unit.client.fake_vigint import KEY, FakeVigint, Fault, Received
from vigint_client.config import ServerSettings
from vigint_client.delivery import Courier, Outcome
from vigint_client.plain_facts import AS_GIVEN, in_plain_facts
from vigint_client.redelivery import Redelivery
from vigint_client.results import Result
from vigint_client.spool import Spool

Send = Callable[..., Result]
Flush = Callable[..., list[Outcome]]
ODD = {"risk_level": "UNKNOWN", "confidence": "92%", "frame_count": -1, "site": "Shop 12"}


def _old(request: Received) -> bool:
    """Refuse what an earlier version refused."""
    data = request.json()["incident_data"]
    risk, confidence = data.get("risk_level", "LOW"), data.get("confidence", 0)
    count = data.get("frame_count", 0)
    known = str(risk).upper() in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    number = isinstance(confidence, (int, float)) and 0 <= confidence <= 1
    return not (known and number and isinstance(count, int) and count >= 0)


def _frames(request: Received) -> int:
    return sum(part[0] == "frames" for part in request.parts)


def test_an_odd_fact_goes_as_text_and_the_frames_go_with_it(
    vigint: FakeVigint, send: Send, spool: Spool
) -> None:
    vigint.refuses = _old
    result = send(incident_data=ODD)
    assert (result["success"], result["frames_sent"]) == (True, 3)
    assert (result["status_code"], result["fallback_used"]) == (422, None)
    assert "risk_level must be" in result["error"]
    first, second = vigint.posts()
    assert _frames(second) == 3
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    facts = second.json()["incident_data"]
    assert facts[f"risk_level{AS_GIVEN}"] == "UNKNOWN"
    assert (facts["confidence"], facts[f"confidence{AS_GIVEN}"]) == (0.92, "92%")
    assert (facts[f"frame_count{AS_GIVEN}"], facts["site"]) == (-1, "Shop 12")
    assert (spool.names(), spool.aside()) == ([], [])


@pytest.mark.parametrize("status", [400, 409, 413, 415, 418, 422, 451])
def test_what_is_refused_as_a_whole_is_told_and_kept(
    vigint: FakeVigint, send: Send, mailbox: Mailbox, spool: Spool, status: int
) -> None:
    vigint.faults.extend([Fault(status=status)] * 3)
    result = send("Theft", mail=mailbox.settings, incident_data=ODD)
    assert (result["success"], result["status_code"]) == (False, status)
    assert (result["fallback_used"], result["spooled"]) == ("text_only_mail", True)
    assert result["frames_kept"] == 3
    assert "settings for it have changed" in result["error"]
    assert "un second e-mail donnera le lien" in mailbox.texts[0]
    assert spool.names() == []
    assert len(spool.refused()) == 1


@pytest.mark.parametrize(
    "change",
    ["version", "key", "hours", "address"],
)
def test_it_is_sent_again_when_server_or_settings_have_changed(
    vigint: FakeVigint,
    send: Send,
    courier: Flush,
    settings: ServerSettings,
    change: str,
) -> None:
    vigint.refuses = lambda _request: True
    assert send("Theft", incident_data=ODD)["spooled"]
    vigint.received.clear()
    assert courier() == [], "nothing has changed"
    assert vigint.posts() == []
    vigint.refuses, other = None, settings
    if change == "version":
        vigint.version = "9.9.9"
    elif change == "hours":
        other = replace(settings, expiration_hours=12)
    elif change == "address":
        other = replace(settings, url=f"{settings.url}/")
    else:
        vigint.key, other = "another-key", replace(settings, api_key="another-key")
    assert [outcome.state for outcome in courier(other)] == ["sent"]
    [again] = vigint.posts()
    assert _frames(again) == 3
    assert again.json()["incident_data"]["risk_level"] == "UNKNOWN", "the facts as they were given"
    assert courier(other) == []


def test_what_is_refused_again_waits_for_the_next_change(
    vigint: FakeVigint, send: Send, courier: Flush, mailbox: Mailbox, spool: Spool
) -> None:
    vigint.refuses = lambda _request: True
    send(mail=mailbox.settings)
    for version in ("1", "2"):
        vigint.version = version
        assert [item.state for item in courier(mail=mailbox.settings)] == ["aside"]
        assert courier(mail=mailbox.settings) == []
    assert len(mailbox.mails) == 1, "recipients are mailed once"
    assert len(spool.refused()) == 1


def test_a_server_that_cannot_be_asked_has_not_changed(
    vigint: FakeVigint, send: Send, courier: Flush, spool: Spool
) -> None:
    vigint.refuses = lambda _request: True
    send()
    vigint.down(3)
    assert courier() == []
    assert len(spool.refused()) == 1


def test_frames_that_a_server_does_not_take_are_kept_though_the_alert_went_out(
    vigint: FakeVigint, send: Send, courier: Flush, spool: Spool
) -> None:
    vigint.refuses_frames = True
    result = send()
    assert (result["success"], result["fallback_used"]) == (True, "text_only_mail")
    assert (result["spooled"], result["frames_kept"]) == (True, 3)
    assert "kept on this machine's disk" in result["error"]
    vigint.refuses_frames, vigint.version = False, "9.9.9"
    assert [outcome.state for outcome in courier()] == ["sent"]
    assert _frames(vigint.posts()[-1]) == 3


def test_a_program_that_goes_on_notices_the_change_by_itself(
    vigint: FakeVigint, send: Send, spool: Spool
) -> None:
    vigint.refuses = lambda _request: True
    send()

    class Later(Courier):
        def flush(self, *_arguments: object, **_options: object) -> list[Outcome]:
            return []

    later = Later(spool, lambda: ServerSettings(vigint.url, KEY), lambda: None)
    assert Redelivery._flush(later), "it is asked again"
    spool.bring_back(spool.refused()[0][0])
    assert not Redelivery._flush(later)


def test_a_kept_alert_says_since_when_and_when_it_was_called(
    vigint: FakeVigint, send: Send, courier: Flush
) -> None:
    before = dt.datetime.now(dt.UTC)
    vigint.down()
    send("late", frames=None)
    first = vigint.posts()[0].json()
    assert "kept_since" not in first
    courier()
    again = vigint.posts()[1].json()
    since = dt.datetime.fromisoformat(again["kept_since"])
    called = dt.datetime.fromisoformat(again["incident_data"]["detected_at"])
    assert before - dt.timedelta(seconds=1) <= called <= since <= dt.datetime.now(dt.UTC)
    assert {key: again[key] for key in first} == first


def test_a_stream_position_is_no_time_of_day(vigint: FakeVigint, send: Send, png: bytes) -> None:
    send(frames=[{"frame_data": png, "timestamp": number * 40} for number in range(3)])
    assert "detected_at" in vigint.posts()[0].json()["incident_data"]
    send(frames=[{"frame_data": png, "timestamp": "2026-11-29T10:00:00"}])
    assert "detected_at" not in vigint.posts()[1].json()["incident_data"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FACTS = st.dictionaries(
    st.sampled_from(["risk_level", "confidence", "frame_count", "detected_at", "site", "x"]),
    VALUES,
)


@given(FACTS)
def test_plain_facts_are_what_earlier_versions_take(data: dict[str, Any]) -> None:
    plain = in_plain_facts({"message": "m", "incident_data": data})["incident_data"]
    risk, confidence = plain.get("risk_level"), plain.get("confidence")
    assert risk in (None, "LOW", "MEDIUM", "HIGH", "CRITICAL")
    assert confidence is None or 0 <= confidence <= 1
    assert plain.get("frame_count") is None or plain["frame_count"] >= 0
    for key, value in data.items():
        assert plain.get(key) is not None or f"{key}{AS_GIVEN}" in plain or value is None, key
    assert in_plain_facts({"message": "m", "incident_data": plain})["incident_data"] == plain


@pytest.mark.parametrize(
    ("named", "left"),
    [
        (["Jean <jean@example.org>", "typo@", "é@example.fr"], ["jean@example.org"]),
        (["typo"], None),
        ([], []),
    ],
)
def test_recipients_that_an_earlier_version_refuses(named: list[str], left: object) -> None:
    plain = in_plain_facts({"message": "m", "incident_data": {}, "recipients": named})
    assert plain.get("recipients") == left
