"""Fill an installation's database with the data of months of use, in a second.

Nothing is encoded: all videos share one clip and one picture. Rows are in all states that a page
shows, with leases that keep workers away.
"""

import hashlib
import random
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from tests.engines import share_compiled_statements
from tests.helpers import Footage, close_pool
from tests.library import ACTOR, Library
from tests.populated_people import (
    add_admin,
    add_people,
    add_sites,
    address_of_invitation,
    send_invitations,
)
from tests.populated_words import AGENTS, EXTREME, State, picture
from vigint_web import create_app
from vigint_web.clock import utcnow
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import (
    Access,
    ApiKey,
    Audience,
    Incident,
    Link,
    Mail,
    Notification,
    NotificationKind,
    NotificationState,
    Playback,
    RiskLevel,
    Scope,
    Source,
    Video,
    VideoStatus,
)
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.core.leases import LONGEST_LEASE
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.dispatch.outage import longest_wait
from vigint_web.services.links import links
from vigint_web.services.notifications import delivery
from vigint_web.services.operations.reach import token_to_scan
from vigint_web.services.sources.tags import LONGEST, set_tags

MAILS = 60  # more than a page of the outbox


@dataclass
class Filled:
    """The parts of addresses; a missing name has no row in that state."""

    sources: dict[str, str] = field(default_factory=dict)
    incidents: dict[str, str] = field(default_factory=dict)
    links: dict[str, int] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    videos: dict[str, str] = field(default_factory=dict)
    mails: list[int] = field(default_factory=list)
    people: dict[str, int] = field(default_factory=dict)
    recovery_code: str = ""
    invitation: str = ""
    # Path and query of what a phone scans.
    reach: str = ""


@contextmanager
def opened(settings: dict[str, str]) -> Iterator[None]:
    """Use an installation's database through the services; passwords are hashed fast."""
    app = create_app(load_config(settings))
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("vigint_web.services.accounts.passwords._hasher", cheap)
        flask_migrate.upgrade()
        share_compiled_statements(db.engine)
        try:
            yield
        finally:
            db.session.remove()
            close_pool(db.engine)


def fill(state: State, footage: Footage) -> Filled:
    """Put an administrator and a state's rows into the open database."""
    site = sites.default_site()
    add_admin()
    if not state.count:
        return Filled()
    with transaction():
        add_sites(state)
        rows = Populated(state, footage)
        rows.fill(site.id)
        rows.filled.people, rows.filled.recovery_code = add_people(state)
    rows.send()
    send_invitations()
    rows.filled.invitation = address_of_invitation(rows.filled.people["invited"])
    rows.filled.reach = f"/reach?token={token_to_scan()}"
    return rows.filled


