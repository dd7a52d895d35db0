"""Forwarded addresses are trusted from the configured proxies only."""

from ipaddress import ip_network
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from vigint_web.http.security.proxies import TrustedProxies

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))
FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "vigint.example",
}


def _seen(peer: str) -> tuple[str, str, str]:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return []

    builder = EnvironBuilder(headers=Headers(FORWARDED), environ_base={"REMOTE_ADDR": peer})
    run_wsgi_app(TrustedProxies(application, TRUSTED), builder.get_environ())
    builder.close()
    return seen["REMOTE_ADDR"], seen["wsgi.url_scheme"], seen["HTTP_HOST"]


@pytest.mark.parametrize("peer", ["10.1.2.3", "::1"])
def test_a_named_proxy_is_believed_about_the_last_hop(peer: str) -> None:
    assert _seen(peer) == ("203.0.113.7", "https", "vigint.example")


@pytest.mark.parametrize("peer", ["11.0.0.1", "203.0.113.9", "::2", "", "nonsense"])
def test_nobody_else_is(peer: str) -> None:
    assert _seen(peer) == (peer, "http", "localhost")
