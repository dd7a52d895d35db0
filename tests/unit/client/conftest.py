"""A server, a clock without waiting, and frames."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.client_mailbox import Mailbox
from tests.unit.client.fake_vigint import KEY, FakeClock, FakeVigint
from vigint_client.alerts import AlertManager
from vigint_client.config import MailSettings, ServerSettings
from vigint_client.delivery import Courier, Outcome
from vigint_client.png import encode_png
from vigint_client.results import Result
from vigint_client.retries import ONCE, RetryPolicy
from vigint_client.spool import Spool
from vigint_client.spool_config import SpoolSettings
from vigint_client.transport import Timeouts, Transport
from vigint_client.video_links import VideoLinkService


@pytest.fixture(autouse=True)
def spool_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the alerts of these tests out of the user's home."""
    folder = tmp_path_factory.mktemp("state") / "spool"
    monkeypatch.setenv("VIGINT_SPOOL_DIR", str(folder))
    return folder


@pytest.fixture
def spool_settings(spool_dir: Path) -> SpoolSettings:
    return SpoolSettings(spool_dir, max_bytes=50_000_000, max_age=7 * 86_400)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vigint() -> Iterator[FakeVigint]:
    fake = FakeVigint()
    yield fake
    fake.close()


@pytest.fixture
def settings(vigint: FakeVigint) -> ServerSettings:
    return ServerSettings(vigint.url, KEY)


@pytest.fixture
def transport(settings: ServerSettings, clock: FakeClock) -> Transport:
    return Transport(
        settings,
        timeouts=Timeouts(connect=2.0, answer=2.0),
        clock=clock.time,
        sleep=clock.sleep,
        jitter=lambda: 1.0,
    )


@pytest.fixture
def make_manager(settings: ServerSettings, clock: FakeClock) -> Callable[..., AlertManager]:
    def make(
        server: ServerSettings | None = None,
        mail: MailSettings | None = None,
        spool: SpoolSettings | None = None,
        wake: Callable[..., None] = lambda *_, **__: None,
        **options: Any,
    ) -> AlertManager:
        return AlertManager(
            load_server=lambda: server or settings,
            find_mail=lambda: mail,
            find_spool=lambda: spool,
            wake=wake,
            make_transport=lambda chosen, **more: Transport(
                chosen,
                timeouts=Timeouts(connect=2.0, answer=2.0),
                clock=clock.time,
                jitter=lambda: 1.0,
                **({"sleep": clock.sleep} | more),
            ),
            **options,
        )

    return make


@pytest.fixture
def service(settings: ServerSettings, clock: FakeClock) -> VideoLinkService:
    def make_transport(chosen: ServerSettings, timeouts: Timeouts) -> Transport:
        return Transport(
            chosen, timeouts=timeouts, clock=clock.time, sleep=clock.sleep, jitter=lambda: 1.0
        )

    return VideoLinkService(
        load_server=lambda: settings,
        make_transport=make_transport,
        upload_policy=RetryPolicy(attempts=3),
    )


@pytest.fixture
def png() -> bytes:
    return encode_png(bytes(range(48)), 4, 4, 3)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.close()


@pytest.fixture
def spool(spool_settings: SpoolSettings) -> Spool:
    return Spool(spool_settings)


@pytest.fixture
def send(
    make_manager: Callable[..., AlertManager], spool_settings: SpoolSettings, png: bytes
) -> Callable[..., Result]:
    """Send an alert of three frames through a manager with a spool."""

    def do(message: str = "m", mail: MailSettings | None = None, **options: Any) -> Result:
        server = options.pop("server", None)
        frames = options.pop("frames", [png] * 3)
        manager = make_manager(server, mail, spool=spool_settings, policy=ONCE)
        return manager.send_security_alert_with_video(message, frames, wait=0, **options)

    return do


@pytest.fixture
def courier(
    spool: Spool, settings: ServerSettings, clock: FakeClock
) -> Callable[..., list[Outcome]]:
    def flush(
        server: ServerSettings | None = None, mail: MailSettings | None = None, **options: Any
    ) -> list[Outcome]:
        def load() -> ServerSettings:
            return server or settings

        def transport(chosen: ServerSettings) -> Transport:
            timeouts = Timeouts(connect=2.0, answer=2.0)
            return Transport(chosen, timeouts=timeouts, clock=clock.time, sleep=clock.sleep)

        return Courier(spool, load, lambda: mail, transport).flush(**options)

    return flush
