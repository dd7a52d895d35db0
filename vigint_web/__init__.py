"""Vigint: private video links for security incidents, self-hosted."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from flask import Flask
from jinja2 import StrictUndefined

from vigint_web import database, logs
from vigint_web.blueprints.api import docs, health, hosting, metrics, read, tokens, uploads
from vigint_web.blueprints.api import incidents as ingest
from vigint_web.blueprints.api import review as incident_review
from vigint_web.blueprints.api import sharing as incident_sharing
from vigint_web.blueprints.pages import (
    auth,
    cameras,
    dashboard,
    imports,
    incidents,
    keys,
    links,
    logbook,
    numbers,
    outbox,
    people,
    player,
    retention,
    review,
    sharing,
    sites,
    sources,
    videos,
)
from vigint_web.config.config import Config, load_config
from vigint_web.config.contact import contact_url
from vigint_web.config.environment import ROOT
from vigint_web.config.values import LOCALES
from vigint_web.crypto.tokens import LinkTokens
from vigint_web.extensions import bootstrap, csrf, limiter, mail
from vigint_web.http.base import errors, requests, static
from vigint_web.http.base.session_cookies import SESSION, host_cookie
from vigint_web.http.pages import live, locale
from vigint_web.http.security import cross_origin, guard, headers, hosts, identity, sessions
from vigint_web.http.security.proxies import TrustedProxies
from vigint_web.http.streaming import metering
from vigint_web.http.streaming.later_ranges import LaterRanges
from vigint_web.http.streaming.revocation_watch import LinkWatch
from vigint_web.http.uploads import tus
from vigint_web.i18n import catalogs, deliveries, formats, sentences, user_agents
from vigint_web.net import mailboxes
from vigint_web.services.core.runtime import Runtime, queue_address
from vigint_web.services.links import access
from vigint_web.services.links.access_writer import AccessWriter, Row
from vigint_web.storage import open_storage


def read_config() -> Config:
    """Read the configuration of this checkout: `config.ini`, then the environment."""
    return load_config(os.environ, ROOT / "config.ini")


def create_app(config: Config | None = None) -> Flask:
    """Create the application in named steps, without logic of its own."""
    config = config or read_config()
    app = Flask(__name__, static_folder="static", template_folder="templates")
    logs.configure_logging(config.log_format)
    _settings(app, config)
    _runtime(app, config)
    database.set_up_database(app, config)
    _extensions(app, config)
    _templates(app, config)
    _http(app, config)
    _blueprints(app)
    return app


def _settings(app: Flask, config: Config) -> None:
    app.config.update(
        SECRET_KEY=config.secret_key,
        SECRET_KEY_FALLBACKS=list(config.old_secret_keys),
        SESSION_COOKIE_NAME=host_cookie(SESSION, https=config.is_https),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.is_https,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        # Routes that need more set their own limit before they read the body.
        MAX_CONTENT_LENGTH=1024 * 1024,
        # CSRF tokens live as long as their session, so that a form left open for hours still works.
        WTF_CSRF_TIME_LIMIT=None,
        BOOTSTRAP_SERVE_LOCAL=True,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(hours=1),
    )


def _runtime(app: Flask, config: Config) -> None:
    app.extensions["vigint"] = Runtime(
        config=config,
        storage=open_storage(config),
        tokens=LinkTokens(*config.key_ring),
        redis_url=queue_address(config),
    )
    app.extensions["vigint_watch"] = LinkWatch(app)
    app.extensions["vigint_accesses"] = _access_writer(app)


def _access_writer(app: Flask) -> AccessWriter:
    def write(rows: Sequence[Row]) -> None:
        with app.app_context():
            access.store_accesses(rows)

    return AccessWriter(write)


def _extensions(app: Flask, config: Config) -> None:
    catalogs.compile_catalogs(Path(app.root_path) / "translations")
    locale.set_up_locale(app, config)
    _mail(app, config)
    requests.log_requests(app)
    hosts.check_hosts(app)
    metering.count_requests(app)
    guard.guard(app)  # before CSRF, which reads the body
    csrf.init_app(app)
    bootstrap.init_app(app)
    static.set_up_static_files(app)
    live.set_up_live(app, https=config.is_https)
    sessions.set_up_sessions(app)
    app.config["RATELIMIT_STORAGE_OPTIONS"] = {"socket_timeout": 1, "socket_connect_timeout": 1}
    app.config["RATELIMIT_STORAGE_URI"] = requests.limiter_address(queue_address(config))
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
    app.config["RATELIMIT_SWALLOW_ERRORS"] = True
    app.config["RATELIMIT_HEADERS_ENABLED"] = True
    limiter.init_app(app)


def _mail(app: Flask, config: Config) -> None:
    email = config.email
    implicit = email.port == 465  # RFC 8314: TLS from the first byte
    app.config.update(
        MAIL_SERVER=email.server or "",
        MAIL_PORT=email.port,
        MAIL_USE_TLS=email.use_tls and not implicit,
        MAIL_USE_SSL=email.use_tls and implicit,
        MAIL_USERNAME=email.username,
        MAIL_PASSWORD=email.password,
        MAIL_DEFAULT_SENDER=email.sender,
        MAIL_DEBUG=False,
        MAIL_SUPPRESS_SEND=False,
    )
    mail.init_app(app)


def _templates(app: Flask, config: Config) -> None:
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(can=identity.can, LOCALES=LOCALES, is_recent=formats.is_recent)
    app.jinja_env.globals.update(
        organisation=config.organisation, contact=config.contact, contact_url=contact_url
    )
    app.jinja_env.filters.update(
        author=sentences.author_words,
        state_words=sentences.state_words,
        risk_heading=sentences.risk_heading,
        risk_label=sentences.risk_label,
        author_in_sentence=sentences.author_in_sentence,
        browser_words=user_agents.browser_words,
        duration=formats.duration,
        file_size=formats.file_size,
        date_and_time=formats.date_and_time,
        date_and_minute=formats.date_and_minute,
        share=formats.share,
        percent=formats.percent,
        spoken_duration=formats.spoken_duration,
        long_day=formats.unbroken_day,
        short_day=formats.short_day,
        delivery_sentence=deliveries.delivery_sentence,
        failure_sentence=sentences.failure_sentence,
        flaw_sentence=sentences.flaw_sentence,
        revocation_reason=sentences.revocation_reason,
        recipient_sentence=sentences.recipient_sentence,
        warning_words=sentences.warning_words,
        readable_address=mailboxes.readable_address,
        ago=formats.ago,
        since=formats.since,
        clock=formats.clock,
        apart=formats.apart,
        day=formats.day,
        end_of_span=formats.end_of_span,
        part_of=lambda part: formats.part_of(*part),
        resolution=formats.resolution,
        breakable=formats.breakable,
        number=formats.number,
        wall_clock=lambda moment: formats.wall_clock(moment, formats.reader_zone()),
        offset_name=lambda moment: formats.offset_name(moment, formats.reader_zone()),
    )


def _http(app: Flask, config: Config) -> None:
    protection = headers.Protection(https=config.is_https, subdomains=config.hsts_subdomains)
    headers.protect(app, protection)
    cross_origin.share_across_origins(app)
    errors.handle_errors(app)
    app.wsgi_app = tus.MethodOverride(  # type: ignore[method-assign]  # how WSGI wraps
        app.wsgi_app, "/api/v1/uploads/"
    )
    app.wsgi_app = LaterRanges(  # type: ignore[method-assign]  # how WSGI wraps
        app, app.wsgi_app, protection
    )
    app.wsgi_app = hosts.HostCheck(app.wsgi_app)  # type: ignore[method-assign]  # how WSGI wraps
    app.wsgi_app = TrustedProxies(  # type: ignore[method-assign]  # how WSGI wraps
        app.wsgi_app, config.trusted_proxies
    )


def _blueprints(app: Flask) -> None:
    for module in (
        health, auth, dashboard, sources, incidents, videos, links, sharing, outbox, player, tokens,
        hosting, ingest, incident_review, incident_sharing, uploads, read, docs, keys, metrics,
        people, sites, cameras, imports, retention, review, numbers, logbook,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint)
