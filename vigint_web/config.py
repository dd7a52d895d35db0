"""Read the configuration: built-in default < config.ini < environment, every mistake at once."""

import configparser
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vigint_web import delivery_settings as delivery
from vigint_web import storage_settings
from vigint_web.secret_files import stored_secret

Network = IPv4Network | IPv6Network

# What SMTP servers take without extensions: ASCII, no quoting (RFC 5321, 4.1.2).
_MAILBOX = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,188}"
LOCALES = ("fr", "en")
ROLES = ("admin", "operator", "viewer")
LOG_FORMATS = ("json", "text")
FALLBACK_BASE_URL = "http://127.0.0.1:8000"


class ConfigError(Exception):
    """Carry one sentence per mistake in the configuration."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class EmailConfig:
    """Say how mail leaves; no server means the outbox."""

    server: str | None
    port: int
    username: str | None
    password: str | None = field(repr=False)
    sender: str
    recipients: tuple[str, ...]
    use_tls: bool
    # Who reads another language than French: (address or @domain, locale).
    locales: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Config:
    """Hold every setting, checked and frozen; sizes in bytes, times in the unit of the name."""

    data_dir: Path
    base_url: str
    secret_key: str = field(repr=False)
    # Keys of before the last rotations: what they signed stays valid, they sign nothing new.
    old_secret_keys: tuple[str, ...] = field(repr=False)
    trusted_proxies: tuple[Network, ...]
    default_locale: str
    timezone: ZoneInfo
    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    max_upload_bytes: int
    max_hosted_bytes: int
    # How long a resumable upload waits for its next byte.
    upload_expire_hours: int
    email: EmailConfig
    webhook: delivery.WebhookConfig
    # How long repeats of an alert are gathered into one mail; 0: never.
    cooldown_seconds: int
    # Another server that hosts incidents' clips, and the key for it; both name ourselves, or nobody,
    # where clips are hosted here.
    sparse_url: str | None
    sparse_key: str | None = field(repr=False)
    link_hours: int
    retention_days: int
    source_retention_days: int | None
    # Whether the frames of an incident stay, byte for byte, beside the clip made of them.
    keep_frames: bool
    log_days: int
    # Roles that may not work without a second factor.
    require_two_factor: tuple[str, ...]
    ffmpeg: str | None
    ffprobe: str | None
    log_format: str
    # Where nginx finds footage that Vigint tells it to send; None: Vigint sends everything itself.
    accel_redirect: str | None
    # Where footage is kept, if not in the data directory.
    s3: storage_settings.S3Config | None
    # Opens /metrics to programs of other machines; without one it is for this machine alone.
    metrics_token: str | None = field(repr=False)
    warnings: tuple[str, ...]

    @property
    def media_dir(self) -> Path:
        """Return where footage is kept, unless it is in S3."""
        return self.data_dir / "media"

    @property
    def temp_dir(self) -> Path:
        """Return where working copies live; same file system as the media, so that publishing is a rename.

        The one place for them, wherever footage is kept.
        """
        return self.media_dir / ".incoming"

    @property
    def outbox_dir(self) -> Path:
        """Return where mail is written while there is no SMTP server."""
        return self.data_dir / "outbox"

    @property
    def is_https(self) -> bool:
        """Return whether people reach this installation over https."""
        return self.base_url.startswith("https://")

    @property
    def hosts_elsewhere(self) -> bool:
        """Return whether another server hosts incidents' clips."""
        return self.sparse_url is not None and self.sparse_url != self.base_url

    @property
    def base_url_is_loopback(self) -> bool:
        """Return whether mailed links would only open on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "localhost" or host.startswith("127.") or host == "::1"


def _text(value: str) -> str:
    return value


def _long_secret(value: str) -> str:
    if len(value) < 16:
        raise ValueError("a text of at least 16 characters")
    return value


def _long_secrets(value: str) -> tuple[str, ...]:
    return tuple(_long_secret(key) for key in value.replace(",", " ").split())


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def _flag(value: str) -> bool:
    word = value.lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError("yes or no")


def _locale(value: str) -> str:
    if value not in LOCALES:
        raise ValueError("fr or en")
    return value


def _log_format(value: str) -> str:
    if value not in LOG_FORMATS:
        raise ValueError("json or text")
    return value


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone name such as Europe/Paris") from None


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that does not close, a port that is none
        good = False
    # Pages and links are absolute: below a path of somebody else's they would not be found.
    if not good or parts.username is not None or parts.path.strip("/") or set("?#") & set(value):
        raise ValueError("an address such as https://vigint.example.com")
    return value.rstrip("/")


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part, strict=False) for part in re.split(r"[\s,]+", value) if part)
    except ValueError:
        raise ValueError(
            "addresses or networks separated by commas, such as 127.0.0.1, 10.0.0.0/8"
        ) from None


def _addresses(value: str) -> tuple[str, ...]:
    found = tuple(part for part in re.split(r"[\s,;]+", value) if part)
    if any(not re.fullmatch(_MAILBOX, part) for part in found):
        raise ValueError("mail addresses separated by commas")
    return found


def _address(value: str) -> str:
    if not re.fullmatch(rf"{_MAILBOX}|[^<>\r\n]*<{_MAILBOX}>", value):
        raise ValueError("one mail address")
    return value


def _roles(value: str) -> tuple[str, ...]:
    found = tuple(part for part in re.split(r"[\s,]+", value.lower()) if part)
    if set(found) - set(ROLES):
        raise ValueError("roles separated by commas, of " + ", ".join(ROLES))
    return found


def _scheme(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.split(":", 1)[0] not in allowed or ":" not in value:
            raise ValueError("an address that starts with " + " or ".join(f"{s}:" for s in allowed))
        return value

    return parse


def _internal_path(value: str) -> str:
    # No page of Vigint begins with an underscore: such a location hides none.
    if not re.fullmatch(r"/_[a-z0-9_-]{1,40}/", value):
        raise ValueError("the path of an internal location, such as /_media/")
    return value


@dataclass(frozen=True)
class _Setting:
    name: str
    section: str
    key: str
    variable: str
    parse: Callable[[str], Any]
    default: Any
    secret: bool = False


# Their addresses may hold a password, and so may be named by file as secrets are.
_MAY_HOLD_PASSWORDS = ("Database", "Redis", "Webhook")
_SETTINGS = (
    _Setting("base_url", "Vigint", "base_url", "VIGINT_BASE_URL", _base_url, None),
    _Setting("secret_key", "", "", "VIGINT_SECRET_KEY", _long_secret, None, secret=True),
    _Setting("old_secret_keys", "", "", "VIGINT_OLD_SECRET_KEYS", _long_secrets, (), secret=True),
    _Setting("trusted_proxies", "Vigint", "trusted_proxies", "VIGINT_TRUSTED_PROXIES", _networks, ()),
    _Setting("default_locale", "Vigint", "default_locale", "VIGINT_DEFAULT_LOCALE", _locale, "fr"),
    _Setting("timezone", "Vigint", "timezone", "VIGINT_TIMEZONE", _zone, ZoneInfo("Europe/Paris")),
    _Setting("ffmpeg", "Vigint", "ffmpeg", "VIGINT_FFMPEG", _text, None),
    _Setting("ffprobe", "Vigint", "ffprobe", "VIGINT_FFPROBE", _text, None),
    _Setting("log_format", "Vigint", "log_format", "VIGINT_LOG_FORMAT", _log_format, "json"),
    _Setting("database_url", "Database", "url", "VIGINT_DATABASE_URL", _scheme("sqlite", "postgresql", "postgresql+psycopg"), None),
    _Setting("redis_url", "Redis", "url", "VIGINT_REDIS_URL", _scheme("redis", "rediss", "unix"), None),
    _Setting("storage_url", "Storage", "url", "VIGINT_STORAGE_URL", storage_settings.storage_url, None),
    _Setting("s3_endpoint_url", "Storage", "endpoint", "VIGINT_S3_ENDPOINT", storage_settings.s3_endpoint, None),
    _Setting("s3_region", "Storage", "region", "VIGINT_S3_REGION", storage_settings.region, None),
    _Setting("s3_access_key", "", "", "VIGINT_S3_ACCESS_KEY", _text, None, secret=True),
    _Setting("s3_secret_key", "", "", "VIGINT_S3_SECRET_KEY", _text, None, secret=True),
    _Setting("accel_redirect", "Storage", "accel_redirect", "VIGINT_ACCEL_REDIRECT", _internal_path, None),
    _Setting("upload_mb", "Uploads", "max_size_mb", "VIGINT_MAX_UPLOAD_MB", _integer(1, 1_000_000), 100),
    _Setting("upload_expire_hours", "Uploads", "expire_hours", "VIGINT_UPLOAD_EXPIRE_HOURS", _integer(1, 8_760), 24),
    _Setting("hosted_mb", "Hosting", "max_size_mb", "VIGINT_MAX_HOSTED_MB", _integer(1, 1_000_000), 2048),
    _Setting("smtp_server", "Email", "smtp_server", "VIGINT_SMTP_SERVER", _text, None),
    _Setting("smtp_port", "Email", "smtp_port", "VIGINT_SMTP_PORT", _integer(1, 65535), 587),
    _Setting("smtp_username", "Email", "username", "VIGINT_SMTP_USERNAME", _text, None),
    _Setting("smtp_password", "Email", "password", "VIGINT_SMTP_PASSWORD", _text, None, secret=True),
    _Setting("smtp_from", "Email", "from_email", "VIGINT_SMTP_FROM", _address, "vigint@localhost"),
    _Setting("smtp_to", "Email", "to_email", "VIGINT_SMTP_TO", _addresses, ()),
    _Setting("smtp_tls", "Email", "use_tls", "VIGINT_SMTP_USE_TLS", _flag, True),
    _Setting("mail_locales", "Email", "locales", "VIGINT_MAIL_LOCALES", delivery.mail_locales, ()),
    _Setting("webhook_urls", "Webhook", "url", "VIGINT_WEBHOOK_URL", delivery.webhook_urls, ()),
    _Setting("webhook_secret", "Webhook", "secret", "VIGINT_WEBHOOK_SECRET", _long_secret, None, secret=True),
    _Setting("webhook_private", "Webhook", "allow_private", "VIGINT_WEBHOOK_ALLOW_PRIVATE", _flag, False),
    _Setting("cooldown", "Alerts", "cooldown_seconds", "VIGINT_ALERT_COOLDOWN_SECONDS", _integer(0, 86_400), 60),
    _Setting("sparse_url", "SparseAI", "base_url", "SPARSE_AI_BASE_URL", _base_url, None),
    _Setting("sparse_key", "SparseAI", "api_key", "SPARSE_AI_API_KEY", _text, None, secret=True),
    _Setting("link_hours", "SparseAI", "default_expiration_hours", "VIDEO_LINK_EXPIRATION_HOURS", _integer(1, 87_600), 48),
    _Setting("metrics_token", "Metrics", "token", "VIGINT_METRICS_TOKEN", _long_secret, None, secret=True),
    _Setting("retention_days", "Retention", "days", "VIGINT_RETENTION_DAYS", _integer(1, 36_500), 30),
    _Setting("require_two_factor", "Security", "require_two_factor", "VIGINT_REQUIRE_TWO_FACTOR", _roles, ()),
    _Setting("source_days", "Retention", "source_days", "VIGINT_SOURCE_RETENTION_DAYS", _integer(1, 36_500), None),
    _Setting("keep_frames", "Retention", "keep_frames", "VIGINT_KEEP_FRAMES", _flag, True),
    _Setting("log_days", "Retention", "log_days", "VIGINT_LOG_RETENTION_DAYS", _integer(1, 36_500), 180),
)  # fmt: skip


def load_config(environ: Mapping[str, str], ini_path: Path | None = None) -> Config:
    """Read and check the whole configuration; make the secret key on first use.

    Args:
        environ: the environment, `.env` already merged in.
        ini_path: `config.ini`, if there is one.

    Raises:
        ConfigError: with one sentence per mistake.
    """
    mistakes: list[str] = []
    warnings: list[str] = []
    ini = _read_ini(ini_path, mistakes)
    values: dict[str, Any] = {}
    for setting in _SETTINGS:
        values[setting.name] = _value(setting, environ, ini, mistakes, warnings)
    data_dir = Path(environ.get("VIGINT_DATA_DIR") or "data").absolute()
    if values["smtp_server"] and values["smtp_password"] and not values["smtp_username"]:
        mistakes.append("[Email] username is missing although a password is set.")
    if wrong := delivery.webhook_mistake(values["webhook_urls"] or (), values["webhook_private"]):
        mistakes.append(wrong)
    s3 = storage_settings.s3_config(values, mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    warnings += storage_settings.warnings(values, s3)
    base_url = values["base_url"] or served_address(data_dir) or FALLBACK_BASE_URL
    if values["sparse_url"] not in {None, base_url} and not values["sparse_key"]:
        raise ConfigError(
            [
                "[SparseAI] base_url names another server, but there is no key for it: set "
                "SPARSE_AI_API_KEY to one with the scope “host”, or take base_url out."
            ]
        )
    if values["accel_redirect"] and not values["trusted_proxies"]:
        warnings.append(
            "[Storage] accel_redirect has no effect: [Vigint] trusted_proxies names no nginx."
        )
    ring = _key_ring(values["secret_key"], values["old_secret_keys"], data_dir)
    return Config(
        data_dir=data_dir,
        base_url=base_url,
        secret_key=ring[0],
        old_secret_keys=ring[1:],
        trusted_proxies=values["trusted_proxies"],
        default_locale=values["default_locale"],
        timezone=values["timezone"],
        database_url=_database_url(values["database_url"], data_dir),
        redis_url=values["redis_url"],
        max_upload_bytes=values["upload_mb"] * 1024 * 1024,
        max_hosted_bytes=values["hosted_mb"] * 1024 * 1024,
        upload_expire_hours=values["upload_expire_hours"],
        email=EmailConfig(
            server=values["smtp_server"],
            port=values["smtp_port"],
            username=values["smtp_username"],
            password=values["smtp_password"],
            sender=values["smtp_from"],
            recipients=values["smtp_to"],
            use_tls=values["smtp_tls"],
            locales=values["mail_locales"],
        ),
        webhook=_webhook(values, data_dir),
        cooldown_seconds=values["cooldown"],
        sparse_url=values["sparse_url"],
        sparse_key=values["sparse_key"],
        link_hours=values["link_hours"],
        retention_days=values["retention_days"],
        source_retention_days=values["source_days"],
        keep_frames=values["keep_frames"],
        log_days=values["log_days"],
        require_two_factor=values["require_two_factor"],
        ffmpeg=values["ffmpeg"],
        ffprobe=values["ffprobe"],
        log_format=values["log_format"],
        accel_redirect=values["accel_redirect"],
        s3=s3,
        metrics_token=values["metrics_token"],
        warnings=tuple(warnings),
    )


def _webhook(values: Mapping[str, Any], data_dir: Path) -> delivery.WebhookConfig:
    urls, secret = values["webhook_urls"], values["webhook_secret"]
    if urls and not secret:
        try:
            secret = stored_secret(delivery.webhook_secret_path(data_dir))
        except OSError as error:
            raise _unusable(data_dir, error) from None
    return delivery.WebhookConfig(urls, secret, values["webhook_private"])


def is_mailbox(text: str) -> bool:
    """Return whether a text is one mail address that every server takes."""
    return re.fullmatch(_MAILBOX, text) is not None


def served_address(data_dir: Path) -> str | None:
    """Return the address the running `up` of this data directory serves, if one does."""
    try:
        return (data_dir / "address").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _read_ini(path: Path | None, mistakes: list[str]) -> configparser.ConfigParser:
    ini = configparser.ConfigParser(interpolation=None)
    if path is not None:
        try:
            ini.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            first = str(error).splitlines()[0]
            mistakes.append(f"{path.name} cannot be read: {first}")
    return ini


def _value(
    setting: _Setting,
    environ: Mapping[str, str],
    ini: configparser.ConfigParser,
    mistakes: list[str],
    warnings: list[str],
) -> Any:
    raw, where = environ.get(setting.variable, "").strip(), setting.variable
    if not raw and (setting.secret or setting.section in _MAY_HOLD_PASSWORDS):
        named = environ.get(f"{setting.variable}_FILE", "").strip()
        if named:
            where = f"{setting.variable}_FILE"
            try:
                raw = Path(named).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                mistakes.append(f"{where} names a file that cannot be read: {named}.")
                return None
            if not raw:
                mistakes.append(f"{where} names a file that is empty: {named}.")
                return None
    if not raw and setting.section:
        raw = ini.get(setting.section, setting.key, fallback="").strip()
        where = f"[{setting.section}] {setting.key}"
        if raw and setting.secret:
            warnings.append(
                f"{where} in config.ini holds a secret: move it to the environment as"
                f" {setting.variable}, or to a file named by {setting.variable}_FILE."
            )
    if not raw:
        return setting.default
    try:
        return setting.parse(raw)
    except ValueError as error:
        shown = "its value" if setting.secret or "url" in setting.name else f"“{raw[:60]}”"
        both = f" ({setting.variable})" if where.startswith("[") else ""
        mistakes.append(f"{where}{both}: {shown} is not right; it must be {error}.")
        return None


def _database_url(url: str | None, data_dir: Path) -> str:
    if url is None:
        return f"sqlite:///{data_dir / 'vigint.sqlite3'}"
    # psycopg 3 is the driver that is installed; plain "postgresql:" would ask for psycopg2.
    return re.sub(r"^postgresql:", "postgresql+psycopg:", url)


def _key_ring(key: str | None, old: tuple[str, ...], data_dir: Path) -> tuple[str, ...]:
    """Return the secret keys, the newest first: of the environment, else of the generated file."""
    ring = (key, *old) if key else (*_stored_secret(data_dir).split(), *old)
    if not ring or any(len(secret) < 16 for secret in ring):
        raise ConfigError(
            [f"{secret_key_path(data_dir)} holds no key. Remove it, and a new one is made."]
        )
    return tuple(dict.fromkeys(ring))


def secret_key_path(data_dir: Path) -> Path:
    """Return the file that holds the generated keys, one per line, the newest first."""
    return data_dir / "secret-key"


def _stored_secret(data_dir: Path) -> str:
    try:
        return stored_secret(secret_key_path(data_dir))
    except OSError as error:
        raise _unusable(data_dir, error) from None


def _unusable(data_dir: Path, error: OSError) -> ConfigError:
    reason = error.strerror or "unknown error"
    return ConfigError(
        [
            f"The data directory {data_dir} cannot be used ({reason}). Make it writable,"
            " or name another one in VIGINT_DATA_DIR."
        ]
    )
