"""Back up while uploads and incidents arrive; destroy everything; restore; continue."""

import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.functional.installation import Installation, token_of
from tests.functional.processes import wait_until
from tests.functional.web import request
from tests.helpers import Footage

Rows = dict[str, list[tuple[Any, ...]]]


@contextmanager
def _business(vigint: Installation, clip: bytes, document: dict[str, Any]) -> Iterator[list[str]]:
    """Upload sources and post incidents continuously; provide the private links."""
    ended, links, trouble = threading.Event(), list[str](), list[BaseException]()
    browser = vigint.session()

    def work() -> None:
        try:
            for number in range(500):
                if ended.is_set():
                    return
                browser.upload((f"clip {number}.mp4", clip), name=f"clip {number}")
                links.append(vigint.post(document)["private_link"])
                # Without a limit a slow machine has minutes of work left to do at the end.
                wait_until(lambda: len(vigint.sql(_UNFINISHED)) < 4, "room for more business")
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(lambda: len(links) >= 3 or bool(trouble), "some business")
        yield links
        before = len(links)
        wait_until(lambda: len(links) > before or bool(trouble), "business that goes on")
    finally:
        ended.set()
        thread.join(60)
    assert not trouble, trouble


def _read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in found.items() if file is not None}


def _rows(database: Path) -> Rows:
    """Return all rows of a database, except for the changes of a restore: notifications are on
    hold.
    """
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name: _rows_of(connection, name) for (name,) in tables.fetchall()}


def _rows_of(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    changed = _CHANGED if table in {"alerts", "account_mails", "hostings"} else set()
    names = ", ".join(f'"{column[1]}"' for column in columns if column[1] not in changed)
    found = connection.execute(f'SELECT {names} FROM "{table}"').fetchall()  # noqa: S608 - its own names
    return sorted(found, key=repr)


def test_backup_while_it_runs_destroy_restore_and_go_on(
    fresh: Callable[..., Installation],
    footage: Footage,
    document: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    vigint, archive = fresh(), tmp_path / "backup.tar"
    vigint.start()
    vigint.people()
    clip = footage.clip("small.mp4", seconds=1, size="160x120").read_bytes()
    with _business(vigint, clip, document(3)) as links:
        known = list(links)
        output = vigint.command("backup", str(archive))
    assert str(archive) in output
    assert "right" in vigint.command("backup", "--verify", str(archive))
    vigint.stop()
    shutil.rmtree(vigint.data_dir)

    assert "Restored" in vigint.command("restore", str(archive))
    members = _read(archive)
    (tmp_path / "snapshot").write_bytes(members["database.sqlite3"])
    before, after = _rows(tmp_path / "snapshot"), _rows(vigint.data_dir / "vigint.sqlite3")
    events, restored = before.pop("audit_events"), after.pop("audit_events")
    assert after == before
    with closing(sqlite3.connect(tmp_path / "snapshot")) as snapshot:
        pending = snapshot.execute(_PENDING).fetchall()
    assert vigint.sql(f"{_PENDING} AND on_hold") == pending, (
        "pending notifications wait for a decision"
    )
    assert [event for event in events if event not in restored] == []
    media = vigint.data_dir / "media"
    stored = {
        f"media/{path.relative_to(media).as_posix()}": path.read_bytes()
        for path in media.rglob("*")
        if path.is_file()
    }
    assert stored == {name: data for name, data in members.items() if name.startswith("media/")}
    key = (vigint.data_dir / "secret-key").read_bytes()
    assert key == members["secret-key"]

    vigint.start()
    assert "whole" in vigint.command("verify-audit")
    wait_until(lambda: not vigint.sql(_UNFINISHED), "what was unfinished")
    for link in known:
        assert request(link).status == 200, "a private link no longer works"
        played = request(f"{vigint.url}/stream/{token_of(link)}/", Range="bytes=0-")
        assert (played.status, played.headers["Content-Type"]) == (206, "video/mp4")
    kept = vigint.sql("SELECT original_key FROM videos WHERE kind = 'source' AND status = 'ready'")
    assert len(kept) >= 3
    assert {(media / name).read_bytes() for (name,) in kept} == {clip}


_UNFINISHED = """
    SELECT id FROM videos WHERE status IN ('processing', 'uploading')
    UNION SELECT id FROM alerts WHERE state IN ('waiting', 'pending') AND NOT on_hold
"""
_CHANGED = {"on_hold", "held_up", "lease_until", "changed_at"}
_PENDING = "SELECT id FROM alerts WHERE state IN ('waiting', 'pending')"
