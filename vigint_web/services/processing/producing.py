"""Produce the playable version of an original: the files, and the row's values."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import update

from vigint_web.media import incident, pictures, rendition
from vigint_web.media.pace import moment_of
from vigint_web.media.playable import Track, prepare, spared
from vigint_web.media.probe import Probe, probe
from vigint_web.media.runner import Limits, Runner
from vigint_web.media.shown_frames import shown_of_clip
from vigint_web.media.survey import Survey
from vigint_web.models import FileKind, NamedFile, Video
from vigint_web.models import VideoKind as Kind
from vigint_web.models.video_file import FRAMES, ORIGINAL, PLAYABLE, Slot, frames_type
from vigint_web.services.core.leases import Lease
from vigint_web.services.core.runtime import config, runtime, storage
from vigint_web.services.core.transactions import change, release_connection, transaction
from vigint_web.services.incidents.box_frames import Drawn, draw_boxes
from vigint_web.services.incidents.boxes import Box
from vigint_web.services.incidents.clip_boxes import boxes_about, main_moment
from vigint_web.services.incidents.frames import usable_frames
from vigint_web.services.processing.labelling import labels_of
from vigint_web.services.processing.sound import without_sound
from vigint_web.services.processing.stored_drafts import named
from vigint_web.services.videos.filenames import storage_suffix
from vigint_web.services.videos.frames_archive import MANIFEST, FramesArchive

log = logging.getLogger(__name__)

# An alert that waits for its picture is late: incidents get minutes, sources hours.
_INCIDENT_LIMITS = Limits(seconds=600)
# The alert is on its way meanwhile, and its mail must not wait for pictures.
_PICTURE_LIMITS = replace(_INCIDENT_LIMITS, niceness=5)
_SOURCE_LIMITS = Limits(seconds=3 * 3600)
_PICTURES = (FileKind.POSTER, FileKind.THUMBNAIL, FileKind.SPRITE)


@dataclass
class Product:
    """The result: files still under working names, and the row's values."""

    values: dict[str, Any]
    files: dict[Slot, NamedFile] = field(default_factory=dict)
    drafts: dict[str, Path] = field(default_factory=dict)  # by storage key
    incident_values: dict[str, Any] = field(default_factory=dict)
    drawn: Drawn | None = None  # its boxes
    # Of a clip whose pictures are made once its alert was released: its facts.
    unpictured: Probe | None = None


def produce(video: Video, folder: Path, lease: Lease) -> Product:
    """Produce what a claimed video needs, into a folder of its own; report progress in the row.

    Raises:
        MediaError, FileNotFoundError: the original is missing; and what the storage raises.
    """
    runner, base = _runner(video, lease), _base(video, lease)
    if video.kind == Kind.FRAMES:
        return _from_frames(video, folder, base, runner, lease)
    received = video.file(*ORIGINAL)
    if received is None:
        raise FileNotFoundError(video.public_id)
    if video.sound_to_remove:
        received = without_sound(video, received, folder, base, runner, lease)
    with storage().local_copy(received.key) as original:
        return _from_file(video, received, original, folder, base, runner, lease)


def produce_pictures(video: Video, folder: Path, lease: Lease, seen: Probe | None) -> Product:
    """Produce the pictures and the timeline of a clip that is ready.

    Args:
        seen: its facts, where this process knows them.

    Raises:
        MediaError, FileNotFoundError: the clip is missing; and what the storage raises.
    """
    clip = video.file(*PLAYABLE)
    if clip is None:
        raise FileNotFoundError(video.public_id)
    runner, product = _runner(video, lease, _PICTURE_LIMITS), Product(values={})
    main_at = main_moment(video.id)
    release_connection()
    with storage().local_copy(clip.key) as path:
        seen = seen or probe(path, runner, filename=path.name)
        survey = Survey(seen, folder)
        with spared("the survey"):
            survey.look(path, runner)
        if main_at is not None:
            product.drawn = Drawn([], main_at=main_at)
        _add_pictures(product, path, seen, survey, folder, _base(video, lease), runner)
    return product


def _runner(video: Video, lease: Lease, limits: Limits | None = None) -> Runner:
    source = video.kind == Kind.SOURCE
    return Runner(
        runtime().frame_tools if video.kind == Kind.FRAMES else runtime().tools,
        limits or (_SOURCE_LIMITS if source else _INCIDENT_LIMITS),
        should_stop=lease.lost.is_set,
        log=log,
    )


def _base(video: Video, lease: Lease) -> str:
    return f"videos/{video.public_id}/a{lease.attempt}"


