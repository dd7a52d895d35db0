"""Replace an original by one without its sound, as the settings of its camera require."""

from pathlib import Path

from sqlalchemy import update

from vigint_web.media.probe import probe
from vigint_web.media.runner import Runner
from vigint_web.media.silence import has_sound, remove_sound
from vigint_web.models import ActKind, IncidentAct, NamedFile, Video
from vigint_web.models.video_file import ORIGINAL
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.leases import Lease
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import after_commit, change, transaction
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.processing.stored_drafts import named
from vigint_web.services.videos.lifecycle import delete_video_files
from vigint_web.services.videos.publication import publish_files


def without_sound(
    video: Video, received: NamedFile, folder: Path, base: str, runner: Runner, lease: Lease
) -> NamedFile:
    """Return a claimed video's original without sound, stored in place of the received one.

    It is committed before anything is made of the video, so that a later failure leaves no sound.

    Raises:
        LeaseLost: another worker owns the video now.
        MediaError: the file cannot be read; it is not served as long as this is so.
    """
    with storage().local_copy(received.key) as path:
        facts = probe(path, runner, filename=video.original_name)
        silent = remove_sound(path, folder, facts, runner) if has_sound(facts) else None
    if silent is None:
        _commit(video, lease, received, None)
        return received
    made = named(f"{base}/{silent.name}", silent)
    storage().publish(silent, made.key)
    # If this fails, the sweep removes the file, which no row names then.
    _commit(video, lease, received, made)
    return made


def _commit(video: Video, lease: Lease, received: NamedFile, made: NamedFile | None) -> None:
    with transaction() as session:
        files = {} if made is None else {ORIGINAL: made}

        def write(**columns: object) -> int:
            return change(session, update(Video).where(lease.held()).values(**columns))

        lease.require(publish_files(session, video.id, write, files, {"sound_to_remove": False}))
        session.refresh(video)
        if made is None:
            return
        video.stored_size = video.files_size
        incident = find_incident_of(video.id)
        if incident is not None:
            act = IncidentAct(
                incident_id=incident.id, kind=ActKind.SOUND_REMOVED, actor=SYSTEM.label
            )
            session.add(act)
        trail.record(
            SYSTEM,
            "video:sound_removed",
            f"video:{video.public_id}",
            site_id=video.site_id,
            received_sha256=received.sha256,
            sha256=made.sha256,
        )
        after_commit(lambda: delete_video_files([received.key]))
