"""Footage in S3 goes into a backup and comes back from it, into S3 or onto a disk."""

from pathlib import Path

import pytest

from tests.helpers import close_pool
from tests.library import STREAMED
from tests.s3_server import S3Server
from tests.shell import Shell
from vigint_web import create_app
from vigint_web.config.config import Config, load_config
from vigint_web.extensions import db
from vigint_web.models import Source
from vigint_web.services.core.runtime import storage
from vigint_web.services.links import links


@pytest.fixture
def settings(s3: S3Server) -> dict[str, str]:
    """Keep footage in S3."""
    return s3.settings("here")


@pytest.fixture
def shell(shell: Shell, settings: dict[str, str]) -> Shell:
    """Give the shell of a machine that keeps footage in S3."""
    shell.environ |= settings
    return shell


@pytest.mark.parametrize("kind", ["s3", "files"])
def test_what_was_in_s3_is_there_again(
    shell: Shell, elsewhere: Shell, lived: Source, made: Path, s3: S3Server, kind: str
) -> None:
    kept = {held.name: held.size for held in storage().list_files()}
    token = links.token_of(links.program_link(lived.video_id) or pytest.fail("no link"))
    assert "right" in shell.does("backup", "--verify", made)
    elsewhere.environ |= s3.settings("there") if kind == "s3" else {"VIGINT_STORAGE_URL": ""}
    elsewhere.does("restore", made)
    assert "agree" in elsewhere.does("media", "check", "--hash")
    with create_app(load_config(elsewhere.environ)).app_context() as context:
        assert {held.name: held.size for held in storage().list_files()} == kept
        with context.app.test_client().get(f"/stream/{token}/") as answer:
            assert (answer.status_code, answer.data) == (200, STREAMED)
        db.session.remove()
        close_pool(db.engine)


def test_a_prefix_with_files_is_not_restored_into(
    shell: Shell, elsewhere: Shell, made: Path, config: Config
) -> None:
    before = sorted(held.name for held in storage().list_files())
    elsewhere.environ |= {
        name: value for name, value in shell.environ.items() if name.startswith("VIGINT_S")
    }
    refusal = elsewhere.is_refused("restore", made)
    assert "overwrites nothing" in refusal
    assert "s3://BUCKET/restored" in refusal
    assert sorted(held.name for held in storage().list_files()) == before


def test_an_s3_that_is_away_is_said(shell: Shell, lived: Source, tmp_path: Path) -> None:
    shell.environ["VIGINT_S3_ENDPOINT"] = "http://127.0.0.1:9"
    refusal = shell.is_refused("backup", tmp_path / "b.tar")
    assert "127.0.0.1:9 does not answer" in refusal
    assert not (tmp_path / "b.tar").exists()
