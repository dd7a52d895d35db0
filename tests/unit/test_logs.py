"""Log lines: JSON, one each, and without secrets."""

import hashlib
import json
import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.crypto.tokens import LinkTokens
from vigint_web.logs import JsonFormatter, bound, formatter, redact

KEY = "vgk_" + "A-b_" * 10


@given(st.integers(), st.integers(1_500_000_000, 4_000_000_000))
def test_every_token_is_taken_out_wherever_it_stands(number: int, seconds: int) -> None:
    handle = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    token = LinkTokens("a secret of the tests").mint(handle, datetime.fromtimestamp(seconds, UTC))
    for line in (token, f"GET /stream/{token}/?view=1", f"?token={token}&x", f"'{token}'"):
        assert token not in redact(line)
        assert token.split(".")[2] not in redact(line)


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"key {KEY} refused", KEY),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("postgresql+psycopg://vigint:example-only@db/vigint", "example-only"),
        ("redis://:example-only@queue:6379/0", "example-only"),
    ],
)
def test_keys_and_passwords_are_taken_out(line: str, secret: str) -> None:
    assert secret not in redact(line)


@pytest.mark.parametrize(
    "line", ["video vid_0123456789abcdef ready", "GET /video/<video_id> 200", "1.2.3.4"]
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redact(line) == line


def _format(message: str, **extra: object) -> str:
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, (), None)
    record.__dict__.update(extra)
    return JsonFormatter().format(record)


def test_a_line_is_one_json_object_even_when_its_words_hold_line_ends() -> None:
    with bound(job="process_video-1-0"):
        line = _format('two\nlines "quoted"', fields={"status": 200, "path": KEY})
    assert "\n" not in line
    document = json.loads(line)
    assert document["message"] == 'two\nlines "quoted"'
    assert document["job"] == "process_video-1-0"
    assert document["status"] == 200
    assert KEY not in line
    assert "job" not in json.loads(_format("after"))


def test_a_stack_trace_is_redacted() -> None:
    try:
        raise ValueError(f"bad key {KEY}")
    except ValueError as error:
        line = _format("failed", exc_info=(type(error), error, error.__traceback__))
    assert "ValueError" in line
    assert KEY not in line


def line_of(formatter: logging.Formatter, message: str, **fields: object) -> str:
    """Return how a formatter writes a message with fields."""
    record = logging.LogRecord("vigint.test", logging.INFO, __file__, 1, message, (), None)
    record.fields = fields
    with bound(request="0123456789abcdef"):
        return formatter.format(record)


def test_lines_for_eyes_say_each_thing_once() -> None:
    fields = {"method": "GET", "route": "/login", "status": 200, "milliseconds": 3.5}
    line = line_of(formatter("text"), "GET /login 200", **fields, words="two words")
    time, _, rest = line.partition(" ")
    assert datetime.fromisoformat(time).tzinfo is not None
    assert rest == (
        "info vigint.test: GET /login 200 request=0123456789abcdef milliseconds=3.5"
        ' words="two words"'
    )


@pytest.mark.parametrize("name", ["json", "text"])
def test_no_format_lets_a_token_through(name: str) -> None:
    token = LinkTokens("a secret of the tests").mint(
        hashlib.sha256(b"x").hexdigest()[:32], datetime.now(UTC)
    )
    line = line_of(formatter(name), f"GET /stream/{token}/", address=f"/stream/{token}/")
    assert token not in line
    assert "[redacted]" in line


def test_a_line_for_machines_is_one_line() -> None:
    line = line_of(formatter("json"), "two\nlines", more="of\nthem")
    assert "\n" not in line
    assert json.loads(line)["message"] == "two\nlines"


def test_a_message_with_line_breaks_stays_one_entry_for_eyes_too() -> None:
    assert "\n" not in line_of(formatter("text"), "two\nlines", more="of\nthem")
