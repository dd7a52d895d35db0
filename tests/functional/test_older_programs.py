"""A program written for the earlier library runs unchanged against a running installation."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.functional.installation import (
    ROOT,
    Installation,
    clean_environment,
    read_mails,
    text_of,
)
from tests.functional.processes import wait_until
from tests.functional.web import request

PROGRAM = Path(__file__).with_name("older_program.py")


def test_an_older_program_runs_unchanged(vigint: Installation, tmp_path: Path) -> None:
    environment = clean_environment(
        tmp_path,
        SPARSE_AI_BASE_URL=vigint.url,
        SPARSE_AI_API_KEY=vigint.api_key,
        VIGINT_SPOOL_DIR=str(tmp_path / "spool"),
        PYTHONDONTWRITEBYTECODE="1",
    )
    done = subprocess.run(
        [sys.executable, PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["settings"] == [vigint.url, True, 48]
    assert seen["alert"][0] is True
    assert "@" in seen["alert"][1]
    assert len(seen["alert"][2]) == 16
    assert seen["hosted"] == [True, True, None]
    assert seen["made"] == [True, True, 64]
    assert (seen["extended"], seen["local"], seen["info"], seen["missing"]) == (
        True, True, True, False,
    )  # fmt: skip
    token = parse_qs(urlsplit(seen["private_link"]).query)["token"][0]
    # A file written by the library is converted for browsers.
    wait_until(
        lambda: request(f"{vigint.url}/stream/{token}/").status == 200,
        "the hosted video plays",
    )
    sent = [text_of(mail) for mail in read_mails(vigint.data_dir / "outbox")]
    assert any("Type d'alerte: INFO" in text for text in sent)
