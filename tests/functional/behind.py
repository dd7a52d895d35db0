"""An installation behind nginx, and the checks of its logs at the end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.installation import Installation
from tests.functional.nginx import Nginx
from tests.functional.web import request


class Behind(Installation):
    """An installation that is reachable through nginx only."""

    nginx: Nginx

    @property
    def url(self) -> str:
        """Return the public address."""
        return self.nginx.url


@contextmanager
def behind_nginx(
    folder: Path, certificate: Path, *, accel: bool = False, **settings: str
) -> Iterator[Behind]:
    """Run Vigint behind nginx; at the end no log line of either contains a token or a key.

    Args:
        accel: nginx sends the answers that Vigint hands over.
    """
    installation = Behind(folder, VIGINT_TRUSTED_PROXIES="127.0.0.1", **settings)
    nginx = installation.nginx = Nginx(
        folder / "nginx",
        certificate,
        installation.port,
        media=installation.data_dir / "media" if accel else None,
    )
    installation.environment["VIGINT_BASE_URL"] = nginx.url
    nginx.start()
    try:
        with installation.lived_in() as running:
            assert isinstance(running, Behind)
            yield running
    finally:
        nginx.stop()
    assert len(installation.secrets) > 5, "too few secrets were seen to tell"
    logged = nginx.read_logs()
    assert logged.count("\n") > 50, "nginx has logged little"
    found = [secret for secret in installation.secrets if secret in logged]
    assert not found, f"nginx has logged {len(found)} of {len(installation.secrets)} secrets"
    # Not a part of one either: the handle of a link identifies its row.
    pieces = {
        piece for secret in installation.secrets for piece in secret.split(".") if len(piece) > 15
    }
    assert not [piece for piece in pieces if piece in logged], "nginx has logged pieces of secrets"


def stream_of(behind: Behind, link: str) -> str:
    """Return the address played by a link's page; it is a secret too."""
    page = request(link)
    assert page.status == 200, page.text
    found = re.search(r'src="(/stream/[^"]+)"', page.text)
    assert found, "the page has a player"
    return behind.url + found.group(1).replace("&amp;", "&")
