"""Read the server's address and key from the environment or config.ini."""

import configparser
import functools
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from vigint_client.errors import ConfigError, NoServerError

log = logging.getLogger("vigint_client")

CHECKOUT = Path(__file__).resolve().parent.parent
_NO_SERVER = (
    "No Vigint server is configured: set VIGINT_SERVER_URL to its address (for example "
    "http://127.0.0.1:8000) and VIGINT_API_KEY to a key made with "
    "`./vigint create-api-key NAME` on the server."
)
_HOURS = ("VIDEO_LINK_EXPIRATION_HOURS", "SparseAI", "default_expiration_hours")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ServerSettings:
    """Address of a Vigint server and the API key for it."""

    url: str
    api_key: str = field(repr=False)
    expiration_hours: float | None = None


@dataclass(frozen=True)
class MailSettings:
    """SMTP account for the text-only mail when the server cannot be reached."""

    server: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    sender: str
    recipients: tuple[str, ...]
    use_tls: bool
    timezone: str


def load_server_settings(
    environ: Mapping[str, str] | None = None, folders: Sequence[Path] | None = None
) -> ServerSettings:
    """Read address and key of the server.

    VIGINT_SERVER_URL with VIGINT_API_KEY, else SPARSE_AI_BASE_URL with SPARSE_AI_API_KEY, each of
    the latter two else from `[SparseAI]` in config.ini. The pairs are never mixed, because a key
    must not be sent to a server it was not made for. Raises ConfigError.
    """
    values = Values(environ, folders)
    hours = values.find(*_HOURS)
    url = values.find("VIGINT_SERVER_URL")
    key = values.find_secret("VIGINT_API_KEY")
    names = ("VIGINT_SERVER_URL", "VIGINT_API_KEY")
    if url is None and key is None:
        url = values.find("SPARSE_AI_BASE_URL", "SparseAI", "base_url")
        key = values.find_secret("SPARSE_AI_API_KEY", "SparseAI", "api_key")
        if url is not None:
            names = ("SPARSE_AI_BASE_URL", "SPARSE_AI_API_KEY")
    if url is None:
        if key is not None:
            # An incomplete pair is an error, it does not mean «no server».
            raise ConfigError(_NO_SERVER)
        raise NoServerError(_NO_SERVER)
    if key is None:
        raise ConfigError(
            f"{names[0]} is set, but there is no API key for it: set {names[1]} to a key "
            "made with `./vigint create-api-key NAME` on the server."
        )
    return ServerSettings(
        url=_checked_url(url, names[0]),
        api_key=_checked_key(key, names[1]),
        expiration_hours=_checked_hours(hours),
    )


def chosen_server(url: str, key: str, hours: object = None) -> ServerSettings:
    """Return the settings of a server given by the program; raises ConfigError."""
    if not url:
        raise ConfigError(_NO_SERVER)
    if not key:
        raise ConfigError(
            "There is no API key: set VIGINT_API_KEY to a key made with "
            "`./vigint create-api-key NAME` on the server."
        )
    said = None if hours is None else str(hours)
    return ServerSettings(
        _checked_url(url, "base_url"), _checked_key(key, "api_key"), _checked_hours(said)
    )


def find_server_address(
    environ: Mapping[str, str] | None = None, folders: Sequence[Path] | None = None
) -> str:
    """Return the configured address of the server, unchecked; empty if there is none."""
    try:
        values = Values(environ, folders)
    except ConfigError:
        return ""
    url = values.find("VIGINT_SERVER_URL")
    if url is None and not values.find("VIGINT_API_KEY"):
        url = values.find("SPARSE_AI_BASE_URL", "SparseAI", "base_url")
    return (url or "").rstrip("/")


