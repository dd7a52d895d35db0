"""Report the components this installation would use, and what is missing."""

import shutil
import smtplib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import click
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from vigint_web import create_app
from vigint_web.cli.preflight import StartError
from vigint_web.cli.queue_server import find_queue_binary
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.i18n.deliveries import delivery_sentence
from vigint_web.media.tools import ToolMissing, find_tools, quick_tools, tool_abilities
from vigint_web.net.outbound_http import CallFailed, checked_addresses
from vigint_web.services.accounts import users
from vigint_web.services.alerting import webhooks
from vigint_web.services.core.runtime import runtime
from vigint_web.services.retention.words import retention_in_force, retention_warnings
from vigint_web.storage import NoRoom, StorageError

_NEEDED = ("libx264", "aac", "mjpeg", "png")
_LOW_DISK = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One line of the report; a finding that is vital and not good prevents the basic workflow."""

    good: bool
    what: str
    sentence: str
    vital: bool = True


@click.command()
def doctor() -> None:
    """Report which ffmpeg, queue server, database, storage and mail would be used."""
    app = create_app()
    with app.app_context():
        found = list(_examine(runtime().config))
    for finding in found:
        mark = "ok  " if finding.good else ("FAIL" if finding.vital else "warn")
        click.echo(f"{mark}  {finding.what}: {finding.sentence}")
    if any(not finding.good and finding.vital for finding in found):
        click.echo("Vigint cannot run here yet. Correct what is marked FAIL, then run this again.")
        sys.exit(1)
    click.echo("Vigint can run here.")


def _examine(config: Config) -> Iterator[Finding]:
    yield Finding(True, "Python", sys.version.split()[0])
    yield from _tools(config)
    yield _queue(config)
    yield _guarded("database", _database)
    yield _guarded("storage", lambda: _storage(config))
    yield _mail(config)
    yield from _webhooks(config)
    yield from _retention()
    yield Finding(
        not (config.base_url_is_loopback and config.email.server),
        "links",
        f"begin with {config.base_url}"
        + (
            ", which opens on this machine only: set VIGINT_BASE_URL"
            if config.base_url_is_loopback
            else ""
        ),
        vital=False,
    )
    if config.hosts_elsewhere:
        where = f"videos of incidents go to {config.sparse_url} ([SparseAI] base_url)"
        yield Finding(True, "hosting", f"{where}; an alert waits {config.sparse_wait_seconds} s")
    for warning in config.warnings:
        yield Finding(False, "configuration", warning, vital=False)


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except (SQLAlchemyError, OSError) as error:
        return Finding(False, what, f"does not work ({type(error).__name__})")


def _tools(config: Config) -> Iterator[Finding]:
    try:
        tools = find_tools(config.ffmpeg, config.ffprobe)
    except ToolMissing as error:
        yield Finding(False, "ffmpeg", str(error))
        return
    abilities = tool_abilities(tools.ffmpeg)
    missing = [name for name in _NEEDED if name not in abilities]
    able = f"lacks {', '.join(missing)}" if missing else f"knows {', '.join(_NEEDED)}"
    yield Finding(not missing, "ffmpeg", f"{tools.ffmpeg.version} ({tools.ffmpeg.origin}), {able}")
    yield Finding(True, "ffprobe", f"{tools.ffprobe.version} ({tools.ffprobe.origin})")
    quick = quick_tools(config.ffmpeg, config.ffprobe)
    if quick != tools:
        named = f"ffmpeg {quick.ffmpeg.version} ({quick.ffmpeg.origin})"
        named += f", ffprobe {quick.ffprobe.version} ({quick.ffprobe.origin})"
        yield Finding(True, "for frames", f"{named}, which start faster")


def _queue(config: Config) -> Finding:
    if config.redis_url is None:
        try:
            binary = find_queue_binary()
        except StartError as error:
            return Finding(False, "queue", str(error))
        return Finding(True, "queue", f"embedded, {binary.path.name} {binary.version}")
    try:
        with Redis.from_url(config.redis_url, socket_timeout=3, socket_connect_timeout=3) as redis:
            version = redis.info("server").get("redis_version", "?")
    except (RedisError, OSError, ValueError) as error:
        return Finding(
            False, "queue", f"the configured server does not answer ({type(error).__name__})"
        )
    return Finding(True, "queue", f"configured server, version {version}")


def _database() -> Finding:
    dialect = db.engine.dialect.name
    with db.engine.connect() as connection:
        query = "SELECT sqlite_version()" if dialect == "sqlite" else "SHOW server_version"
        version = connection.execute(text(query)).scalar()
        mode = ""
        if dialect == "sqlite":
            mode = f", journal {connection.execute(text('PRAGMA journal_mode')).scalar()}"
    return Finding(True, "database", f"{dialect} {version}{mode}")


def _storage(config: Config) -> Finding:
    place = runtime().storage
    free = shutil.disk_usage(config.temp_dir).free
    state = f"{place.describe()}, {free / 1e9:.1f} GB free"
    if config.s3 is not None:
        state = f"{place.describe()}; working files in {config.temp_dir}, {free / 1e9:.1f} GB free"
    try:
        place.check()
    except NoRoom as error:
        return Finding(False, "storage", f"{state}: {error}; make room")
    except StorageError as error:
        return Finding(False, "storage", f"{place.describe()}: {error}")
    if free < _LOW_DISK:
        return Finding(False, "storage", f"{state}: make room, videos need it", vital=False)
    return Finding(True, "storage", f"{state}; writing, reading and removing work")


def _mail(config: Config) -> Finding:
    email = config.email
    nowhere: list[str] = []
    to = ", ".join(email.recipients)
    try:
        to = (
            to or f"the administrators ({', '.join(users.alerted_by_default(email)) or 'none yet'})"
        )
        nowhere = users.alerted_nowhere(email)
    except SQLAlchemyError:
        to = to or "the administrators"
    if email.server is None:
        where = f"no SMTP server: mails are written to {config.outbox_dir}"
        return Finding(True, "mail", f"{where}; alerts are for {to}")
    try:
        kind = smtplib.SMTP_SSL if email.use_tls and email.port == 465 else smtplib.SMTP
        with kind(email.server, email.port, timeout=5) as host:
            host.noop()
    except (smtplib.SMTPException, OSError) as error:
        # Not vital: mails are retried for a day.
        return Finding(
            False,
            "mail",
            f"{email.server}:{email.port} does not answer within 5 seconds: mails wait longer"
            " for it, as RFC 5321 says; check [Email] smtp_server and smtp_port"
            if "timed out" in str(error)
            else f"{email.server}:{email.port} does not answer ({type(error).__name__}): check"
            " [Email] smtp_server and smtp_port",
            vital=False,
        )
    if nowhere:
        return Finding(
            False,
            "mail",
            f"{email.server}:{email.port} answers, but alerts have no valid"
            f" recipient: no mailbox can have the address {', '.join(nowhere)}."
            " Set [Email] to_email (VIGINT_SMTP_TO)",
        )
    return Finding(True, "mail", f"{email.server}:{email.port} answers; for {to}")


def _webhooks(config: Config) -> Iterator[Finding]:
    for url in config.webhook.urls:
        parts, name = urlsplit(url), webhooks.name_of(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            checked_addresses(parts.hostname or "", port, config.webhook.allow_private)
        except CallFailed as error:
            yield Finding(
                False,
                "webhook",
                f"{name} cannot be called: {delivery_sentence(str(error))}",
                vital=False,
            )
        else:
            yield Finding(True, "webhook", f"{name} is called about alerts and videos")


def _retention() -> Iterator[Finding]:
    yield Finding(True, "retention", retention_in_force())
    for warning in retention_warnings():
        yield Finding(False, "retention", warning, vital=False)


COMMANDS = {"doctor": doctor}
