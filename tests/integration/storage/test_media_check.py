"""`vigint media check`: rows and stored files, compared in both directions."""

import json

import pytest
from flask import Flask
from sqlalchemy import event

from tests.library import ACTOR, Library
from tests.s3_server import S3Server
from tests.shell import Shell
from vigint_web.extensions import db
from vigint_web.models import AuditEvent
from vigint_web.services.core.runtime import storage
from vigint_web.services.uploads import uploads
from vigint_web.services.videos import storage_check
from vigint_web.services.videos.storage_check import Problem

only_files = pytest.mark.parametrize("settings", ["files"], indirect=True)
AT_ONCE = -5.0  # seconds: younger than any file


@pytest.fixture(params=["files", "s3"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Keep footage in files, then in S3."""
    if request.param == "files":
        return {}
    server: S3Server = request.getfixturevalue("s3")
    return server.settings()


@pytest.fixture
def shell(
    app: Flask,
    database: dict[str, str],
    queue_server: str,
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    """Give a shell on the machine of the application."""
    return Shell(monkeypatch, {**database, **settings, "VIGINT_REDIS_URL": queue_server})


def put(key: str, data: bytes = b"some bytes") -> str:
    draft = storage().new_temp()
    draft.write_bytes(data)
    storage().publish(draft, key)
    return key


def names() -> list[str]:
    return sorted(held.name for held in storage().list_files())


def test_rows_and_storage_that_agree(library: Library, shell: Shell) -> None:
    for _ in range(3):
        library.source()
    library.incident()
    found = storage_check.check(AT_ONCE, hashes=True)
    assert found.is_well, found
    assert found.files == len(names()) == 8
    assert found.size == sum(held.size for held in storage().list_files())
    assert "Rows and storage agree." in shell.does("media", "check", "--hash")


def test_every_kind_of_damage_is_named(library: Library, shell: Shell) -> None:
    whole, missing, short, changed, bare = (library.source(b"0123456789") for _ in range(5))
    keys = [source.video.original_key or "" for source in (missing, short, changed)]
    storage().delete(keys[0])
    put(keys[1], b"012345678")
    put(keys[2], b"012345678X")
    for key in bare.video.stored_keys:
        storage().delete(key)
    found = storage_check.check(AT_ONCE)
    problems = {(damage.named.key, damage.problem, damage.found) for damage in found.damaged}
    gone = {(key, Problem.MISSING, None) for key in (keys[0], *bare.video.stored_keys)}
    assert problems == gone | {(keys[1], Problem.SIZE, 9)}
    found = storage_check.check(AT_ONCE, hashes=True)
    assert {(d.named.key, d.problem) for d in found.damaged if d.problem == Problem.HASH} == {
        (keys[2], Problem.HASH)
    }
    assert found.orphans == []
    result = shell.run("media", "check", "--hash", "--delete")
    assert result.exit_code == 1, "damage is not mended by deleting"
    assert f"{keys[1]}: 9 bytes instead of 10" in result.output
    assert f"missing, though {missing.video.public_id} names it" in result.output
    assert "changed" in result.output
    assert "from a backup" in result.output
    assert whole.video.original_key is not None
    assert whole.video.original_key not in result.output


def test_what_nobody_names_is_shown_first_and_removed_when_asked(
    library: Library, shell: Shell
) -> None:
    source = library.source()
    kept = names()
    orphans = [
        put(f"videos/{source.video.public_id}/a7/rendition.mp4"),
        put("videos/vid_gone/original.mp4"),
        put("elsewhere/file"),
    ]
    storage().staged("up_unknown").append([b"half an upload"])
    begun = uploads.begin(ACTOR, uploads.Announced(filename="under way.mp4", length=1000))
    storage().staged(begun.public_id).append([b"x"])
    working = storage().new_temp(".frames")
    assert shell.does("media", "check"), "all of it may be under way"

    result = shell.run("media", "check", "--older-than", "0")
    assert result.exit_code == 1
    for name in (*orphans, "up_unknown", working.name):
        assert name in result.output
    assert "Would remove 3 files, 1 upload, 1 unfinished piece of work" in result.output
    assert names() == sorted([*kept, *orphans]), "nothing was removed"

    report = json.loads(shell.does("media", "check", "--older-than", "0", "--delete", "--json"))
    assert report["removed"] == {"orphans": 3, "uploads": 1, "unfinished": 1}
    assert report["damaged"] == []
    assert not report["well"], "as it was found"
    assert names() == kept
    assert [held.name for held in storage().list_staged()] == [begun.public_id]
    assert not working.exists()
    report = json.loads(shell.does("media", "check", "--older-than", "0", "--json"))
    assert report["well"]
    db.session.expire_all()
    swept = db.session.query(AuditEvent).filter_by(action="media:swept").one()
    assert swept.detail == {"files": 3, "uploads": 1, "unfinished": 1, "bytes": 44}
    assert swept.actor == "command line"


@only_files
def test_many_files_are_asked_about_together(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches end in the middle of a video, and nothing is counted twice or missed."""
    sources = [library.source(b"0123456789") for _ in range(6)]
    lost = sources[2].video.original_key or ""
    storage().delete(lost)
    put("videos/vid_gone/original.mp4")
    questions: list[str] = []
    engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: questions.append(arguments[2]))
    for size in (1, 2, 3, 5, 100):
        monkeypatch.setattr(storage_check, "_BATCH", size)
        questions.clear()
        found = storage_check.check(AT_ONCE)
        assert found.files == 11
        assert [damage.named.key for damage in found.damaged] == [lost]
        assert [held.name for held in found.orphans] == ["videos/vid_gone/original.mp4"]
        assert [held.name for held in storage_check.find_orphans(AT_ONCE)] == [
            "videos/vid_gone/original.mp4"
        ]
    asked = [question for question in questions if question.startswith("SELECT")]
    # By the check: for all files, for all videos, for their end, for what is missing; by the other.
    # Each but for the end is two: for the columns and for the rows.
    assert len(asked) == 9, asked


@only_files
def test_what_is_published_while_it_looks_is_neither_missing_nor_an_orphan(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.source()
    listed = list(storage().list_files())
    later = library.source()
    monkeypatch.setattr(type(storage()), "list_files", lambda _: iter(listed))
    found = storage_check.check(3600)
    assert found.is_well, found
    assert found.files == 4, "what came later was looked at again"
    assert later.video.original_key


@only_files
def test_an_s3_that_is_away_is_a_sentence(shell: Shell) -> None:
    shell.environ |= {
        "VIGINT_STORAGE_URL": "s3://bucket",
        "VIGINT_S3_ENDPOINT": "http://127.0.0.1:9",
        "VIGINT_S3_ACCESS_KEY": "key",
        "VIGINT_S3_SECRET_KEY": "secret",
    }
    assert "127.0.0.1:9 does not answer" in shell.is_refused("media", "check")
    assert "FAIL  storage" in shell.run("doctor").output