def find_mail_settings(
    environ: Mapping[str, str] | None = None, folders: Sequence[Path] | None = None
) -> MailSettings | None:
    """Return the detector's SMTP settings, or None if they are missing or invalid."""
    try:
        values = Values(environ, folders)
        server = values.find("VIGINT_SMTP_SERVER", "Email", "smtp_server")
        if server is None:
            return None
        username = values.find("VIGINT_SMTP_USERNAME", "Email", "username")
        sender = values.find("VIGINT_SMTP_FROM", "Email", "from_email")
        if sender is None and username and "@" in username:
            # Most mail providers use the mailbox as login and refuse any other sender.
            sender = username
        recipients = values.find("VIGINT_SMTP_TO", "Email", "to_email") or ""
        return MailSettings(
            server=server,
            port=int(values.find("VIGINT_SMTP_PORT", "Email", "smtp_port") or 587),
            username=username,
            password=values.find_secret("VIGINT_SMTP_PASSWORD", "Email", "password"),
            sender=sender or "vigint@localhost",
            recipients=tuple(part.strip() for part in recipients.split(",") if part.strip()),
            use_tls=read_yes(values.find("VIGINT_SMTP_USE_TLS", "Email", "use_tls") or "true"),
            timezone=values.find("VIGINT_TIMEZONE", "Vigint", "timezone") or "Europe/Paris",
        )
    except ConfigError as mistake:
        log.warning("No text-only mail can be sent from here: %s", mistake)
    except ValueError:
        log.warning(
            "No text-only mail can be sent from here: set VIGINT_SMTP_PORT to a number and "
            "VIGINT_SMTP_USE_TLS to true or false."
        )
    return None


class Values:
    """The environment, then `.env`, then config.ini; the checkout before the current folder."""

    def __init__(self, environ: Mapping[str, str] | None, folders: Sequence[Path] | None) -> None:
        places = [CHECKOUT, Path.cwd()] if folders is None else list(folders)
        self._environ: list[Mapping[str, str]] = [os.environ if environ is None else environ]
        self._environ += [_read_dotenv(place / ".env") for place in places]
        self._files = [_read_ini(place / "config.ini") for place in places]

    def find(self, name: str, section: str | None = None, option: str = "") -> str | None:
        """Return the first non-empty value, or None."""
        for environ in self._environ:
            if value := environ.get(name, "").strip():
                return value
        if section is not None:
            for parser in self._files:
                if value := (parser.get(section, option, fallback="") or "").strip():
                    return value
        return None

    def find_secret(self, name: str, section: str | None = None, option: str = "") -> str | None:
        """Return a secret from NAME, from the file that NAME_FILE names, or from config.ini."""
        if value := self.find(name):
            return value
        if file_name := self.find(f"{name}_FILE"):
            try:
                value = Path(file_name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                value = ""
            if not value:
                raise ConfigError(
                    f"{name}_FILE names {file_name}, which cannot be read or is empty: "
                    "put the secret into that file, or correct the name."
                )
            return value
        value = self.find(name, section, option)
        if value:
            _warn_once(
                f"[{section}] {option} in config.ini is a secret: move it to the environment "
                f"as {name}, or into a file named by {name}_FILE."
            )
        return value


@functools.cache
def _warn_once(sentence: str) -> None:
    log.warning("%s", sentence)


def _read_ini(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    if not path.is_file():
        return parser
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        # The parser's message quotes the offending line, which may contain a secret.
        raise ConfigError(
            f"{path} cannot be read: it must be UTF-8 text with [Section] lines "
            "and `key = value` lines."
        ) from None
    return parser


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    values: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{path} cannot be read: make it UTF-8 text that this user may read."
        ) from None
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        else:
            value = value.partition(" #")[0].rstrip()
        values[name.strip()] = value
    return values


def _checked_url(url: str, name: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if host is None or parts.scheme not in ("http", "https") or _unprintable(url):
        raise ConfigError(
            f"{name} is not an address: it must look like https://vigint.example.org "
            "or http://127.0.0.1:8000."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            f"{name} must hold the address alone, without a user name, a password, "
            "a question mark or a hash sign."
        )
    if parts.scheme == "http" and host not in LOOPBACK:
        _warn_once(
            f"{name} uses http to another machine: the API key and the frames travel "
            "unencrypted. Use https outside a private network."
        )
    return url.rstrip("/")


def _checked_key(key: str, name: str) -> str:
    if _unprintable(key):
        raise ConfigError(
            f"{name} holds characters that no API key has (a space, a line break or an accent): "
            "copy the key again."
        )
    return key


def _unprintable(text: str) -> bool:
    return any(not "!" <= character <= "~" for character in text)


def _checked_hours(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not (math.isfinite(hours) and hours > 0):
        raise ConfigError(
            "VIDEO_LINK_EXPIRATION_HOURS (or [SparseAI] default_expiration_hours) must be "
            "a number of hours above 0, for example 48."
        )
    return hours


def read_yes(text: str) -> bool:
    """Parse a boolean; raises ValueError for any other value."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(text)
