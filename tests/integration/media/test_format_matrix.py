"""Every real-world format: probed correctly, and made playable with sound and the right rotation.

Playback in a browser is tested in tests/browser/test_formats_play.py.
"""

import re
from array import array
from pathlib import Path

import pytest

from tests.format_samples import CORNERS, FLASH_AT, FORMATS, SAMPLES, SECONDS, Format, make
from vigint_web.media.probe import Probe, probe
from vigint_web.media.rendition import Plan, make_rendition, plan
from vigint_web.media.runner import Runner, guarded_input
from vigint_web.media.survey import Survey
from vigint_web.media.tools import Tools

_RATE = 48_000
_LUMA = re.compile(rb"pts_time:([-0-9.]+)\s+lavfi\.signalstats\.YAVG=([0-9.]+)")


def flash_at(path: Path, runner: Runner) -> float:
    """Return when the middle of the picture turns white, in seconds."""
    filters = "crop=iw/4:ih/4,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-"
    run = [*guarded_input(path), "-map", "0:v:0", "-vf", filters, "-f", "null", "-"]
    seen = _LUMA.findall(runner.run(run, capture=True).stdout)
    return next(float(time) for time, luma in seen if float(luma) > 150)


def tone_at(path: Path, runner: Runner) -> float:
    """Return when the tone begins, in seconds."""
    run = [*guarded_input(path), "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0"]
    run += ["-ac", "1", "-ar", str(_RATE), "-f", "s16le", "-"]
    heard = array("h", runner.run(run, capture=True).stdout)
    return next(at for at, value in enumerate(heard) if abs(value) > 3000) / _RATE


def corners_of(path: Path, runner: Runner) -> list[tuple[int, ...]]:
    """Return the colours of the corners as displayed, clockwise from the upper left."""
    run = [*guarded_input(path), "-map", "0:v:0", "-ss", "2", "-frames:v", "1"]
    run += ["-vf", "scale=4:4:flags=area", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    data = runner.run(run, capture=True).stdout
    places = [0, 3, 15, 12]
    return [tuple(data[place * 3 : place * 3 + 3]) for place in places]


def check_facts(form: Format, facts: Probe, path: Path) -> None:
    assert facts.format == form.short
    assert (facts.codec, facts.audio_codec) == (form.codec, form.audio_codec)
    shown = form.coded if form.turn in (0, 180) else form.coded[::-1]
    assert (facts.width, facts.height) == shown
    assert round(facts.width * facts.pixel_aspect) == pytest.approx(form.size[0], abs=2)
    assert facts.rotation == form.turn
    assert facts.duration == pytest.approx(SECONDS, abs=0.15)
    if "uneven" not in form.name:
        assert facts.fps == pytest.approx(25, abs=0.5)
    assert facts.size == path.stat().st_size
    assert plan(facts) is form.plan


def check_playable(form: Format, facts: Probe, path: Path, runner: Runner) -> None:
    assert plan(facts) is Plan.ORIGINAL
    assert facts.format in {"mp4", "m4v"}
    assert facts.duration == pytest.approx(SECONDS, abs=0.15)
    width = facts.width * facts.pixel_aspect
    assert (width, facts.height) == pytest.approx(form.size, abs=2)
    for seen, colour in zip(corners_of(path, runner), CORNERS.values(), strict=True):
        assert seen == pytest.approx(colour, abs=form.colour_error)
    flash = flash_at(path, runner)
    assert flash == pytest.approx(FLASH_AT, abs=0.05)
    assert (facts.audio_codec is None) == (form.audio_codec is None)
    if form.audio_codec is not None:
        assert tone_at(path, runner) == pytest.approx(flash, abs=0.05)


def check(form: Format, runner: Runner, folder: Path) -> None:
    source = make(form, folder)
    before = source.read_bytes()
    facts = probe(source, runner, filename=form.name)
    check_facts(form, facts, source)
    survey = Survey(facts, folder)
    playable = source
    if form.plan is Plan.ORIGINAL:
        survey.look(source, runner)
    else:
        playable = folder / "rendition.mp4"
        make_rendition(source, playable, facts, runner, survey=survey)
    made = probe(playable, runner, filename=playable.name)
    if form.plan is Plan.REMUX:
        assert (made.profile, made.rotation) == (facts.profile, facts.rotation), "it was not copied"
    check_playable(form, made, playable, runner)
    line = survey.finish(folder, runner)
    assert line.sprite is not None
    assert (folder / "poster.jpg").exists()
    assert source.read_bytes() == before


@pytest.mark.parametrize("form", SAMPLES, ids=lambda form: form.name)
def test_a_sample_of_formats(form: Format, packaged_tools: Tools, tmp_path: Path) -> None:
    check(form, Runner(packaged_tools), tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format(form: Format, tools: Tools, tmp_path: Path) -> None:
    check(form, Runner(tools), tmp_path)
