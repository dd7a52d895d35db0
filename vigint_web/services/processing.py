"""Turn an original into what people watch: claim, produce, publish, settle.

May run twice, at once or one after the other, without harm.
"""

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from vigint_web.clock import utcnow
from vigint_web.errors import LeaseLost, StorageFull
from vigint_web.media import frames, incident, pictures, rendition
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.pace import moment_of
from vigint_web.media.probe import Probe, probe
from vigint_web.media.runner import Limits, Runner
from vigint_web.media.survey import Survey
from vigint_web.media.tools import ToolMissing
from vigint_web.models import Video, VideoStatus
from vigint_web.models import VideoKind as Kind
from vigint_web.services import audit, queueing
from vigint_web.services.actors import SYSTEM
from vigint_web.services.alerting import tell_of_video
from vigint_web.services.claims import Lease, claim
from vigint_web.services.filenames import storage_suffix
from vigint_web.services.frames_archive import MANIFEST, FramesArchive
from vigint_web.services.hosting_elsewhere import release_when_hosted
from vigint_web.services.incidents import find_incident_of
from vigint_web.services.releasing import release_without_video
from vigint_web.services.runtime import config, runtime, storage
from vigint_web.services.transactions import after_commit, change, transaction
from vigint_web.services.videos import delete_video_files, settle_failed, settle_ready
from vigint_web.storage import NoRoom, StorageError

log = logging.getLogger(__name__)

# An alert that waits for its picture is late: incidents get minutes, sources hours.
_INCIDENT_LIMITS = Limits(seconds=600)
_SOURCE_LIMITS = Limits(seconds=3 * 3600)
# A server of footage that is restarted; five attempts outlast some minutes.
_STORAGE_PAUSE = timedelta(seconds=60)
_PICTURES = ("poster", "thumbnail", "sprite")


@dataclass
class _Product:
    """What was made: files still under working names, and what the row will say."""

    values: dict[str, Any]
    drafts: dict[str, Path] = field(default_factory=dict)  # by storage key
    incident_values: dict[str, Any] = field(default_factory=dict)


def process_video(video_id: int) -> None:
    """Process one video that waits for it; do nothing if somebody else does already."""
    lease = claim(Video, video_id, Video.status == VideoStatus.PROCESSING)
    if lease is None:
        log.info("video %s is settled or in other hands", video_id)
        return
    with transaction() as session:
        begun = {"processing_started_at": utcnow(), "progress": None}
        change(session, update(Video).where(lease.held()).values(**begun))
        video = session.get_one(Video, video_id, populate_existing=True)
    with lease.kept():
        try:
            if video.attempt > video.attempt_limit:
                raise MediaError(MediaErrorCode.TOOL_FAILED, "workers died on it too often")
            with _workspace(lease) as folder:
                _publish(lease, video, _produce(video, folder, lease))
        except LeaseLost:
            log.warning("video %s: attempt %s lost its lease", video_id, lease.attempt)
        except MediaError as error:
            if lease.lost.is_set():
                log.warning("video %s: attempt %s lost its lease", video_id, lease.attempt)
                return
            if error.code == MediaErrorCode.TOOL_FAILED and not isinstance(error, ToolRefused):
                _accident(lease, video, error.detail)
            else:
                _fail(lease, video, error.code, error.detail)
        except (NoRoom, StorageFull):
            _fail(lease, video, MediaErrorCode.NO_SPACE, "no room left in the storage")
        except FileNotFoundError:
            _fail(lease, video, "original_missing", video.public_id)
        except StorageError as error:
            _accident(lease, video, str(error), pause=_STORAGE_PAUSE)
        except ToolMissing as error:
            _fail(lease, video, "tool_missing", str(error))


