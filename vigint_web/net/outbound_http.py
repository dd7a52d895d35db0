"""Call configured addresses only: checked, pinned to one address, bounded in time."""

import contextlib
import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from vigint_client.special_addresses import is_public

_DNS_SECONDS = 5.0
_STEP_SECONDS = 10.0  # for connecting, and for each part of the answer
_TOTAL_SECONDS = 30.0  # for everything after connecting
_MOST_ADDRESSES = 4
LONGEST_PAUSE = 3600
# Temporary conditions: the same call may succeed later.
_LATER = {408, 425, 429}


class CallFailed(Exception):
    """A call was not accepted; retrying may help.

    As a code of `i18n.deliveries`, or in the words of whatever failed.
    """

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        # The pause in seconds that the other side requested.
        self.retry_after = retry_after


class CallRefused(Exception):
    """A call was refused permanently; carries a code of `i18n.deliveries`."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> None:
    """Send a body; return when it was accepted (2xx). Redirects are not followed.

    Args:
        allow_private: whether it may be an address of this machine or of a private network.

    Raises:
        CallFailed: not accepted; may succeed later.
        CallRefused: refused permanently.
    """
    parts = urlsplit(url)
    connection = _Pinned(parts.hostname or "", parts.port, parts.scheme == "https", allow_private)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, {**headers, "Connection": "close"})
        answer = connection.getresponse()
        status, pause = answer.status, answer.getheader("Retry-After")
        if connection.overdue.is_set():  # closed by the timeout, which looks like the end
            raise TimeoutError
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        if connection.overdue.is_set():
            raise CallFailed("too_slow") from None
        raise CallFailed(f"{type(error).__name__}: {error}"[:300]) from None
    finally:
        connection.close()
    _judge(status, pause)


def _judge(status: int, pause: str | None) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise CallRefused(f"redirected:{status}")
    if 400 <= status < 500 and status not in _LATER:
        raise CallRefused(f"answered:{status}")
    asked = int(pause) if pause is not None and pause.isascii() and pause.isdigit() else None
    raise CallFailed(f"answered:{status}", None if asked is None else min(asked, LONGEST_PAUSE))


class _Pinned(http.client.HTTPConnection):
    """Connect to an address that was resolved and checked once; TLS verifies the name."""

    def __init__(self, host: str, port: int | None, tls: bool, allow_private: bool) -> None:
        super().__init__(host, port or (443 if tls else 80), timeout=_STEP_SECONDS)
        self.default_port = 443 if tls else 80  # otherwise it is added to the Host header
        self.overdue = threading.Event()
        self._tls, self._allow_private = tls, allow_private
        self._watch: threading.Timer | None = None

    def connect(self) -> None:
        """Open the connection, and start the timeout for everything after it."""
        addresses = checked_addresses(self.host, self.port, self._allow_private)
        plain = _connected(addresses[:_MOST_ADDRESSES])
        self.sock = plain
        self._watch = threading.Timer(_TOTAL_SECONDS, self._give_up)
        self._watch.daemon = True
        self._watch.start()
        if self._tls:
            context = ssl.create_default_context()
            context.set_alpn_protocols(["http/1.1"])
            self.sock = context.wrap_socket(plain, server_hostname=self.host)

    def _give_up(self) -> None:
        self.overdue.set()
        # Shut down the plain socket, which wakes a reader in the other thread with or without TLS.
        # It may be closed.
        with contextlib.suppress(OSError, AttributeError, TypeError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close in any state."""
        if self._watch is not None:
            self._watch.cancel()
        super().close()


def _connected(addresses: list[tuple[Any, ...]]) -> socket.socket:
    failure: OSError = OSError("no address")
    for family, kind, protocol, _name, address in addresses:
        found = socket.socket(family, kind, protocol)
        found.settimeout(_STEP_SECONDS)
        try:
            found.connect(address)
        except OSError as error:
            found.close()
            failure = error
        else:
            return found
    raise failure


def checked_addresses(host: str, port: int, allow_private: bool) -> list[tuple[Any, ...]]:
    """Resolve a name once; return the addresses that may be used, as getaddrinfo formats them.

    Raises:
        CallFailed: it has no address, or none that is allowed.
    """
    found = _looked_up(host, port)
    allowed = [entry for entry in found if allow_private or is_public(str(entry[4][0]))]
    if not allowed:
        raise CallFailed(f"private_address:{host}")
    return allowed


def _looked_up(host: str, port: int) -> list[tuple[Any, ...]]:
    answers: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:
            answers.put(error)

    # The resolver's own timeout is longer than ours, and it cannot be interrupted.
    threading.Thread(target=ask, name="lookup", daemon=True).start()
    try:
        found = answers.get(timeout=_DNS_SECONDS)
    except queue.Empty:
        raise CallFailed(f"name_unanswered:{host}") from None
    if isinstance(found, Exception) or not found:
        raise CallFailed(f"name_unknown:{host}")
    return found
