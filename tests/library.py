"""Create videos without encoding, for tests of their delivery."""

import hashlib
import secrets
from datetime import timedelta
from importlib import metadata
from typing import Any

from sqlalchemy import delete, select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.media.shown_frames import ShownFrame
from vigint_web.models import (
    ApiKey,
    Audience,
    Incident,
    Link,
    RiskLevel,
    Scope,
    Site,
    Source,
    Video,
    VideoFile,
    VideoKind,
    VideoStatus,
)
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import Actor, Visitor, as_key, command_line
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents import incidents
from vigint_web.services.incidents.box_frames import draw_boxes
from vigint_web.services.incidents.boxes import Box
from vigint_web.services.incidents.clip_boxes import add_boxes, place_boxes
from vigint_web.services.incidents.payload import IncidentFacts
from vigint_web.services.links.links import mint_link, program_link, token_of
from vigint_web.services.links.plays import new_view
from vigint_web.services.sources import sources
from vigint_web.services.videos.late_files import copy_files_of

ACTOR = command_line("test")
_AGENT = f"Werkzeug/{metadata.version('werkzeug')}"  # the test client's
STREAMED = bytes(range(256)) * 8 * 1024  # 2 MiB, every position identified by its value


class Library:
    """Create sources and incidents whose videos are in any state, with any bytes."""

    def source(
        self,
        data: bytes = STREAMED,
        *,
        filename: str = "security.mp4",
        name: str = "Security Footage",
        description: str = "The back door",
        actor: Actor = ACTOR,
        **values: Any,
    ) -> Source:
        """Add a source; its video is ready and plays unchanged unless `values` differ."""
        source = sources.begin_upload(actor, filename, name, description)
        draft = storage().new_temp()
        draft.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        sources.finish_upload(actor, source, draft, len(data), digest)
        self._settle(source.video, data, **values)
        return source

    def incident(self, data: bytes = STREAMED, *, site: Site | None = None, **values: Any) -> Video:
        """Add an incident whose clip is ready; return its video."""
        key = self.key(site)
        draft = storage().new_temp()
        draft.write_bytes(data)
        footage = incidents.Footage(
            draft=draft,
            kind=VideoKind.CLIP,
            size=len(data),
            digests=[hashlib.sha256(data).hexdigest()],
        )
        facts = IncidentFacts(
            message="Mouvement suspect",
            incident_type="Intrusion",
            risk_level=RiskLevel.HIGH,
            confidence=0.9,
            frame_count=None,
            analysis="",
            site=None,
            camera="Quai 2",
            detected_at=None,
            model=None,
            model_version=None,
            boxes=None,
            recipients=(),
            expiration_hours=None,
        )
        stored = incidents.record_incident(
            as_key(key), key.site_id, facts, footage, body_sha256=secrets.token_hex(32)
        )
        assert stored.video is not None
        self._settle(stored.video, data, **values)
        return stored.video

    def key(self, site: Site | None = None) -> ApiKey:
        """Add an API key and return its row."""
        site = site or sites.default_site()
        found = api_keys.find_api_key(
            api_keys.create_api_key(ACTOR, "library", site, {Scope.INGEST})
        )
        assert found is not None
        return found

    def person_token(self, video: Video, **options: Any) -> str:
        """Create a link for a person and return its token."""
        return token_of(self.person_link(video, **options))

    def person_link(self, video: Video, *, hours: int | None = 48, **options: Any) -> Link:
        """Create a link for a person."""
        return mint_link(ACTOR, video, Audience.PERSON, hours=hours, **options)

    def view(self, token: str, **visitor: str) -> str:
        """Return a name of a play, as in a page opened by a browser without cookies.

        Args:
            visitor: its address and user agent, if they are not the test client's.
        """
        from vigint_web.services.links.access import find_link

        link = find_link(token)
        assert link is not None
        whose = {"address": "127.0.0.1", "user_agent": _AGENT, **visitor}
        return new_view(link, Visitor(**whose))

    def program_token(self, source: Source) -> str:
        """Return the token of a source's programs."""
        link = program_link(source.video_id)
        assert link is not None
        return token_of(link)

    def change_link(self, token: str, **values: Any) -> None:
        """Change a link's row directly."""
        from vigint_web.services.links.access import find_link

        with transaction():
            link = find_link(token)
            assert link is not None
            for name, value in values.items():
                setattr(link, name, value)

    def expire(self, token: str) -> None:
        """Make a link expired."""
        self.change_link(token, expires_at=utcnow() - timedelta(seconds=1))

    def incident_of(self, video: Video) -> Incident:
        """Return the incident of a video."""
        return db.session.scalars(select(Incident).where(Incident.video_id == video.id)).one()

    def keep_picture(self, video: Video, kind: str) -> None:
        """Store one more picture of a video: its `thumbnail` or its `sprite`."""
        draft = storage().new_temp()
        draft.write_bytes(b"\xff\xd8a picture\xff\xd9")
        key = f"videos/{video.public_id}/a1/{kind}.jpg"
        storage().publish(draft, key)
        with transaction():
            setattr(video, f"{kind}_key", key)
            setattr(video, f"{kind}_size", 13)
            setattr(
                video, f"{kind}_sha256", hashlib.sha256(b"\xff\xd8a picture\xff\xd9").hexdigest()
            )
            _name_by_rows_too(video)

    def keep_track(self, video: Video, data: bytes = STREAMED[:1000]) -> str:
        """Store one more track of a file, such as of a rear camera; return its key."""
        number = len(video.tracks or []) + 2
        base = f"videos/{video.public_id}/a1"
        kept = self._keep(f"{base}/track{number}.mp4", data)
        track = {
            "number": number,
            **kept,
            "poster": self._keep(f"{base}/poster{number}.jpg", b"a picture of " + data),
            "width": 640,
            "height": 480,
            "duration": video.duration,
        }
        with transaction():
            video.tracks = [*(video.tracks or []), track]
            _name_by_rows_too(video)
            video.stored_size = video.files_size
        return str(kept["key"])

    def _keep(self, key: str, data: bytes) -> dict[str, Any]:
        draft = storage().new_temp()
        draft.write_bytes(data)
        storage().publish(draft, key)
        return {"key": key, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def look_over(self, video: Video) -> None:
        """Add a timeline, pictures and a box to a video of an incident."""
        self.keep_picture(video, "sprite")
        sheet = {"columns": 1, "rows": 1, "width": 2, "height": 2, "interval": 120.5, "count": 1}
        incident, box = self.incident_of(video), Box(0, 0.1, 0.2, 0.3, 0.4, "personne", 0.9)
        with transaction() as session:
            add_boxes(session, incident, [box])
            session.flush()
            place_boxes(session, incident, draw_boxes([box], [ShownFrame(0, 0.0)], 120.5))
            video.scenes = [{"start": 0, "score": 0}, {"start": 60, "score": 0.5}]
            video.timeline = {"sprite": sheet, "motion": [0, 100], "motion_interval": 60.25}
            video.recorded_at = utcnow()

    def _settle(self, video: Video, data: bytes, **values: Any) -> None:
        poster = storage().new_temp()
        poster.write_bytes(b"\xff\xd8a picture\xff\xd9")
        key = f"videos/{video.public_id}/a1/poster.jpg"
        storage().publish(poster, key)
        settled: dict[str, Any] = {
            "status": VideoStatus.READY,
            "attempt": 1,
            "progress": 100,
            "playable_key": video.original_key,
            "playable_size": video.original_size,
            "playable_sha256": video.original_sha256,
            "playable_type": "video/mp4",
            "poster_key": key,
            "poster_size": 13,
            "poster_sha256": hashlib.sha256(b"\xff\xd8a picture\xff\xd9").hexdigest(),
            "container": "mov,mp4,m4a,3gp,3g2,mj2",
            "format": "mp4",
            "duration": 120.5,
            "width": 1920,
            "height": 1080,
            "fps": 30.0,
            "bitrate": 696_000,
            "codec": "h264",
            "pixel_format": "yuv420p",
            "rotation": 0,
            "audio_codec": "aac",
            "audio_channels": 2,
            "audio_sample_rate": 48_000,
            "processing_started_at": utcnow(),
            "processing_completed_at": utcnow(),
        }
        with transaction():
            for name, value in (settled | values).items():
                setattr(video, name, value)
            _name_by_rows_too(video)
            if "stored_size" not in values:
                video.stored_size = video.files_size


def _name_by_rows_too(video: Video) -> None:
    db.session.flush()
    db.session.execute(delete(VideoFile).where(VideoFile.video_id == video.id))
    copy_files_of([video.id])
    db.session.refresh(video)
