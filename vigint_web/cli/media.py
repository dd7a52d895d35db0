"""Process a file from the command line like the workers do."""

import json
import tempfile
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click
from flask_babel import force_locale

from vigint_web import create_app
from vigint_web.errors import CommandRefused
from vigint_web.i18n.formats import duration, file_size
from vigint_web.i18n.sentences import failure_sentence, flaw_sentence
from vigint_web.media import pictures, rendition
from vigint_web.media.errors import MediaError
from vigint_web.media.playable import prepare
from vigint_web.media.probe import Probe
from vigint_web.media.runner import Runner
from vigint_web.media.survey import Survey
from vigint_web.media.tools import ToolMissing
from vigint_web.services.core.runtime import runtime

_PLANS = {
    rendition.Plan.ORIGINAL: "the file itself",
    rendition.Plan.REMUX: "a copy of its pictures in an MP4",
    rendition.Plan.TRANSCODE: "an H.264 MP4 encoded anew",
}


@click.command("test-video-processing")
@click.option(
    "--file-path",
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="The video file to process.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def test_video_processing(file_path: Path, as_json: bool) -> None:
    """Process one file here, keep nothing, and print its metadata."""
    with create_app().app_context(), force_locale("en"):
        try:
            facts = _process(file_path.absolute())
        except MediaError as error:
            raise CommandRefused(f"{failure_sentence(error.code)} ({error})") from None
        except ToolMissing as error:
            raise CommandRefused(str(error)) from None
        click.echo(json.dumps(facts, indent=2, default=str) if as_json else _table(facts))


def _process(path: Path) -> dict[str, Any]:
    runner = Runner(runtime().tools)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=runtime().config.temp_dir) as name:
        folder = Path(name)
        ready = prepare(path, folder, runner, filename=path.name)
        seen = ready.facts
        facts: dict[str, Any] = {"file": path.name}
        facts |= {field.name: getattr(seen, field.name) for field in fields(seen) if field.repr}
        facts |= {"resolution": seen.resolution, "browsers_get": ready.plan.value}
        facts["flaws"] = [str(flaw_sentence(flaw)) for flaw in ready.flaws]
        facts["rendition"] = _described(ready.played) if ready.rendition else None
        facts |= _timeline(ready.survey, folder, runner)
        poster = folder / "poster.jpg"
        if not poster.exists():
            pictures.make_poster(ready.rendition or path, poster, ready.played, runner)
        facts["picture_bytes"] = poster.stat().st_size
    facts["seconds"] = round(time.monotonic() - began, 2)
    return facts


def _described(made: Probe) -> dict[str, Any]:
    return {
        "bytes": made.size,
        "duration": made.duration,
        "resolution": made.resolution,
        "codec": made.codec,
        "audio_codec": made.audio_codec,
    }


def _timeline(survey: Survey, folder: Path, runner: Runner) -> dict[str, Any]:
    sheet = folder / "sprite.jpg"
    line = survey.finish(folder, runner)
    return {
        "scenes": line.stored_scenes(),
        "motion_peak": max(line.motion, default=0),
        "sprite": {**asdict(line.sprite), "bytes": sheet.stat().st_size} if line.sprite else None,
    }


def _table(facts: dict[str, Any]) -> str:
    rows = {name: _shown(name, value) for name, value in facts.items()}
    width = max(len(name) for name in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows.items())


def _shown(name: str, value: Any) -> str:
    if value is None or value in ({}, [], ()):
        return "-"
    if name == "duration":
        return f"{duration(value)} ({value:.3f} s)"
    if name in {"size", "picture_bytes"}:
        return f"{file_size(value)} ({value} bytes)"
    if name == "browsers_get":
        return f"{value}: {_PLANS[rendition.Plan(value)]}"
    if name == "scenes":
        starts = ", ".join(f"{scene['start']:.1f}" for scene in value)
        return f"{len(value)}, beginning at {starts} s"
    if name == "flaws":
        return " ".join(value)
    if name == "sprite":
        sheet = f"{value['count']} pictures of {value['width']}x{value['height']}"
        return f"{sheet}, one each {value['interval']:g} s, {file_size(value['bytes'])}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {'-' if part is None else part}" for key, part in value.items())
    return str(value)


COMMANDS = {"test-video-processing": test_video_processing}
