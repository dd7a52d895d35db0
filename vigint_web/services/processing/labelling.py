"""Collect what a clip says about its recording: when, where, by which camera."""

from collections.abc import Callable

from vigint_web.media.labels import UNLABELLED, Label
from vigint_web.media.pace import moment_of
from vigint_web.models import Video
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.core.transactions import release_connection
from vigint_web.services.incidents.incidents import find_incident_of


def labels_of(video: Video) -> Callable[[float | None], Label]:
    """Return a function that makes the label of a video for the time of its first picture.

    The time is in epoch seconds. Without a credible one it is that of the detection, and the
    comment says so. Sources get none: whether a recipient of one reads where and when it was
    recorded is decided for each link.
    """
    received, incident = video.created_at, find_incident_of(video.id)
    if incident is None:
        release_connection()
        return lambda _began: UNLABELLED
    detected, reference = incident.detected_at, incident.reference
    site = incident.site_name or incident.site.name
    camera = incident.camera.name if incident.camera else ""
    zone = zone_of(incident.site)
    release_connection()  # encoding takes minutes

    def label(began: float | None) -> Label:
        recorded = moment_of(began, received)
        known = "recording began" if recorded else "time of detection"
        local = (recorded or detected).astimezone(zone).replace(microsecond=0)
        return Label(local, site, camera, f"Incident {reference}, {known}")

    return label