class Populated:
    """Create rows in every state, named with a state's words."""

    def __init__(self, state: State, footage: Footage) -> None:
        self.state = state
        self.filled = Filled()
        self.now = utcnow()
        self._words = state.words
        self._library = Library()
        self._dice = random.Random(7)
        self._pending: list[int] = []
        self._first_id: int | None = None
        clip = footage.clip("populated.mp4", seconds=4, size="640x360").read_bytes()
        self._files = {
            **_published("original", "populated.mp4", clip),
            **_published("playable", "populated.mp4", clip),
            **_published("poster", "poster.jpg", picture(1280, 720)),
            **_published("thumbnail", "thumbnail.jpg", picture(320, 180)),
        }

    def fill(self, site_id: int) -> None:
        """Create everything but the mails."""
        few = max(1, self.state.count // 4)
        for number, kind in self._kinds(
            ("ready", "processing", "failed", "text_only", "unsent", "waiting", "revoked")
        ):
            self._incident(site_id, number, kind)
        self._test_alert()
        for number, kind in self._kinds(("ready", "processing", "failed", "uploading")):
            self._source(number, kind)
        for number, name in enumerate(islice(cycle(self._words.names), few + 1)):
            self._key(number, name)

    def send(self) -> None:
        """Send the pending notifications in the normal way."""
        for alert_id in self._pending:
            delivery.deliver_alert(alert_id)
        self.filled.mails = list(db.session.scalars(select(Mail.id).order_by(Mail.id)))

    def _kinds(self, kinds: Sequence[str]) -> Iterable[tuple[int, str]]:
        """Pair numbers with kinds: each at least once, then mostly successful ones."""
        count = max(self.state.count, len(kinds))
        repeated = [*kinds, *([kinds[0]] * 3)]
        return ((number, repeated[number % len(repeated)]) for number in range(count))

    def _word(self, words: Sequence[str], number: int) -> str:
        return words[number % len(words)]

    def _back(self, number: int) -> datetime:
        """Return the time of an entry: the first now, the others increasingly older."""
        return self.now - timedelta(minutes=7 * number * number + self._dice.randint(0, 6))

    def _test_alert(self) -> None:
        incident = self._library.incident_of(self._library.incident(b"x"))
        incident.is_test = True
        incident.incident_type = self._word(self._words.names, 0)[:100]
        self.filled.incidents["test"] = incident.reference

    def _incident(self, site_id: int, number: int, kind: str) -> None:
        words = self._words
        video = self._library.incident(b"x", **self._settled(number, kind))
        incident = self._library.incident_of(video)
        self.filled.incidents.setdefault(kind, incident.reference)
        self.filled.videos.setdefault(f"incident_{kind}", video.public_id)
        incident.message = self._word(words.messages, number)
        incident.incident_type = ("Intrusion", "Vol à l'étalage", "Chute")[number % 3]
        if words is EXTREME:
            incident.incident_type = self._word(words.names, number)[:100]
            incident.extra = {name[:60]: name for name in words.names}
        incident.risk_level = list(RiskLevel)[number % len(RiskLevel)]
        incident.analysis = self._word(words.messages, number + 1)
        incident.camera_id = camera_of(site_id, self._word(words.names, number)).id
        incident.site_name = self._word(words.names, number + 1)
        incident.frames_received, incident.frames_used = 40, 38
        incident.frame_count, incident.pace_known = 1234 + number, number % 5 != 0
        incident.created_at = incident.detected_at = self._back(number)
        # Those that were posted at once are repeats for the cool-down; here only some are.
        incident.grouped_under_id = self._first_id if number % 5 == 4 else None
        self._first_id = self._first_id or incident.id
        if kind == "text_only":
            self._without_video(incident, video)
        for address in words.addresses:
            self._alert(incident, video, kind, address)
        for link in self._links_of(video):
            self._watched(link, few=number > 0)
            if kind in {"processing", "failed"}:
                self._remember(kind, link, video)

    def _without_video(self, incident: Incident, video: Video) -> None:
        incident.video_id = incident.link_id = None
        incident.frames_received, incident.frames_used = 0, None
        for link in self._links_of(video):
            db.session.delete(link)
        db.session.flush()
        db.session.delete(video)
        db.session.flush()
        db.session.expire(incident, ["video"])

    def _alert(self, incident: Incident, video: Video, kind: str, address: str) -> None:
        notification = Notification(
            incident_id=incident.id,
            recipient=address,
            state=NotificationState.WAITING,
            message_id=f"<{secrets.token_hex(8)}@vigint.test>",
            created_at=incident.created_at,
        )
        db.session.add(notification)
        if kind != "processing":
            notification.state, notification.next_attempt_at = NotificationState.PENDING, self.now
        if kind in {"failed", "text_only"}:
            notification.kind = NotificationKind.TEXT_ONLY
        elif kind != "processing":
            link = self._person_link(video, kind, address)
            notification.link_id = link.id
            if kind == "revoked":
                links.revoke_link(ACTOR, link.id, self._word(self._words.messages, 0)[:500])
        if kind in {"unsent", "waiting"}:
            notification.error = f"The mail server refused {address}: 550 5.1.1 User unknown"
            notification.attempt = 3
        if kind == "unsent":
            notification.state, notification.next_attempt_at = NotificationState.FAILED, None
        if kind == "waiting":
            notification.next_attempt_at = self.now + longest_wait()
        db.session.flush()
        due = notification.state == NotificationState.PENDING and kind not in {"waiting", "revoked"}
        if due and len(self._pending) < MAILS:
            self._pending.append(notification.id)
        elif due or kind == "revoked":
            notification.state, notification.sent_at = NotificationState.SENT, incident.created_at

    def _person_link(self, video: Video, kind: str, address: str) -> Link:
        number = len(self.filled.links)
        link = links.mint_link(
            ACTOR,
            video,
            Audience.PERSON,
            recipient=address,
            hours=(2, 48, 400)[number % 3],
            max_views=3 if number % 4 == 1 else None,
            not_before=None,
        )
        self._remember(kind if kind == "revoked" else "live", link, video)
        return link

    def _remember(self, name: str, link: Link, video: Video) -> None:
        self.filled.links.setdefault(name, link.id)
        token = links.token_of(link)
        self.filled.private.setdefault(name, f"/video/{video.public_id}?token={token}")

    def _dead_links(self, video: Video) -> None:
        """Add invalid links, for every reason."""
        before, after = self.now - timedelta(hours=1), self.now + timedelta(days=2)
        dead: dict[str, dict[str, Any]] = {
            "expired": {"expires_at": before},
            "used_up": {"max_views": 2, "views": 2},
            "not_yet": {"not_before": after, "expires_at": after + timedelta(days=1)},
        }
        for name, values in dead.items():
            link = links.mint_link(
                ACTOR, video, Audience.PERSON, recipient=self._words.addresses[0], hours=48
            )
            for column, value in values.items():
                setattr(link, column, value)
            self._remember(name, link, video)

    def _source(self, number: int, kind: str) -> None:
        source = self._library.source(
            b"x",
            filename=self._word(self._words.files, number),
            name=self._word(self._words.names, number),
            description=self._word(self._words.messages, number),
            **self._settled(number, kind),
        )
        source.created_at = source.video.created_at = self._back(number)
        self._describe(source, number)
        self.filled.sources.setdefault(kind, source.source_id)
        self.filled.videos.setdefault(f"source_{kind}", source.video.public_id)
        link = links.program_link(source.video_id)
        assert link is not None
        if kind == "ready" and "program" not in self.filled.links:
            self._watched(link, few=False)
            self._dead_links(source.video)
            self._granting_link(source.video)
        self._remember("program", link, source.video)

    def _describe(self, source: Source, number: int) -> None:
        """Describe most sources: place and content."""
        if number % 3:
            source.camera = camera_of(source.site_id, self._word(self._words.names, number + 1))
            words = [self._word(self._words.names, number + n)[:LONGEST] for n in range(number % 5)]
            set_tags(source, [word for word in words if word.strip()])
        video = source.video
        video.stored_size = (video.original_size or 0) + (video.poster_size or 0)
        if video.status != VideoStatus.PROCESSING:  # the duplicates of others
            video.original_sha256 = hashlib.sha256(str(number).encode()).hexdigest()

    def _granting_link(self, video: Video) -> None:
        """Add a link that grants the original and all metadata."""
        link = links.mint_link(
            ACTOR,
            video,
            Audience.PERSON,
            recipient=self._words.addresses[0],
            hours=3,
            full_access=True,
        )
        self._remember("granted", link, video)

    def _key(self, number: int, name: str) -> None:
        api_keys.create_api_key(ACTOR, name, sites.default_site(), set(Scope))
        key = db.session.scalars(select(ApiKey).order_by(ApiKey.id.desc()).limit(1)).one()
        if number % 3 == 1:
            api_keys.revoke_api_key(ACTOR, key.id)
        if number % 3 != 2:
            key.last_used_at = self._back(number)

    def _settled(self, number: int, kind: str) -> dict[str, Any]:
        """Return a video's columns."""
        if kind == "uploading":
            uploading = {"status": VideoStatus.UPLOADING, "attempt": 0, "progress": 0}
            return {**_NOTHING, **uploading, **self._held()}
        received = {
            name: value for name, value in self._files.items() if name.startswith("original_")
        }
        if kind == "processing":
            working = {"status": VideoStatus.PROCESSING, "progress": 40}
            return {**_NOTHING, **received, **working, **self._held()}
        if kind == "failed":
            detail = self._word(self._words.messages, number)
            failed = {"status": VideoStatus.FAILED, "error_code": "broken", "error_detail": detail}
            return {**_NOTHING, **received, **failed}
        return {
            **self._files,
            "recorded_at": self._back(number),
            "duration": 4.0,
            "width": 640,
            "height": 360,
            "fps": 25.0,
            "scenes": [
                {"start": 4.0 * n / self._scenes, "score": 0.3} for n in range(self._scenes)
            ],
            "timeline": {
                "sprite": None,
                "motion": [10 * (n % 11) for n in range(40)],
                "motion_interval": 0.1,
            },
        }

    @property
    def _scenes(self) -> int:
        return 20 if self.state.name == "long" else 3

    def _held(self) -> dict[str, Any]:
        # A lease expires soon: `tests.leases` renews it as long as the row must stay unchanged.
        return {"lease_until": self.now + LONGEST_LEASE}

    def _links_of(self, video: Video) -> Sequence[Link]:
        return db.session.scalars(select(Link).where(Link.video_id == video.id)).all()

    def _watched(self, link: Link, *, few: bool) -> None:
        """Record various uses of a link."""
        count = 1 if few else self.state.accesses
        view = secrets.token_hex(8)
        for number in range(count):
            at = self.now - timedelta(minutes=number)
            refused = number % 9 == 8
            what = ("page", "stream", "stream", "thumbnail")[number % 4]
            streamed = what == "stream" and not refused
            db.session.add(
                Access(
                    link_id=link.id,
                    at=at,
                    what=what,
                    status=410 if refused else 206 if streamed else 200,
                    code="link_expired" if refused else None,
                    view=view if streamed else None,
                    first_byte=0 if streamed else None,
                    last_byte=1_048_575 if streamed else None,
                    address=f"2001:db8:{number:x}::{number:x}" if number % 3 else "203.0.113.7",
                    user_agent=AGENTS[number % len(AGENTS)],
                )
            )
        db.session.add(Playback(link_id=link.id, view=view, started_at=self.now, last_at=self.now))
        link.views = max(link.views, 1)


# Values that a video has only when ready.
_NOTHING: dict[str, Any] = dict.fromkeys(
    (
        "playable_key", "playable_size", "playable_sha256", "playable_type",
        "poster_key", "poster_size", "poster_sha256", "processing_completed_at",
        "container", "format", "duration", "width", "height", "fps", "bitrate", "codec",
        "pixel_format", "rotation", "audio_codec", "audio_channels", "audio_sample_rate",
    )
)  # fmt: skip


def _published(kind: str, name: str, data: bytes) -> dict[str, Any]:
    """Store a file that many rows reference; return its columns."""
    draft: Path = storage().new_temp()
    draft.write_bytes(data)
    key = f"videos/shared/{name}"
    storage().publish(draft, key)
    return {
        f"{kind}_key": key,
        f"{kind}_size": len(data),
        f"{kind}_sha256": hashlib.sha256(data).hexdigest(),
    }
