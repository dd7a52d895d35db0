"""An installation that is reached through nginx, and what must hold of its logs in the end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.installation import Installation
from tests.functional.nginx import Nginx
from tests.functional.web import request


class Behind(Installation):
    """An installation that is reached through nginx only."""

    nginx: Nginx

    @property
    def url(self) -> str:
        """Return the address under which people reach it."""
        return self.nginx.url


@contextmanager
def behind_nginx(
    folder: Path, certificate: Path, *, accel: bool = False, **settings: str
) -> Iterator[Behind]:
    """Run Vigint behind nginx; in the end no log line of either holds a token or a key.

    Args:
        accel: nginx sends what Vigint hands over to it.
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
    told = nginx.told()
    assert told.count("\n") > 50, "nginx has logged little"
    found = [secret for secret in installation.secrets if secret in told]
    assert not found, f"nginx has logged {len(found)} of {len(installation.secrets)} secrets"
    # Not a piece of one either: the handle of a link is what its row is found by.
    pieces = {
        piece for said in installation.secrets for piece in said.split(".") if len(piece) > 15
    }
    assert not [piece for piece in pieces if piece in told], "nginx has logged pieces of secrets"


def stream_of(behind: Behind, link: str) -> str:
    """Return the address that a link's page plays; it is a secret too."""
    page = request(link)
    assert page.status == 200, page.text
    found = re.search(r'src="(/stream/[^"]+)"', page.text)
    assert found, "the page has a player"
    return behind.url + found.group(1).replace("&amp;", "&")
