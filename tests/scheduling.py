"""Keep tests that share something costly in one test process.

The mark `xdist_group` is for that, but pytest-xdist 3.8 writes it where pytest 9.1 and newer no
longer read it, so that it has no effect. Here the file's path decides.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# The first match counts. They share: a browser, installations, a checker's cache, a web server,
# an S3.
_TOGETHER = {
    # Filled installations, of which that of many incidents is used by all of these.
    "tests/browser/test_first_view.py": "furnished",
    "tests/browser/test_mail_frames.py": "furnished",
    "tests/browser/test_pages.py": "furnished",
    "tests/browser/": "browser",
    "tests/functional/test_start.py": "start",
    "tests/functional/": "functional",
    "tests/architecture/test_code.py": "code",
    "tests/integration/boot/test_waiting.py": "waiting",
    "tests/integration/storage/": "storage",
}


_SCREENSHOTS = "tests/browser/test_screenshots.py"


class _Groups(LoadScopeScheduling):  # type: ignore[misc] # an untyped base
    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(_SCREENSHOTS):
            return nodeid.partition("-")[0]  # tests of one state share an installation
        groups = (group for start, group in _TOGETHER.items() if nodeid.startswith(start))
        return next(groups, nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Replace the scheduler of `--dist loadgroup`; all other tests run in any process."""
    return _Groups(config, log) if config.getoption("dist") == "loadgroup" else None
