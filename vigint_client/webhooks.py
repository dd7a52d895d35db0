"""Post alerts as signed JSON to configured addresses."""

import hashlib
import hmac
import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vigint_client.addresses import PrivateAddress, resolve
from vigint_client.config import Values, read_yes
from vigint_client.errors import NOT_CONFIGURED, ConfigError, RequestError
from vigint_client.plain import to_json
from vigint_client.retries import (
    STANDARD,
    PassingTrouble,
    Persistence,
    RetryPolicy,
    retry_after_seconds,
)

SIGNATURE = "Vigint-Signature"
TIMEOUT = 15.0
# The tolerated difference of the receiver's and the sender's clocks, in seconds.
TOLERANCE = 300
_MARK = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


@dataclass(frozen=True)
class WebhookSettings:
    """The addresses, and the secret for signing."""

    urls: tuple[str, ...] = field(repr=False)
    secret: str = field(repr=False)
    allow_private: bool = False


def load_webhook_settings(
    environ: Mapping[str, str] | None = None, folders: Sequence[Path] | None = None
) -> WebhookSettings:
    """Read the settings that the server has under the same names; raises ConfigError.

    VIGINT_WEBHOOK_URL has one address or several, VIGINT_WEBHOOK_SECRET the secret for signing.
    """
    values = Values(environ, folders)
    urls = (values.find("VIGINT_WEBHOOK_URL", "Webhook", "url") or "").replace(",", " ").split()
    secret = values.find_secret("VIGINT_WEBHOOK_SECRET", "Webhook", "secret")
    if not urls or secret is None:
        raise ConfigError(
            "No webhook is configured: set VIGINT_WEBHOOK_URL to the address to post to and "
            "VIGINT_WEBHOOK_SECRET to a secret that the receiver knows too.",
            code=NOT_CONFIGURED if not urls and secret is None else None,
        )
    allowed = values.find("VIGINT_WEBHOOK_ALLOW_PRIVATE", "Webhook", "allow_private")
    try:
        allow_private = read_yes(allowed or "no")
    except ValueError:
        raise ConfigError("Set VIGINT_WEBHOOK_ALLOW_PRIVATE to yes or no.") from None
    if not all(map(_is_address, urls)):
        raise ConfigError(
            "VIGINT_WEBHOOK_URL is not an address: it must look like "
            "https://receiver.example.org/vigint, without a user name or a password; several are "
            "separated by commas."
        )
    return WebhookSettings(tuple(urls), secret, allow_private)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    plain = all("!" <= character <= "~" for character in url)
    return bool(host) and plain and "@" not in parts.netloc and parts.scheme in ("http", "https")


def sign(secret: str, body: bytes, moment: int) -> str:
    """Return the value of the Vigint-Signature header: `t=<unix time>,v1=<hex>`.

    HMAC-SHA256 over the time as decimal digits, a full stop, and the body's bytes.
    """
    text = f"{moment}.".encode() + body
    return f"t={moment},v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


def verify(secret: str, header: str, body: bytes, now: float | None = None) -> bool:
    """Return whether a body was signed with the secret within the last five minutes."""
    found = _MARK.fullmatch(header)
    if found is None:
        return False
    moment = int(found.group(1))
    fresh = abs((time.time() if now is None else now) - moment) <= TOLERANCE
    return hmac.compare_digest(sign(secret, body, moment), header) and fresh


def post_webhooks(
    settings: WebhookSettings,
    document: Mapping[str, Any],
    policy: RetryPolicy = STANDARD,
    **options: Any,
) -> None:
    """Post a document to every address; raises RequestError when one did not accept it."""
    failures = []
    for url in settings.urls:
        try:
            post_webhook(url, settings, document, policy, **options)
        except RequestError as why:
            failures.append(why)
    if failures:
        raise failures[0]


def post_webhook(
    url: str,
    settings: WebhookSettings,
    document: Mapping[str, Any],
    policy: RetryPolicy = STANDARD,
    *,
    persistence: Persistence | None = None,
    make_context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    now: Callable[[], float] = time.time,
) -> int:
    """Post a document, signed for every attempt; return the status, which is 2xx.

    Connection errors, 429 and 5xx are retried. Redirects are not followed, and private addresses
    refused unless allowed. Raises RequestError.
    """
    body = to_json(document).encode()
    context = make_context() if url.startswith("https:") else None

    def once() -> int:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "vigint-client",
            "Vigint-Event": str(document.get("event", "alert")),
            "Vigint-Delivery": str(document.get("id", "")),
            SIGNATURE: sign(settings.secret, body, int(now())),
        }
        try:
            status, retry_after = _post(url, body, headers, context, settings.allow_private)
        except PrivateAddress:
            raise RequestError(
                "The webhook's name leads to a private address, which is refused: correct "
                "VIGINT_WEBHOOK_URL, or set VIGINT_WEBHOOK_ALLOW_PRIVATE=yes where that is meant."
            ) from None
        except ssl.SSLCertVerificationError as why:
            raise RequestError(
                f"The certificate of the webhook's host is not trusted ({why.verify_message}): "
                "let it present a valid one, or name the file of your own authority in "
                "SSL_CERT_FILE."
            ) from None
        except (OSError, http.client.HTTPException) as why:
            raise PassingTrouble(
                RequestError(
                    f"The webhook could not be reached ({type(why).__name__}): check that its "
                    "host runs, and that VIGINT_WEBHOOK_URL is right."
                )
            ) from None
        if 200 <= status < 300:
            return status
        failure = _refusal(status)
        if status != 429 and status < 500:
            raise failure
        raise PassingTrouble(failure, retry_after)

    return (persistence or Persistence()).run(once, policy)


def _refusal(status: int) -> RequestError:
    if 300 <= status < 400:
        sentence = (
            f"The webhook redirects ({status}), which is not followed: set VIGINT_WEBHOOK_URL to "
            "the address that answers itself."
        )
    else:
        sentence = f"The webhook answered {status}: look into the receiver's log."
    return RequestError(sentence, status_code=status)


def _post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
    allow_private: bool,
) -> tuple[int, float | None]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if context is not None else 80)
    addresses = resolve(host, port, allow_private=allow_private)
    connection = _Connection(host, port, addresses, context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers=dict(headers))
        response = connection.getresponse()
        return response.status, retry_after_seconds(response.getheader("Retry-After"))
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection to one of the checked addresses, for the host name they were resolved from."""

    def __init__(
        self, host: str, port: int, addresses: Sequence[str], context: ssl.SSLContext | None
    ) -> None:
        # Otherwise the Host header would have the port of https, which some receivers do not
        # expect.
        self.default_port = 443 if context is not None else 80
        super().__init__(host, port, timeout=TIMEOUT)
        self._addresses = addresses
        self._context = context

    def connect(self) -> None:
        sock = self._connected()
        if self._context is not None:
            try:
                sock = self._context.wrap_socket(sock, server_hostname=self.host)
            except BaseException:
                sock.close()
                raise
        self.sock = sock

    def _connected(self) -> socket.socket:
        failure: OSError = OSError("no address")
        for address in self._addresses:
            try:
                return socket.create_connection((address, self.port), timeout=TIMEOUT)
            except OSError as why:
                failure = why
        raise failure
