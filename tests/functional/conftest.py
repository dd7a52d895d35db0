"""One installation for all functional tests of a test process, and its checks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.behind import Behind, behind_nginx
from tests.functional.installation import Installation
from tests.functional.nginx import make_certificate
from tests.functional.processes import wait_until
from tests.helpers import Footage, incident_document


@pytest.fixture(scope="session")
def vigint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Provide a running installation with an administrator and an API key.

    At the end it must stop without a trace, its log must contain no secret, and its storage no
    unreferenced file.
    """
    with Installation(tmp_path_factory.mktemp("vigint")).lived_in() as running:
        yield running
        wait_until(running.is_tidy, "no temporary file and no orphan is left")
    assert "unexpected error" not in running.log, running.log.partition("unexpected error")[2]


@pytest.fixture(scope="session")
def made_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a certificate."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def certificate(made_certificate: Path) -> Iterator[Path]:
    """Provide the certificate, and make this process trust it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(made_certificate))
        yield made_certificate


@pytest.fixture(scope="session")
def running_behind(
    tmp_path_factory: pytest.TempPathFactory, made_certificate: Path
) -> Iterator[Behind]:
    """Run Vigint behind the shipped nginx site."""
    with behind_nginx(tmp_path_factory.mktemp("behind"), made_certificate) as running:
        yield running


@pytest.fixture(scope="module")
def behind(running_behind: Behind, certificate: Path) -> Behind:
    """Provide the installation behind nginx, which this process trusts."""
    return running_behind


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Provide a function that creates installations for this test, not started yet."""
    made: list[Installation] = []

    def make(name: str = "vigint", **settings: str) -> Installation:
        folder = tmp_path / name
        folder.mkdir()
        made.append(Installation(folder, **settings))
        return made[-1]

    yield make
    for installation in made:
        installation.end()


@pytest.fixture
def document(footage: Footage) -> Callable[..., dict[str, Any]]:
    """Provide a function that creates a detector's JSON."""

    def make(count: int = 8, size: str = "320x240", **more: Any) -> dict[str, Any]:
        values = {"recipients": ["garde@example.com"], **more}
        return incident_document(footage.frames(count, size), **values)

    return make
