"""Storages of both kinds, whose tests need neither application nor database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vigint_web.config.config import load_config
from vigint_web.storage import Storage, open_storage


@pytest.fixture(params=["files", "s3"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Storage]:
    """Provide a function that opens one storage like another process."""
    settings = {"VIGINT_DATA_DIR": str(tmp_path / "data")}
    if request.param == "s3":
        settings |= request.getfixturevalue("s3").settings("some/prefix")
    return lambda: open_storage(load_config(settings))


@pytest.fixture
def storage(open_again: Callable[[], Storage]) -> Storage:
    """Give an empty storage."""
    return open_again()
