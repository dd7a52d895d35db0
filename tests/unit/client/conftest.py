"""A server to talk to, a clock that needs no waiting, and frames."""

from collections.abc import Callable, Iterator

import pytest
from fake_vigint import KEY, FakeClock, FakeVigint

from vigint_client.alerts import AlertManager
from vigint_client.config import MailSettings, ServerSettings
from vigint_client.png import encode_png
from vigint_client.transport import RetryPolicy, Timeouts, Transport
from vigint_client.video_links import VideoLinkService


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
        server: ServerSettings | None = None, mail: MailSettings | None = None, **options: object
    ) -> AlertManager:
        return AlertManager(
            load_server=lambda: server or settings,
            find_mail=lambda: mail,
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
