"""Incidents with arbitrary facts: each is accepted, mailed, shown in both languages, and
complete.
"""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.helpers import Clock, Footage, Person, mails, post_incident, renew, run_jobs
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Incident, RiskLevel, Role
from vigint_web.services.core.odd_values import storable
from vigint_web.services.operations.reconciler import reconcile

pytestmark = pytest.mark.both_databases(
    reason="characters and numbers that a database does not hold"
)

ORDINARY, CAMPAIGN = 60, 2_000
_REFERENCE = re.compile(r"INC-\d{4}-\d{6}")
_LETTERS = st.characters(min_codepoint=0)  # NUL and lone surrogates included
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(_LETTERS, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(_LETTERS, max_size=8), inner)
    ),
    max_leaves=8,
)
TEXTS = st.text(_LETTERS, max_size=60) | st.sampled_from(
    ["", " ", "\x00", "x" * 120_000, "é\n" * 9_000, "</p><script>", "{{ 7 * 7 }}", "\ud800"]
)
TIMES = st.sampled_from(
    [
        "29/11/2026 14:30:00", "2026-11-29T14:30:00Z", "2026-11-29 14h30", "hier", "", 0, -1, 1e300,
        1795959000, 1795959000.25, 1795959000000, 1795959000000000, "1795959000000", float("nan"),
        "Sun, 29 Nov 2026 14:30:00 +0100", "le 29 novembre 2026 à 14h30", "2026-03-29T02:30:00",
        # Received late enough to have been spooled during an outage.
        (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
    ]
)  # fmt: skip
RISKS = st.sampled_from(
    ["HIGH", " élevé ", "CRITIQUE", "moyen", "faible", "très élevé", "severe", "DEMO", 3, "UNKNOWN"]
)
NUMBERS = st.sampled_from(
    [0, 1, 0.92, 92, "92%", "0,92", 1.0000001, -1, 1.0, "150", 24.0, 1.5, 10**400, float("inf")]
)
ADDRESSES = st.sampled_from(
    [
        "a@example.com", "Jean <b@example.com>", " c@example.com ", "d@exämple.fr", "é@exemple.fr",
        "e@example.com; f@example.com", "garde", "g@", "h@example.com\nBcc: i@example.com", 7, None,
        '"Dupont, Jean" <j@example.com>', "k@" + "x" * 300, "\ud800@example.com",
    ]
)  # fmt: skip
BOXES = st.lists(
    st.fixed_dictionaries(
        dict.fromkeys(("frame", "x", "y", "w", "h"), NUMBERS | JSON),
        optional=dict.fromkeys(("label", "score", "track"), NUMBERS | TEXTS | JSON),
    )
    | JSON,
    max_size=4,
)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("incident_type", "analysis", "site", "camera", "model"), TEXTS | JSON),
        "risk_level": RISKS | JSON,
        "confidence": NUMBERS | JSON,
        "frame_count": NUMBERS | JSON,
        "detected_at": TIMES | JSON,
        "boxes": BOXES | JSON,
        "alert_type": TEXTS | JSON,
        "shift": JSON,
    },
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "message": TEXTS | JSON,
        "incident_data": FACTS | FACTS | FACTS | JSON,
        "recipients": st.lists(ADDRESSES, max_size=4) | ADDRESSES | JSON,
        "expiration_hours": NUMBERS | JSON,
        "alert": JSON,
        "risk_level": RISKS,
        "frames": st.lists(
            st.fixed_dictionaries(
                {"frame_data": st.just("JPEG") | JSON},
                optional={"timestamp": TIMES | JSON, "frame_count": NUMBERS | JSON},
            ),
            max_size=3,
        )
        | JSON,
    },
)


@pytest.fixture
def readers(people: Callable[[Role], Person]) -> dict[str, Person]:
    """Provide a user for each language."""
    return {
        "fr": people(Role.ADMIN).speaking("fr"),
        "en": people(Role.OPERATOR).speaking("en"),
    }


def _has_content(body: dict[str, Any]) -> bool:
    def blank(value: Any) -> bool:
        if isinstance(value, str):
            return not storable(value).strip()
        return value is None or value in ([], {})

    data = body.get("incident_data")
    facts = data.values() if isinstance(data, dict) else [data]
    frames = body.get("frames")
    footage = frames if isinstance(frames, str | list | dict) else None
    beside = [*facts, body.get("message"), body.get("risk_level"), footage]
    return any(not blank(value) for value in beside)


