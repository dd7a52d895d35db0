"""Read the configuration: default < config.ini < environment; report all errors at once."""

import configparser
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from vigint_client.placeholders import is_placeholder
from vigint_web.config import delivery, storage
from vigint_web.config import values as parse
from vigint_web.config.secret_files import stored_secret
from vigint_web.config.values import Network, is_mailbox
from vigint_web.net.mail_reach import cannot_exist

FALLBACK_BASE_URL = "http://127.0.0.1:8000"
_NO_SENDER = "vigint@localhost"


class ConfigError(Exception):
    """Carry one sentence per error in the configuration."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class EmailConfig:
    """Settings for sending mail; without a server mails go to the outbox."""

    server: str | None
    port: int
    username: str | None
    password: str | None = field(repr=False)
    sender: str
    recipients: tuple[str, ...]
    use_tls: bool
    # Recipients with another language than French: (address or @domain, locale).
    locales: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Config:
    """All settings, validated and frozen; sizes in bytes, times in the unit of the name."""

    data_dir: Path
    base_url: str
    secret_key: str = field(repr=False)
    # Keys from before the last rotations: their signatures stay valid, they sign nothing new.
    old_secret_keys: tuple[str, ...] = field(repr=False)
    trusted_proxies: tuple[Network, ...]
    default_locale: str
    timezone: ZoneInfo
    # The organisation and its contact; None: not set.
    organisation: str | None
    contact: str | None
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
    # The only domains whose addresses programs may notify, in ASCII; empty: all.
    recipient_domains: tuple[str, ...]
    # Another server that hosts incidents' clips, and its key; clips are hosted here if both refer
    # to this server, or if none is set.
    sparse_url: str | None
    sparse_key: str | None = field(repr=False)
    # The time that an alert waits for the other host.
    sparse_wait_seconds: int
    link_hours: int
    retention_days: int
    source_retention_days: int | None
    # Whether the frames of an incident are kept byte for byte beside the clip.
    keep_frames: bool
    log_days: int
    # Whether HSTS includes the subdomains of this host.
    hsts_subdomains: bool
    # Roles that require a second factor.
    require_two_factor: tuple[str, ...]
    ffmpeg: str | None
    ffprobe: str | None
    log_format: str
    # The location from which nginx sends footage for Vigint; None: Vigint sends everything itself.
    accel_redirect: str | None
    # Where footage is kept, if not in the data directory.
    s3: storage.S3Config | None
    # Allows other machines to read /metrics; without it only this machine can.
    metrics_token: str | None = field(repr=False)
    warnings: tuple[str, ...]

    @property
    def media_dir(self) -> Path:
        """Return the folder of footage, unless it is in S3."""
        return self.data_dir / "media"

    @property
    def temp_dir(self) -> Path:
        """Return the folder of working files, with either storage.

        It is on the same file system as the media, so that files are published by rename.
        """
        return self.media_dir / ".incoming"

    @property
    def outbox_dir(self) -> Path:
        """Return the folder of mails while there is no SMTP server."""
        return self.data_dir / "outbox"

    @property
    def key_ring(self) -> tuple[str, ...]:
        """Return the signing keys, the newest first; the others only read what they signed."""
        return (self.secret_key, *self.old_secret_keys)

    @property
    def is_https(self) -> bool:
        """Return whether the public address uses https."""
        return self.base_url.startswith("https://")

    @property
    def hosts_elsewhere(self) -> bool:
        """Return whether another server hosts incidents' clips."""
        own = self.sparse_url is None or self.sparse_url == self.base_url
        return not own and not is_placeholder(self.sparse_key)

    @property
    def base_url_is_loopback(self) -> bool:
        """Return whether mailed links would work on this machine only."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "localhost" or host.startswith("127.") or host == "::1"


@dataclass(frozen=True)
class _Setting:
    name: str
    section: str
    key: str
    variable: str
    parse: Callable[[str], Any]
    default: Any
    secret: bool = False


# These addresses may contain a password, so they can be set by file like secrets.
_MAY_HOLD_PASSWORDS = ("Database", "Redis", "Webhook")
_SETTINGS = (
    _Setting("base_url", "Vigint", "base_url", "VIGINT_BASE_URL", parse.base_url, None),
    _Setting("secret_key", "", "", "VIGINT_SECRET_KEY", parse.long_secret, None, secret=True),
    _Setting("old_secret_keys", "", "", "VIGINT_OLD_SECRET_KEYS", parse.long_secrets, (), secret=True),
    _Setting("trusted_proxies", "Vigint", "trusted_proxies", "VIGINT_TRUSTED_PROXIES", parse.networks, ()),
    _Setting("hsts_subdomains", "Vigint", "hsts_subdomains", "VIGINT_HSTS_SUBDOMAINS", parse.flag, False),
    _Setting("default_locale", "Vigint", "default_locale", "VIGINT_DEFAULT_LOCALE", parse.locale, "fr"),
    _Setting("timezone", "Vigint", "timezone", "VIGINT_TIMEZONE", parse.zone, ZoneInfo("Europe/Paris")),
    _Setting("organisation", "Vigint", "organisation", "VIGINT_ORGANISATION", parse.one_line(80), None),
    _Setting("contact", "Vigint", "contact", "VIGINT_CONTACT", parse.one_line(120), None),
    _Setting("ffmpeg", "Vigint", "ffmpeg", "VIGINT_FFMPEG", parse.text, None),
    _Setting("ffprobe", "Vigint", "ffprobe", "VIGINT_FFPROBE", parse.text, None),
    _Setting("log_format", "Vigint", "log_format", "VIGINT_LOG_FORMAT", parse.log_format, "json"),
    _Setting("database_url", "Database", "url", "VIGINT_DATABASE_URL", parse.scheme("sqlite", "postgresql", "postgresql+psycopg"), None),
    _Setting("redis_url", "Redis", "url", "VIGINT_REDIS_URL", parse.scheme("redis", "rediss", "unix"), None),
    _Setting("storage_url", "Storage", "url", "VIGINT_STORAGE_URL", storage.storage_url, None),
    _Setting("s3_endpoint_url", "Storage", "endpoint", "VIGINT_S3_ENDPOINT", storage.s3_endpoint, None),
    _Setting("s3_region", "Storage", "region", "VIGINT_S3_REGION", storage.region, None),
    _Setting("s3_access_key", "", "", "VIGINT_S3_ACCESS_KEY", parse.text, None, secret=True),
    _Setting("s3_secret_key", "", "", "VIGINT_S3_SECRET_KEY", parse.text, None, secret=True),
    _Setting("accel_redirect", "Storage", "accel_redirect", "VIGINT_ACCEL_REDIRECT", parse.internal_path, None),
    _Setting("upload_mb", "Uploads", "max_size_mb", "VIGINT_MAX_UPLOAD_MB", parse.integer(1, 1_000_000), 100),
    _Setting("upload_expire_hours", "Uploads", "expire_hours", "VIGINT_UPLOAD_EXPIRE_HOURS", parse.integer(1, 8_760), 24),
    _Setting("hosted_mb", "Hosting", "max_size_mb", "VIGINT_MAX_HOSTED_MB", parse.integer(1, 1_000_000), 2048),
    _Setting("smtp_server", "Email", "smtp_server", "VIGINT_SMTP_SERVER", parse.text, None),
    _Setting("smtp_port", "Email", "smtp_port", "VIGINT_SMTP_PORT", parse.integer(1, 65535), 587),
    _Setting("smtp_username", "Email", "username", "VIGINT_SMTP_USERNAME", parse.text, None),
    _Setting("smtp_password", "Email", "password", "VIGINT_SMTP_PASSWORD", parse.text, None, secret=True),
    _Setting("smtp_from", "Email", "from_email", "VIGINT_SMTP_FROM", parse.address, None),
    _Setting("smtp_to", "Email", "to_email", "VIGINT_SMTP_TO", parse.addresses, ()),
    _Setting("smtp_tls", "Email", "use_tls", "VIGINT_SMTP_USE_TLS", parse.flag, True),
    _Setting("mail_locales", "Email", "locales", "VIGINT_MAIL_LOCALES", delivery.mail_locales, ()),
    _Setting("webhook_urls", "Webhook", "url", "VIGINT_WEBHOOK_URL", delivery.webhook_urls, ()),
    _Setting("webhook_secret", "Webhook", "secret", "VIGINT_WEBHOOK_SECRET", parse.long_secret, None, secret=True),
    _Setting("webhook_private", "Webhook", "allow_private", "VIGINT_WEBHOOK_ALLOW_PRIVATE", parse.flag, False),
    _Setting("cooldown", "Alerts", "cooldown_seconds", "VIGINT_ALERT_COOLDOWN_SECONDS", parse.integer(0, 86_400), 60),
    _Setting("recipient_domains", "Alerts", "recipient_domains", "VIGINT_RECIPIENT_DOMAINS", delivery.recipient_domains, ()),
    _Setting("sparse_url", "SparseAI", "base_url", "SPARSE_AI_BASE_URL", parse.base_url, None),
    _Setting("sparse_key", "SparseAI", "api_key", "SPARSE_AI_API_KEY", parse.text, None, secret=True),
    _Setting("sparse_wait", "SparseAI", "wait_seconds", "SPARSE_AI_WAIT_SECONDS", parse.integer(0, 600), 15),
    _Setting("link_hours", "SparseAI", "default_expiration_hours", "VIDEO_LINK_EXPIRATION_HOURS", parse.integer(1, 87_600), 48),
    _Setting("metrics_token", "Metrics", "token", "VIGINT_METRICS_TOKEN", parse.long_secret, None, secret=True),
    _Setting("retention_days", "Retention", "days", "VIGINT_RETENTION_DAYS", parse.integer(1, 36_500), 30),
    _Setting("require_two_factor", "Security", "require_two_factor", "VIGINT_REQUIRE_TWO_FACTOR", parse.roles, ()),
    _Setting("source_days", "Retention", "source_days", "VIGINT_SOURCE_RETENTION_DAYS", parse.integer(1, 36_500), None),
    _Setting("keep_frames", "Retention", "keep_frames", "VIGINT_KEEP_FRAMES", parse.flag, True),
    _Setting("log_days", "Retention", "log_days", "VIGINT_LOG_RETENTION_DAYS", parse.integer(1, 36_500), 180),
)  # fmt: skip


def load_config(environ: Mapping[str, str], ini_path: Path | None = None) -> Config:
    """Read and validate the whole configuration; generate the secret key on first use.

    Args:
        environ: the environment, with `.env` merged in.
        ini_path: `config.ini`, if there is one.

    Raises:
        ConfigError: with one sentence per error.
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
    s3 = storage.s3_config(values, mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    values["smtp_from"] = values["smtp_from"] or _sender(values["smtp_username"])
    warnings += storage.warnings(values, s3)
    warnings += _mail_warnings(values)
    base_url = values["base_url"] or served_address(data_dir) or FALLBACK_BASE_URL
    if values["sparse_url"] not in {None, base_url} and is_placeholder(values["sparse_key"]):
        warnings.append(
            "[SparseAI] base_url names another server, but there is no key for it, or only a"
            " sample's: videos are hosted here. Set SPARSE_AI_API_KEY to a key of that server"
            " with the scope “host”, or take base_url out."
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
        organisation=values["organisation"],
        contact=values["contact"],
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
        recipient_domains=values["recipient_domains"],
        sparse_url=values["sparse_url"],
        sparse_key=values["sparse_key"],
        sparse_wait_seconds=values["sparse_wait"],
        link_hours=values["link_hours"],
        retention_days=values["retention_days"],
        source_retention_days=values["source_days"],
        keep_frames=values["keep_frames"],
        log_days=values["log_days"],
        hsts_subdomains=values["hsts_subdomains"],
        require_two_factor=values["require_two_factor"],
        ffmpeg=values["ffmpeg"],
        ffprobe=values["ffprobe"],
        log_format=values["log_format"],
        accel_redirect=values["accel_redirect"],
        s3=s3,
        metrics_token=values["metrics_token"],
        warnings=tuple(warnings),
    )


def _sender(username: str | None) -> str:
    # Most mail providers use the mailbox as login and refuse any other sender.
    return username if username and is_mailbox(username) else _NO_SENDER


def _mail_warnings(values: Mapping[str, Any]) -> list[str]:
    if values["smtp_server"] is None:
        return []
    found = []
    if values["smtp_from"] == _NO_SENDER:
        found.append(
            f"mails are sent from {_NO_SENDER}, which many servers refuse: set [Email] from_email"
            " (VIGINT_SMTP_FROM) to an address of yours."
        )
    if not values["smtp_to"]:
        found.append(
            "mails are sent by SMTP, but there are no default recipients: alerts without one go"
            " to the administrators. Set [Email] to_email (VIGINT_SMTP_TO)."
        )
    lost = [who for who in values["smtp_to"] if cannot_exist(who, values["smtp_from"])]
    if lost:
        found.append(
            f"no mailbox can have the address {', '.join(lost)}: correct [Email] to_email"
            " (VIGINT_SMTP_TO)."
        )
    return found


def _webhook(values: Mapping[str, Any], data_dir: Path) -> delivery.WebhookConfig:
    urls, secret = values["webhook_urls"], values["webhook_secret"]
    if urls and not secret:
        try:
            secret = stored_secret(delivery.webhook_secret_path(data_dir))
        except OSError as error:
            raise _unusable(data_dir, error) from None
    return delivery.WebhookConfig(urls, secret, values["webhook_private"])


def served_address(data_dir: Path) -> str | None:
    """Return the address served by a running `up` of this data directory, if there is one."""
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
    # psycopg 3 is the installed driver; plain "postgresql:" would select psycopg2.
    return re.sub(r"^postgresql:", "postgresql+psycopg:", url)


def _key_ring(key: str | None, old: tuple[str, ...], data_dir: Path) -> tuple[str, ...]:
    """Return the secret keys, the newest first, from the environment or the generated file."""
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
