"""Describe failures of a request in sentences that say what to do next."""

import http.client
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from vigint_client.config import ServerSettings
from vigint_client.errors import RequestError

NOT_VIGINT = (
    "The address answered, but not as a Vigint server does: check that VIGINT_SERVER_URL names "
    "Vigint itself and not another site."
)
# The only failure of a request that concerns neither the network nor the server.
FILE_CHANGED = "file_changed"
_NEW_KEY = "make one with `./vigint create-api-key NAME` on the server and set VIGINT_API_KEY to it"


def unreachable(url: str, why: Exception) -> str:
    """Explain why there was no answer."""
    if isinstance(why, ConnectionRefusedError):
        reason = "the connection was refused"
    elif isinstance(why, TimeoutError):
        reason = "no answer in time"
    elif isinstance(why, socket.gaierror):
        reason = "its name is not known to the network"
    elif isinstance(why, ssl.SSLError):
        reason = "no encrypted connection could be made"
    elif isinstance(why, (ConnectionError, http.client.HTTPException)):
        reason = "the connection was cut before a whole answer came"
    else:
        reason = getattr(why, "strerror", None) or type(why).__name__
    return (
        f"The Vigint server at {_origin(url)} could not be reached ({reason}): check that it "
        "runs, that this machine can reach it, and that VIGINT_SERVER_URL is right."
    )


def untrusted(url: str, why: ssl.SSLCertVerificationError) -> str:
    """Explain why the server's certificate is not trusted."""
    return (
        f"The certificate of {_origin(url)} is not trusted ({why.verify_message}): let the "
        "server present a valid certificate, or name the file of your own authority in "
        "SSL_CERT_FILE."
    )


def refusal(status: int, document: dict[str, Any], settings: ServerSettings) -> RequestError:
    """Explain a status other than 2xx to the person who runs the detector."""
    said = _said(document, settings.api_key)
    code = document.get("code")
    if 300 <= status < 400:
        sentence = (
            f"The server redirects to {_origin(str(document.get('location', '')))}: set "
            "VIGINT_SERVER_URL to the address that answers itself."
        )
    elif status == 401:
        sentence = f"The server asks for an API key (401): {_NEW_KEY}."
    elif status == 403 and code == "insufficient_scope":
        sentence = f"The API key may not do this (403): {_NEW_KEY}, with the scope it needs."
    elif status == 403:
        sentence = f"The server does not accept the API key (403): {_NEW_KEY}."
    elif status == 404:
        sentence = (
            "The server does not know this (404): check the identifier, and that "
            "VIGINT_SERVER_URL names Vigint itself."
        )
    elif status == 413:
        sentence = (
            "This is too large for the server (413): send fewer or smaller frames, or raise "
            "[Hosting] max_size_mb there."
        )
    elif status == 429:
        sentence = "The server limits the rate of requests (429): try again later."
    elif status >= 500:
        sentence = f"The server failed ({status}): look into its log, then try again."
    else:
        sentence = f"The server refused the request ({status}): correct what it names."
    if said:
        sentence += f" It said: {said}"
    return RequestError(sentence, status_code=status, code=code if isinstance(code, str) else None)


def _said(document: dict[str, Any], api_key: str) -> str:
    text = document.get("error")
    if not isinstance(text, str):
        return ""
    # A careless proxy may echo the request's headers.
    return " ".join(text.split())[:500].replace(api_key, "***")


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "another address"
    if not host:
        return "another address"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port}" if port else f"{parts.scheme}://{shown}"
