"""Prepare a file for playback: decode it to find its intact parts, and choose accordingly."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.labels import UNLABELLED, Label
from vigint_web.media.opening import open_stored
from vigint_web.media.probe import Probe, probe
from vigint_web.media.rendition import Plan, make_rendition, plan, shows_damage
from vigint_web.media.runner import Runner, guarded_input
from vigint_web.media.survey import Survey

log = logging.getLogger(__name__)

# Recorders write two, some four; each becomes a file of its own.
MOST_FURTHER_TRACKS = 3
# A survey is valid for the rendition if it was laid out for this length, within a tolerance.
_SAME_LENGTH = 0.05

Report = Callable[[float], None]


class Flaw(StrEnum):
    """A defect of a file that plays nevertheless; stable enough to be stored."""

    DAMAGED = "damaged"
    CUT_SHORT = "cut_short"
    SOUND_UNREADABLE = "sound_unreadable"
    CLOCK_JUMPS = "clock_jumps"


@dataclass(frozen=True)
class Track:
    """A further track of the same file, such as of a rear camera."""

    rendition: Path
    played: Probe


@dataclass(frozen=True)
class Playable:
    """The playable version, and the facts found while making it.

    ``facts`` are those of the original file, except for duration and sound, which are those of
    playback. ``rendition`` is None where the file itself plays. ``survey`` is of the playable
    version. ``tracks`` are further tracks, each with the same sound.
    """

    facts: Probe
    plan: Plan
    rendition: Path | None
    played: Probe
    survey: Survey
    flaws: tuple[Flaw, ...]
    tracks: tuple[Track, ...] = ()


def prepare(
    original: Path,
    folder: Path,
    runner: Runner,
    *,
    filename: str | None = None,
    label: Label = UNLABELLED,
    on_progress: Report | None = None,
) -> Playable:
    """Survey a stored file and write ``rendition.mp4`` into a folder if it needs one.

    Further streams of pictures become ``track2.mp4`` and so on, as far as they can be read. What is
    written carries the ``label``; a file that plays unchanged stays as it is.

    A file that browsers play unchanged, or whose pictures can be copied, is decoded first: if that
    shows damage, or pictures of several sizes, they are re-encoded, because browsers stop at
    damage. Sound that cannot be decoded is left out; the next decodable stream of sound is used.
    Raises what `probe` and `make_rendition` raise.
    """
    facts, sound_damaged = _with_decodable_sound(
        probe(original, runner, filename=filename), original, runner
    )
    survey = Survey(facts, folder)
    wanted = plan(facts)
    damaged = anew = False
    if wanted is not Plan.TRANSCODE:
        anew = _changes_size(facts, original, runner)
    if wanted is Plan.ORIGINAL and not (anew or sound_damaged):
        damaged = anew = _shows_damage(survey, original, runner, on_progress)
        if not damaged:
            return Playable(facts, wanted, None, facts, survey, _flaws(facts, damaged=False))
        survey.forget()
    watched = folder / "rendition.mp4"
    made = make_rendition(
        original,
        watched,
        facts,
        runner,
        survey=survey,
        on_progress=on_progress,
        anew=anew,
        sound_anew=sound_damaged,
        label=label,
    )
    damaged = damaged or sound_damaged or shows_damage(made.complaints, facts)
    flaws = _flaws(facts, damaged=damaged)
    survey = _of_what_plays(survey, made.probe, watched, folder, runner)
    played = replace(facts, duration=made.probe.duration)
    tracks = tuple(
        _further_tracks(facts, original, folder, runner, label, sound_anew=sound_damaged)
    )
    return Playable(played, made.plan, watched, made.probe, survey, flaws, tracks)


def _further_tracks(
    facts: Probe, original: Path, folder: Path, runner: Runner, label: Label, *, sound_anew: bool
) -> Iterator[Track]:
    for number, stream in enumerate(facts.tracks[:MOST_FURTHER_TRACKS], start=2):
        watched = folder / f"track{number}.mp4"
        with spared(f"track {number}"):
            seen = probe(original, runner, picture=stream).with_sound(facts.audio_stream)
            anew = plan(seen) is not Plan.TRANSCODE and _changes_size(seen, original, runner)
            survey = Survey(seen, folder / "track")
            survey.folder.mkdir(exist_ok=True)
            made = make_rendition(
                original,
                watched,
                seen,
                runner,
                survey=survey,
                anew=anew,
                sound_anew=sound_anew,
                label=label,
            )
            survey.forget()
            yield Track(watched, made.probe)


@contextmanager
def spared(what: str) -> Iterator[None]:
    """Continue without pictures or a timeline: a video can be shown without them."""
    try:
        yield
    except MediaError as error:
        if error.code in {MediaErrorCode.CANCELLED, MediaErrorCode.NO_SPACE}:
            raise
        log.warning("%s failed: %s %s", what, error.code, error.detail)


def _with_decodable_sound(facts: Probe, path: Path, runner: Runner) -> tuple[Probe, bool]:
    """Return the facts with the first decodable stream of sound, and whether it is damaged."""
    for stream in facts.sounds:
        heard, complaints = _listen(facts, stream, path, runner)
        if heard > 0:
            chosen = facts if stream == facts.audio_stream else facts.with_sound(stream)
            return chosen, shows_damage(complaints, chosen)
    return (facts if facts.audio_stream is None else facts.with_sound(None)), False


def _listen(facts: Probe, stream: int, path: Path, runner: Runner) -> tuple[float, str]:
    """Decode a stream of sound; return the decoded seconds, and ffmpeg's messages."""
    heard = [0.0]
    opened = open_stored(path, facts)
    # Counted by the decoded samples: the stream's own times may be wrong.
    counted = opened[str(stream)].filter("asetpts", "N/SR/TB")
    decoded = counted.output("-", **{"format": "null", "c:a": "pcm_s16le"})
    try:
        done = runner.run(decoded.get_args(), on_progress=lambda s: heard.append(max(s, heard[0])))
    except ToolRefused as error:
        return 0.0, error.detail
    return max(heard), done.stderr


