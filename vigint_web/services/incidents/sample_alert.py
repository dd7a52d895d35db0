"""Send a user a test alert through the same steps as a detector's."""

import secrets

from vigint_client.drawing import INTERVAL, draw_frame
from vigint_web.clock import utcnow
from vigint_web.errors import StorageFull
from vigint_web.models import Incident, RiskLevel, VideoKind
from vigint_web.services.accounts.sites import home_site
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import storage
from vigint_web.services.incidents.incidents import Footage, record_incident
from vigint_web.services.incidents.payload import IncidentFacts
from vigint_web.services.videos.frames_archive import FramesArchiveWriter
from vigint_web.storage import NoRoom

TEST_TYPE = "Test"
_FRAMES = 40


def send_test_alert(actor: Actor, recipient: str, message: str) -> Incident:
    """Record an incident of generated frames, which is encoded, linked and mailed like any other.

    Args:
        recipient: the only recipient.
        message: says that nothing happened, in the recipient's language.

    Raises:
        NotFound: the actor has no site.
        StorageFull: nothing was kept.
    """
    site = home_site(actor)
    footage = _draw()
    try:
        return record_incident(
            actor,
            site.id,
            _facts(recipient, message),
            footage,
            body_sha256=secrets.token_hex(32),  # this request is never repeated
        )
    finally:
        footage.draft.unlink(missing_ok=True)


def _draw() -> Footage:
    """Return footage of 4 seconds that ends now."""
    try:
        draft = storage().new_temp(".frames")
    except NoRoom:
        raise StorageFull from None
    try:
        writer = FramesArchiveWriter(draft)
        for index in range(_FRAMES):
            writer.add(draw_frame(index, _FRAMES))
        first = utcnow().timestamp() - _FRAMES * INTERVAL
        times: list[tuple[float | None, bool]] = [
            (round(first + index * INTERVAL, 3), False) for index in range(_FRAMES)
        ]
        counts: list[int | None] = [index + 1 for index in range(_FRAMES)]
        manifest = writer.finish(times, counts)
    except OSError:
        draft.unlink(missing_ok=True)
        raise StorageFull from None
    return Footage(
        draft=draft,
        kind=VideoKind.FRAMES,
        size=draft.stat().st_size,
        digests=writer.digests,
        manifest_sha256=manifest,
        first_seconds=first,
        last_frame_count=_FRAMES,
    )


def _facts(recipient: str, message: str) -> IncidentFacts:
    return IncidentFacts(
        message=message,
        incident_type=TEST_TYPE,
        risk_level=RiskLevel.LOW,
        confidence=None,
        frame_count=None,
        analysis="",
        site=None,
        camera=None,
        detected_at=None,
        model=None,
        model_version=None,
        boxes=None,
        recipients=(recipient,),
        expiration_hours=None,
        # The type in the mail, in place of a detector's SECURITY.
        extra={"alert_type": "test"},
        is_test=True,
    )
