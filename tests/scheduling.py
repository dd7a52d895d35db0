"""Keep tests that share something costly in one test process.

The mark `xdist_group` is for that, but pytest-xdist 3.8 writes it where pytest 9.1 and newer no
longer read it, so that it has no effect. Here the file's path decides.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# The first match counts. They share: a browser, installations, a checker's cache, an S3.
_TOGETHER = (
    "tests/browser/test_pages.py",
    "tests/browser/",
    "tests/functional/test_start.py",
    "tests/functional/",
    "tests/architecture/test_code.py",
    "tests/integration/storage/",
)


_SCREENSHOTS = "tests/browser/test_screenshots.py"


class _Groups(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(_SCREENSHOTS):
            return nodeid.partition("-")[0]  # tests of one state share an installation
        return next((start for start in _TOGETHER if nodeid.startswith(start)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Replace the scheduler of `--dist loadgroup`; all other tests run in any process."""
    return _Groups(config, log) if config.getoption("dist") == "loadgroup" else None
