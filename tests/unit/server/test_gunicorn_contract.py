"""The methods of gunicorn that the web server's worker overrides and uses are unchanged."""

import inspect
from pathlib import Path

import pytest
from gunicorn.workers.base import Worker  # type: ignore[import-untyped] # it ships no types
from gunicorn.workers.gthread import (  # type: ignore[import-untyped] # it ships no types
    PollableMethodQueue,
    TConn,
    ThreadWorker,
)

from vigint_web.server.connection import Connection
from vigint_web.server.gunicorn_worker import PatientWorker

# Overridden or used methods, with the signatures of gunicorn 27.
_SIGNATURES = {
    (Worker, "load_wsgi"): "(self)",
    (ThreadWorker, "__init__"): "(self, *args, **kwargs)",
    (ThreadWorker, "init_process"): "(self)",
    (ThreadWorker, "set_accept_enabled"): "(self, enabled)",
    (ThreadWorker, "accept"): "(self, listener)",
    (ThreadWorker, "on_client_socket_readable"): "(self, conn, client)",
    (ThreadWorker, "enqueue_req"): "(self, conn)",
    (ThreadWorker, "handle"): "(self, conn)",
    (ThreadWorker, "handle_request"): "(self, req, conn)",
    (ThreadWorker, "_keepalive_after"): "(self, conn, keepalive)",
    (ThreadWorker, "finish_request"): "(self, conn, fs)",
    (ThreadWorker, "handle_quit"): "(self, sig, frame)",
    (ThreadWorker, "_cap_keepalive"): "(self, deadline)",
    (ThreadWorker, "wait_for_and_dispatch_events"): "(self, timeout)",
    (ThreadWorker, "murder_pending"): "(self)",
    (TConn, "__init__"): "(self, cfg, sock, client, server)",
    (TConn, "init"): "(self)",
    (TConn, "close"): "(self, graceful=False)",
    (PollableMethodQueue, "defer"): "(self, callback, *args)",
}


@pytest.mark.parametrize(
    ("owner", "method"), _SIGNATURES, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_method_is_called_as_before(owner: type, method: str) -> None:
    found = vars(owner).get(method)
    assert found is not None, f"gunicorn's {owner.__name__}.{method} has gone"
    assert str(inspect.signature(found)) == _SIGNATURES[owner, method]


@pytest.mark.parametrize("ours", [PatientWorker, Connection])
def test_every_override_is_listed(ours: type) -> None:
    listed = {method for _, method in _SIGNATURES}
    overridden = {
        name for name in vars(ours) for base in ours.__mro__[1:-1] if callable(vars(base).get(name))
    }
    assert overridden <= listed


def test_a_newer_major_version_is_not_installed_unseen() -> None:
    wanted = (Path(__file__).parents[3] / "requirements" / "base.in").read_text()
    assert "gunicorn<28\n" in wanted
