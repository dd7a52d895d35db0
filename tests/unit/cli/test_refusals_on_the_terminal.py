"""A refused command ends with a sentence on the terminal, never with a stack trace."""

import sys

import click
import pytest
from sqlalchemy.exc import OperationalError

from vigint_web import cli
from vigint_web.cli.preflight import StartError
from vigint_web.config.config import ConfigError
from vigint_web.errors import CommandRefused, NotFound
from vigint_web.storage import NoRoom, StorageError


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (ConfigError(["VIGINT_PORT is not a port."]), 2, "VIGINT_PORT is not a port."),
        (StartError("The port is taken."), 1, "The port is taken."),
        (CommandRefused("The backup is damaged."), 1, "The backup is damaged."),
        (NotFound(), 1, "."),
        (StorageError("the S3 server s3:9 does not answer"), 1, "s3:9 does not answer. Ask"),
        (NoRoom("no room left in the storage"), 1, "no room left in the storage. Ask"),
        (OperationalError("SELECT 1", {}, OSError("password")), 1, "check VIGINT_DATABASE_URL"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_refusal_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    sentence: str,
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr("vigint_web.cli.doctor.COMMANDS", {"doctor": click.command(refuse)})
    monkeypatch.setattr(sys, "argv", ["vigint", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == status
    assert sentence in printed.err
    assert "password" not in printed.err
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