def _from_frames(video: Video, folder: Path, base: str, runner: Runner, lease: Lease) -> Product:
    frames = video.file(*FRAMES)
    if frames is None:
        raise FileNotFoundError(video.public_id)
    clip = folder / "incident.mp4"
    boxes = _boxes(video)
    with (
        storage().local_copy(frames.key) as path,
        FramesArchive(path) as archive,
    ):
        usable = usable_frames(archive, video.public_id)
        encoded = incident.encode_frames(
            usable,
            clip,
            runner,
            label_of=labels_of(video),
            on_progress=_reporter(lease),
        )
    seen = encoded.probe
    made = named(f"{base}/incident.mp4", clip)
    product = Product(
        values={**_probed(seen), "recorded_at": moment_of(encoded.began, video.created_at)},
        files={ORIGINAL: made, PLAYABLE: replace(made, content_type="video/mp4")},
        drafts={made.key: clip},
        incident_values={"frames_used": encoded.frames_used, "pace_known": encoded.pace_known},
        unpictured=seen,
    )
    if not config().keep_frames:
        # Only the clip is kept, and the manifest of its frames.
        manifest = folder / MANIFEST
        with storage().local_copy(frames.key) as path, FramesArchive(path) as archive:
            archive.write_manifest(manifest)
        key = f"{base}/{MANIFEST}"
        product.files[FRAMES] = NamedFile(
            key, manifest.stat().st_size, content_type=frames_type(key)
        )
        product.drafts[key] = manifest
    if boxes:
        shown = [replace(one, place=usable[one.place].number or 0) for one in encoded.shown]
        product.drawn = draw_boxes(boxes, shown, encoded.duration)
    return product


def _from_file(
    video: Video,
    received: NamedFile,
    original: Path,
    folder: Path,
    base: str,
    runner: Runner,
    lease: Lease,
) -> Product:
    ready = prepare(
        original,
        folder,
        runner,
        filename=video.original_name,
        label=labels_of(video)(None),
        on_progress=_reporter(lease),
    )
    seen = ready.facts
    values = {
        **_probed(seen),
        "flaws": [flaw.value for flaw in ready.flaws],
        "gaps": _gaps(seen),
    }
    if video.kind == Kind.CLIP and storage_suffix(video.original_name) != f".{seen.format}":
        values["original_name"] = f"incident.{seen.format}"
    product = Product(values=values, incident_values={"pace_known": True})
    watched, plays = ready.rendition, received
    if watched is not None:
        plays = named(f"{base}/rendition.mp4", watched)
        product.drafts[plays.key] = watched
    content_type = rendition.playable_content_type(seen, ready.plan)
    product.files[PLAYABLE] = replace(plays, content_type=content_type)
    _add_tracks(product, ready.tracks, folder, base, runner)
    if boxes := _boxes(video):
        with spared("the times of its pictures"):
            shown = shown_of_clip(ready, original, runner)
            product.drawn = draw_boxes(boxes, shown, ready.played.duration or 0.0)
    _add_pictures(product, watched or original, ready.played, ready.survey, folder, base, runner)
    return product


def _boxes(video: Video) -> list[Box]:
    found = boxes_about(video.id)
    release_connection()  # encoding takes minutes
    return found


def _add_tracks(
    product: Product, tracks: Sequence[Track], folder: Path, base: str, runner: Runner
) -> None:
    product.values["tracks"] = []
    for number, track in enumerate(tracks, start=2):
        product.values["tracks"].append(
            {
                "number": number,
                "width": track.played.width,
                "height": track.played.height,
                "duration": track.played.duration,
            }
        )
        key = f"{base}/track{number}.mp4"
        product.files[FileKind.PLAYABLE, number] = named(key, track.rendition, "video/mp4")
        product.drafts[key] = track.rendition
        picture = folder / f"poster{number}.jpg"
        with spared("the poster of a further picture"):
            pictures.make_poster(track.rendition, picture, track.played, runner)
            key = f"{base}/{picture.name}"
            product.files[FileKind.POSTER, number] = named(key, picture, "image/jpeg")
            product.drafts[key] = picture


def _add_pictures(
    product: Product,
    clip: Path,
    shown: Probe,
    survey: Survey,
    folder: Path,
    base: str,
    runner: Runner,
) -> None:
    files = {name: folder / f"{name}.jpg" for name in _PICTURES}
    with spared("the timeline"):
        line = survey.finish(folder, runner)
        product.values |= {"scenes": line.stored_scenes(), "timeline": line.stored()}
    if not files[FileKind.THUMBNAIL].exists():
        with spared("the poster"):
            pictures.make_poster(clip, files[FileKind.POSTER], shown, runner)
            pictures.make_thumbnail(files[FileKind.POSTER], files[FileKind.THUMBNAIL], runner)
    drawn = product.drawn
    if drawn is not None and drawn.main_at is not None:
        # What was detected is better to see than a typical picture.
        with spared("the poster of what was detected"):
            if pictures.make_pictures_at(clip, folder, drawn.main_at, shown, runner):
                product.drawn = replace(drawn, poster_at=drawn.main_at)
    for name, picture in files.items():
        if picture.exists():
            _add_picture(product, name, picture, base)


def _add_picture(product: Product, name: str, picture: Path, base: str) -> None:
    key = f"{base}/{name}.jpg"
    product.files[name, 1] = named(key, picture, "image/jpeg")
    product.drafts[key] = picture


def _reporter(lease: Lease) -> Callable[[float], None]:
    """Return a function that writes progress (0 to 1) to the row, for each step of growth."""
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


def _gaps(seen: Probe) -> list[dict[str, float]] | None:
    """Return the gaps in the row's format, to the millisecond."""
    if seen.clock is None or seen.clock.gaps is None:
        return None
    return [{"at": round(gap.at, 3), "left_out": round(gap.left_out, 3)} for gap in seen.clock.gaps]


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