@contextmanager
def _workspace(lease: Lease) -> Iterator[Path]:
    # What earlier attempts left when they were killed; one that still lives may not publish.
    storage().discard_folders(f"work-{lease.row_id}-")
    folder = storage().new_folder(f"work-{lease.row_id}-{lease.attempt}-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _produce(video: Video, folder: Path, lease: Lease) -> _Product:
    limits = _SOURCE_LIMITS if video.kind == Kind.SOURCE else _INCIDENT_LIMITS
    runner = Runner(runtime().tools, limits, should_stop=lease.lost.is_set, log=log)
    base = f"videos/{video.public_id}/a{lease.attempt}"
    if video.kind == Kind.FRAMES:
        return _from_frames(video, folder, base, runner, lease)
    if video.original_key is None:
        raise FileNotFoundError(video.public_id)
    with storage().local_copy(video.original_key) as original:
        return _from_file(video, original, folder, base, runner, lease)


def _from_frames(video: Video, folder: Path, base: str, runner: Runner, lease: Lease) -> _Product:
    if video.frames_key is None:
        raise FileNotFoundError(video.public_id)
    clip = folder / "incident.mp4"
    with (
        storage().local_copy(video.frames_key) as path,
        FramesArchive(path) as archive,
    ):
        references = []
        for entry in archive.entries:
            load = archive.loader(entry)
            try:
                info = frames.inspect_frame(load())
            except frames.BrokenFrame as error:
                log.warning("frame %s of %s left out: %s", entry.name, video.public_id, error)
                continue
            references.append(incident.FrameRef(entry.timestamp, info, load))
        encoded = incident.encode_frames(
            references, clip, runner, survey_in=folder, on_progress=_reporter(lease)
        )
    seen = encoded.probe
    key, digest, size = f"{base}/incident.mp4", _sha256(clip), clip.stat().st_size
    product = _Product(
        values={
            **_probed(seen),
            "original_key": key,
            "original_size": size,
            "original_sha256": digest,
            "playable_key": key,
            "playable_size": size,
            "playable_sha256": digest,
            "playable_type": "video/mp4",
            "recorded_at": moment_of(encoded.began, video.created_at),
        },
        drafts={key: clip},
        incident_values={"frames_used": encoded.frames_used, "pace_known": encoded.pace_known},
    )
    if not config().keep_frames:
        # The clip is all that stays, and what says which frames it was made of.
        manifest = folder / MANIFEST
        with storage().local_copy(video.frames_key) as path, FramesArchive(path) as archive:
            archive.write_manifest(manifest)
        key = f"{base}/{MANIFEST}"
        product.values |= {"frames_key": key, "frames_size": manifest.stat().st_size}
        product.drafts[key] = manifest
    _add_pictures(product, clip, encoded.survey or Survey(seen, folder), folder, base, runner)
    return product


def _from_file(
    video: Video, original: Path, folder: Path, base: str, runner: Runner, lease: Lease
) -> _Product:
    seen = probe(original, runner, filename=video.original_name)
    plan = rendition.plan(seen)
    values = {**_probed(seen), "playable_type": rendition.playable_content_type(seen, plan)}
    if video.kind == Kind.CLIP and storage_suffix(video.original_name) != f".{seen.format}":
        values["original_name"] = f"incident.{seen.format}"
    product = _Product(values=values, incident_values={"pace_known": True})
    survey, report = Survey(seen, folder), _reporter(lease)
    if plan == rendition.Plan.ORIGINAL:
        values |= {
            "playable_key": video.original_key,
            "playable_size": video.original_size,
            "playable_sha256": video.original_sha256,
        }
        _look(survey, original, runner, report)
    else:
        watched = folder / "rendition.mp4"
        rendition.make_rendition(original, watched, seen, runner, survey=survey, on_progress=report)
        key = f"{base}/rendition.mp4"
        values |= {
            "playable_key": key,
            "playable_size": watched.stat().st_size,
            "playable_sha256": _sha256(watched),
        }
        product.drafts[key] = watched
    _add_pictures(product, original, survey, folder, base, runner)
    return product


def _look(
    survey: Survey, clip: Path, runner: Runner, report: Callable[[float], None] | None
) -> None:
    with _spared("looking it over"):
        survey.look(clip, runner, on_progress=report)


@contextmanager
def _spared(what: str) -> Iterator[None]:
    """Go on without pictures or a timeline: a video without them is still a video."""
    try:
        yield
    except MediaError as error:
        if error.code in {MediaErrorCode.CANCELLED, MediaErrorCode.NO_SPACE}:
            raise
        log.warning("%s failed: %s %s", what, error.code, error.detail)


def _add_pictures(
    product: _Product, clip: Path, survey: Survey, folder: Path, base: str, runner: Runner
) -> None:
    files = {name: folder / f"{name}.jpg" for name in _PICTURES}
    with _spared("the timeline"):
        line = survey.finish(folder, runner)
        product.values |= {"scenes": line.stored_scenes(), "timeline": line.stored()}
    if not files["thumbnail"].exists():
        with _spared("the poster"):
            pictures.make_poster(clip, files["poster"], survey.probe, runner)
            pictures.make_thumbnail(files["poster"], files["thumbnail"], runner)
    for name, picture in files.items():
        if picture.exists():
            _add_picture(product, name, picture, base)


def _add_picture(product: _Product, name: str, picture: Path, base: str) -> None:
    key = f"{base}/{name}.jpg"
    product.values |= {
        f"{name}_key": key,
        f"{name}_size": picture.stat().st_size,
        f"{name}_sha256": _sha256(picture),
    }
    product.drafts[key] = picture


def _publish(lease: Lease, video: Video, product: _Product) -> None:
    """Rename the files into place, then settle row, links and alerts in one transaction."""
    published: list[str] = []
    try:
        for key, draft in product.drafts.items():
            storage().publish(draft, key)
            published.append(key)
        with transaction() as session:
            if video.frames_key and "frames_key" in product.values:
                dropped = [video.frames_key]
                after_commit(lambda: delete_video_files(dropped))
            settle_ready(lease, product.values)
            session.refresh(video)
            found = find_incident_of(video.id)
            if found is not None:
                for name, value in product.incident_values.items():
                    setattr(found, name, value)
                release_when_hosted(found, video)
            tell_of_video(video, found)
            audit.record(
                SYSTEM,
                "video:ready",
                f"video:{video.public_id}",
                site_id=video.site_id,
                sha256=video.original_sha256,
            )
    except (LeaseLost, NoRoom, StorageFull):
        # Surely not committed, and keys carry the attempt's number: nobody else published these.
        # After any other error the row may name them; if it does not, the sweep takes them.
        delete_video_files(published)
        raise
    log.info("video %s ready", video.id)


def _accident(lease: Lease, video: Video, detail: str, *, pause: timedelta = timedelta(0)) -> None:
    """Let go of a video for the next attempt: the machine was at fault, perhaps not the video.

    Args:
        pause: how long nobody tries, because what failed takes its time to come back.
    """
    if video.attempt >= video.attempt_limit:
        _fail(lease, video, MediaErrorCode.TOOL_FAILED, detail)
        return
    log.warning("video %s: attempt %s was cut off: %s", video.id, lease.attempt, detail)
    with transaction() as session:
        if pause:  # the scheduler brings it back when the lease has run out
            until = utcnow() + pause
            change(session, update(Video).where(lease.held()).values(lease_until=until))
            return
        change(session, update(Video).where(lease.held()).values(lease_until=None))
        after_commit(lambda: queueing.enqueue_video(video.kind, video.id, lease.attempt))


def _fail(lease: Lease, video: Video, code: str, detail: str) -> None:
    log.warning("video %s failed: %s: %s", video.id, code, detail)
    try:
        with transaction():
            settle_failed(lease, code, detail)
            found = find_incident_of(video.id)
            if found is not None:
                if video.kind == Kind.FRAMES:
                    found.frames_used = 0
                release_without_video(found)
            tell_of_video(video, found)
            audit.record(
                SYSTEM,
                "video:failed",
                f"video:{video.public_id}",
                site_id=video.site_id,
                code=code,
            )
    except LeaseLost:
        log.warning("video %s: attempt %s lost its lease", lease.row_id, lease.attempt)


def _reporter(lease: Lease) -> Callable[[float], None]:
    """Return a function that writes progress (0 to 1) to the row, whenever it grew by a step."""
    shown = 0

    def report(fraction: float) -> None:
        nonlocal shown
        percent = max(0, min(99, int(fraction * 100)))
        if percent < shown + 2:
            return
        shown = percent
        with transaction() as session:
            change(session, update(Video).where(lease.held()).values(progress=percent))

    return report


def _probed(seen: Probe) -> dict[str, Any]:
    return {
        "container": seen.container,
        "format": seen.format,
        "duration": seen.duration,
        "width": seen.width,
        "height": seen.height,
        "fps": seen.fps,
        "bitrate": seen.bitrate,
        "codec": seen.codec,
        "pixel_format": seen.pixel_format,
        "rotation": seen.rotation,
        "audio_codec": seen.audio_codec,
        "audio_channels": seen.audio_channels,
        "audio_sample_rate": seen.audio_sample_rate,
        "details": seen.raw,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
