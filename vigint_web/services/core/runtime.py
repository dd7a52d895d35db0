"""Provide services with the objects of create_app: configuration, storage, tokens, tools and
queues.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import cast

from flask import current_app
from redis import Redis

from vigint_web.config.config import Config
from vigint_web.crypto.tokens import LinkTokens
from vigint_web.media.tools import Tools, find_tools, quick_tools
from vigint_web.services.core.counters import Counters
from vigint_web.services.core.verdicts import Verdicts
from vigint_web.storage import Storage
from vigint_web.system.queue_socket import queue_url


@dataclass
class Runtime:
    """The few objects with the application's lifetime."""

    config: Config
    storage: Storage
    tokens: LinkTokens
    redis_url: str
    counters: Counters = field(init=False)
    # Until when (time.monotonic) a silent queue server is not retried.
    queue_silent_until: float = 0.0
    # The time of each staff access, as (label, action, subject); a cache that saves queries.
    seen: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    # What was found about files before they left as evidence.
    verdicts: Verdicts = field(default_factory=Verdicts)

    def __post_init__(self) -> None:
        """Begin to count; nothing is connected yet."""
        self.counters = Counters(lambda: self.redis)

    @cached_property
    def redis(self) -> Redis:
        """Return the connection pool to the queue server, with short timeouts."""
        return Redis.from_url(
            self.redis_url, socket_connect_timeout=2, socket_timeout=2, health_check_interval=30
        )

    @property
    def tools(self) -> Tools:
        """Return ffmpeg and ffprobe; raises ToolMissing."""
        return find_tools(self.config.ffmpeg, self.config.ffprobe)

    @property
    def frame_tools(self) -> Tools:
        """Return the programs for frames, see `quick_tools`; raises ToolMissing."""
        return quick_tools(self.config.ffmpeg, self.config.ffprobe)


def queue_address(config: Config) -> str:
    """Return the URL of the queue server: the configured one, else the embedded one's socket."""
    return config.redis_url or queue_url(config.data_dir)


def runtime() -> Runtime:
    """Return the runtime of the current application."""
    return cast(Runtime, current_app.extensions["vigint"])


def config() -> Config:
    """Return the configuration of the current application."""
    return runtime().config


def storage() -> Storage:
    """Return the storage of the current application."""
    return runtime().storage


def mails_leave() -> bool:
    """Return whether mails are sent to a mail server; else they are written to the outbox."""
    return config().email.server is not None
