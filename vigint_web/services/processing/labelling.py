"""Collect what a clip says about its recording: when, where, by which camera."""

from collections.abc import Callable
from datetime import datetime

from vigint_web.media.labels import Label
from vigint_web.media.pace import moment_of
from vigint_web.models import Video
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import release_connection
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.sources.sources import find_source_of


def labels_of(video: Video) -> Callable[[float | None], Label]:
    """Return a function that makes the label of a video for the time of its first picture.

    The time is in epoch seconds. Without a credible one it is that of the recording as a person
    entered it, else that of the detection, and the comment says so.
    """
    entered, received = video.recorded_at, video.created_at
    incident, source = find_incident_of(video.id), find_source_of(video.id)
    detected: datetime | None = None
    site = camera = about = ""
    if incident is not None:
        # Of an earlier attempt, whose first picture may have been another.
        entered, detected = None, incident.detected_at
        site = incident.site_name or incident.site.name
        camera = incident.camera.name if incident.camera else ""
        about = f"Incident {incident.reference}"
    elif source is not None:
        site, camera = source.site.name, source.camera.name if source.camera else ""
        about = f"Source {source.source_id}"
    release_connection()  # encoding takes minutes

    def label(began: float | None) -> Label:
        recorded = moment_of(began, received) or entered
        moment = recorded or detected
        known = "recording began" if recorded else "time of detection"
        comment = f"{about}, {known}" if moment and about else about
        local = moment.astimezone(config().timezone).replace(microsecond=0) if moment else None
        return Label(local, site, camera, comment)

    return label