def _changes_size(facts: Probe, path: Path, runner: Runner) -> bool:
    """Return whether key frames have several sizes, which not every browser supports."""
    sizes: set[bytes] = set()
    question = ["-skip_frame", "nokey", "-select_streams", str(facts.video_stream)]
    question += ["-show_entries", "frame=width,height", "-of", "csv=p=0"]
    reading = [word for name, value in facts.reading.items() for word in (f"-{name}", value)]
    with suppress(ToolRefused):
        runner.run(
            [*question, *reading, *guarded_input(path)],
            program="ffprobe",
            on_line=lambda line: sizes.add(line.strip(b",\r ")),
        )
    return len(sizes - {b""}) > 1


def _shows_damage(survey: Survey, path: Path, runner: Runner, report: Report | None) -> bool:
    """Survey a file that may be playable unchanged; return whether it is damaged."""
    with spared("the survey"):
        try:
            survey.look(path, runner, on_progress=report)
        except MediaError as error:
            if error.code is not MediaErrorCode.NO_USABLE_FRAME:
                raise
            return True
    return shows_damage(survey.complaints, survey.probe)


def _of_what_plays(
    survey: Survey, made: Probe, watched: Path, folder: Path, runner: Runner
) -> Survey:
    """Return the survey if it fits the length of the rendition, else one of the rendition."""
    expected, lasts = survey.probe.duration or 0.0, made.duration or 0.0
    spans = [span for spans in made.packets[made.video_stream].stretches for span in spans]
    ends = max(end for _, end in spans)
    if survey.has_seen(ends) and abs(expected - lasts) <= max(1.0, lasts * _SAME_LENGTH):
        return survey
    survey.forget()
    again = Survey(made, folder)
    with spared("the survey of the rendition"):
        again.look(watched, runner)
    return again


def _flaws(facts: Probe, *, damaged: bool) -> tuple[Flaw, ...]:
    streams = facts.raw.get("streams", [])
    sounds = [stream["index"] for stream in streams if stream.get("codec_type") == "audio"]
    silent = [stream for stream in sounds if stream not in facts.packets]
    found = {
        Flaw.DAMAGED: damaged or (facts.lacks_pictures and not facts.cut_short),
        Flaw.CUT_SHORT: facts.cut_short,
        Flaw.SOUND_UNREADABLE: facts.audio_stream is None and len(silent) < len(sounds),
        Flaw.CLOCK_JUMPS: facts.clock is not None and facts.clock.jumps,
    }
    return tuple(flaw for flaw, there in found.items() if there)
