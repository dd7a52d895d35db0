"""Process a file from a shell, the way the workers do."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from flask_babel import force_locale

from vigint_web import create_app
from vigint_web.errors import VigintError
from vigint_web.media import pictures, rendition
from vigint_web.media.errors import MediaError
from vigint_web.media.probe import Probe, probe
from vigint_web.media.runner import Runner
from vigint_web.media.tools import ToolMissing
from vigint_web.services.runtime import runtime
from vigint_web.wording import failure_sentence


@click.command("test-video-processing")
@click.option(
    "--file-path",
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def test_video_processing(file_path: Path, as_json: bool) -> None:
    """Process one file here, keep nothing, and print its metadata."""
    with create_app().app_context(), force_locale("en"):
        try:
            facts = _process(file_path.absolute())
        except MediaError as error:
            raise VigintError(f"{failure_sentence(error.code)} ({error})") from None
        except ToolMissing as error:
            raise VigintError(str(error)) from None
    if as_json:
        click.echo(json.dumps(facts, indent=2, default=str))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {'-' if value is None else value}")


def _process(path: Path) -> dict[str, object]:
    runner = Runner(runtime().tools)
    seen: Probe = probe(path, runner, filename=path.name)
    plan = rendition.plan(seen)
    facts: dict[str, object] = {"file": path.name}
    facts |= {name: value for name, value in asdict(seen).items() if name != "raw"}
    facts |= {"resolution": seen.resolution, "browsers_get": plan.value}
    with tempfile.TemporaryDirectory(dir=runtime().config.temp_dir) as folder:
        poster = Path(folder) / "poster.jpg"
        pictures.make_poster(path, poster, seen, runner)
        facts["picture_bytes"] = poster.stat().st_size
        if plan != rendition.Plan.ORIGINAL:
            made = Path(folder) / "rendition.mp4"
            rendition.make_rendition(path, made, seen, runner)
            facts["rendition_bytes"] = made.stat().st_size
    return facts


COMMANDS = {"test-video-processing": test_video_processing}