def _check_stored(body: dict[str, Any], incident: Incident, warned: set[str]) -> None:
    """Nothing of an incident is lost: each value is used, or listed as received."""
    data = body.get("incident_data")
    if not isinstance(data, dict):
        return
    used = {
        "confidence": incident.confidence is not None,
        "frame_count": incident.frame_count is not None,
        "camera": incident.camera is not None,
        "model": incident.model is not None,
        "site": incident.site_name is not None,
    }
    for name, is_used in used.items():
        value = data.get(name)
        is_given = value is not None and (not isinstance(value, str) or storable(value).strip())
        assert is_used or not is_given or name in warned, f"{name} is lost: {value!r}"
    for name in ("shift", "alert_type"):
        if name in data:
            assert name in incident.extra, f"{name} is lost"


def _check_shown(incident: Incident, client: FlaskClient, key: str, readers: Any) -> None:
    path = f"/api/v1/incidents/{incident.reference}"
    answer = client.get(path, headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    json.dumps(answer.get_json(), allow_nan=False)
    for locale, reader in readers.items():
        page = reader.browser.get(f"/incidents/{incident.reference}/")
        assert page.status_code == 200, (locale, page.text[-500:])


def _examine(
    count: int,
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    readers: dict[str, Person],
    config: Config,
    clock: Clock,
) -> None:
    picture = base64.b64encode(footage.frames(1, "64x64")[0]).decode()
    expected: dict[str, set[str]] = {}

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(body=BODIES)
    def post(body: dict[str, Any]) -> None:
        text = json.dumps(body).replace('"JPEG"', json.dumps(picture))
        answer = client.post(
            "/api/v1/incidents",
            data=text,
            content_type="application/json",
            headers={"X-API-Key": api_key, "Idempotency-Key": f"k{hash(text)}"},
        )
        if not _has_content(body):
            assert answer.get_json()["code"] == "empty_incident", answer.text
            return
        assert answer.status_code == 202, answer.text
        accepted = answer.get_json()
        json.dumps(accepted, allow_nan=False)
        renew()
        [incident] = db.session.query(Incident).filter_by(reference=accepted["reference"])
        assert isinstance(RiskLevel(incident.risk_level), RiskLevel)
        _check_stored(body, incident, {one["field"] for one in accepted["warnings"]})
        _check_shown(incident, client, api_key, readers)
        status = client.get(accepted["status_url"][18:], headers={"X-API-Key": api_key})
        deliveries = [one for one in status.get_json()["deliveries"] if one["state"] != "failed"]
        expected[accepted["reference"]] = {one["recipient"] for one in deliveries}

    post()
    run_jobs()
    # Alerts that seem to have been spooled are mailed together, when no more arrive.
    clock.forward(minutes=11)
    reconcile()
    run_jobs()
    _check_mailed(expected, config)
    for reference in expected:
        answer = client.get(f"/api/v1/incidents/{reference}", headers={"X-API-Key": api_key})
        assert answer.get_json()["done"], answer.text


def _check_mailed(expected: dict[str, set[str]], config: Config) -> None:
    mailed: dict[str, set[str]] = {}
    for mail in mails(config):
        named = set(_REFERENCE.findall(_text(mail)))
        assert mail["X-Vigint-Incident"] in named
        for reference in named:
            mailed.setdefault(reference, set()).add(mail["To"])
    wanted = {reference: who for reference, who in expected.items() if who}
    assert mailed == wanted, "the mailed recipients are not the expected ones"


def _text(mail: EmailMessage) -> str:
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    assert all(parts)
    return "".join(part.get_content() for part in parts if part is not None)


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one key post as often as these tests do."""
    for name in ("POSTS", "READS"):
        monkeypatch.setattr(f"vigint_web.http.security.throttling.{name}", "1000000/minute")
    monkeypatch.setattr("vigint_web.extensions.limiter.enabled", False)


def test_odd_incidents(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    readers: dict[str, Person],
    config: Config,
    clock: Clock,
) -> None:
    _examine(ORDINARY, client, api_key, footage, readers, config, clock)


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_very_many_odd_incidents(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    readers: dict[str, Person],
    config: Config,
    clock: Clock,
) -> None:
    _examine(CAMPAIGN, client, api_key, footage, readers, config, clock)


def test_the_page_says_that_the_configured_recipients_were_alerted(
    client: FlaskClient, api_key: str, people: Callable[[Role], Person]
) -> None:
    document = {"message": "m", "incident_data": {"confidence": "sûr"}, "recipients": ["garde"]}
    accepted = post_incident(client, api_key, document)
    page = people(Role.ADMIN).browser.get(f"/incidents/{accepted['reference']}/").text
    assert "les destinataires configurés ont été alertés" in page
    assert "Ce n’est pas une adresse e-mail." in page
    assert ">sûr</q>" in page
    assert "retry-alert-" not in page, "there is nothing to be sent again"
