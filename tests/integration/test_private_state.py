"""State is readable by its owner only, regardless of the umask and of existing folders."""

import os
import stat
from collections.abc import Iterator
from email.utils import make_msgid
from pathlib import Path

import pytest

from tests.helpers import close_pool
from vigint_web import create_app
from vigint_web.cli.preflight import DataDirLock, check_data_dir
from vigint_web.cli.up import migrate_database
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.mail.messages import OutgoingMail, send
from vigint_web.services.accounts.sites import default_site
from vigint_web.services.core.runtime import config, storage
from vigint_web.system.queue_socket import prepare_queue_socket


@pytest.fixture
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _live(data_dir: Path) -> None:
    """Let an installation write some of all its state."""
    check_data_dir(data_dir)
    with DataDirLock(data_dir):
        prepare_queue_socket(data_dir)
        app = create_app(load_config({"VIGINT_DATA_DIR": str(data_dir)}))
        with app.app_context():
            migrate_database(app)
            default_site()
            draft = storage().new_temp()
            draft.write_bytes(b"film")
            storage().publish(draft, "videos/a/b.mp4")
            storage().staged("upload").append([b"half"])
            message = OutgoingMail(
                "s", recipients=["a@example.com"], sender="v@example.com", body="b"
            )
            message.msgId = make_msgid()
            send(message, config())
            # While it is in use: its journal and index exist.
            _assert_private(data_dir)
            db.session.remove()
            close_pool(db.engine)
    _assert_private(data_dir)


def _assert_private(data_dir: Path) -> None:
    modes = {
        path.relative_to(data_dir).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in data_dir.rglob("*")
    }
    assert {"vigint.sqlite3", "media", "media/.incoming", "outbox", "queue"} <= modes.keys()
    wide = {name: oct(mode) for name, mode in modes.items() if mode & 0o077}
    assert not wide, wide


def test_in_a_folder_that_everybody_may_read(tmp_path: Path, careless: None) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    _live(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o755, "the administrator's to say"


def test_in_a_folder_that_is_made(tmp_path: Path, careless: None) -> None:
    _live(tmp_path / "new" / "data")
    for folder in ("new", "new/data"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path, careless: None) -> None:
    data_dir = tmp_path / "data"
    _live(data_dir)
    for path in data_dir.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (data_dir / "vigint.sqlite3-wal").write_bytes(b"")
    (data_dir / "vigint.sqlite3-wal").chmod(0o644)
    app = create_app(load_config({"VIGINT_DATA_DIR": str(data_dir)}))
    prepare_queue_socket(data_dir)
    with app.app_context():
        default_site()
        db.session.remove()
        close_pool(db.engine)
    for name in ("vigint.sqlite3", "media", "media/.incoming", "queue", "secret-key"):
        assert not stat.S_IMODE((data_dir / name).stat().st_mode) & 0o077, name
