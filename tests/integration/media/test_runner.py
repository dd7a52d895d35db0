"""The runner: environment, limits, and that no process outlives it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.media.media_samples import BOTH_PROGRAMS, is_running, wait_until
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.process_pipes import CAPTURE_LIMIT, STDERR_KEPT
from vigint_web.media.runner import (
    Limits,
    Runner,
    file_url,
    guarded_input,
)
from vigint_web.media.tools import Tool, Tools

ENDLESS = ["-re", "-f", "lavfi", "-i", "testsrc=size=32x32:rate=10", "-f", "null", "-"]
ROOT = Path(__file__).resolve().parents[3]


def script_runner(tmp_path: Path, body: str, **options: object) -> Runner:
    """Return a runner whose ffmpeg is a shell script."""
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    tool = Tool(path, "1", "test")
    return Runner(Tools(tool, tool), **options)  # type: ignore[arg-type]  # passed through


def code_of(caught: pytest.ExceptionInfo[MediaError]) -> MediaErrorCode:
    return caught.value.code


def test_standard_output_is_captured_on_request(runner: Runner) -> None:
    assert b"ffmpeg version" in runner.run(["-version"], capture=True).stdout
    assert b"ffprobe version" in runner.run(["-version"], program="ffprobe", capture=True).stdout
    assert runner.run(["-version"]).stdout == b""


def test_a_program_gives_way_as_far_as_it_is_limited(tmp_path: Path) -> None:
    def niceness(limits: Limits) -> int:
        runner = script_runner(tmp_path, "nice", limits=limits)
        return int(runner.run([], capture=True).stdout)

    assert niceness(Limits(niceness=3)) == niceness(Limits()) + 3


def test_the_environment_holds_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_leftovers: Path
) -> None:
    monkeypatch.setenv("VIGINT_SECRET_KEY", "hidden")
    runner = script_runner(tmp_path, "pwd; env; ls -A; ls /proc/self/fd")
    output = runner.run([], capture=True).stdout.decode()
    names = {line.partition("=")[0] for line in output.splitlines() if "=" in line}
    assert names <= {
        "PATH",
        "LANG",
        "HOME",
        "TMPDIR",
        "MALLOC_ARENA_MAX",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }
    assert "hidden" not in output
    assert output.startswith(str(no_leftovers))


def test_open_files_of_ours_are_not_inherited(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    with secret.open() as file:
        os.set_inheritable(file.fileno(), True)
        output = script_runner(tmp_path, "ls -l /proc/$$/fd").run([], capture=True).stdout
    assert b"pipe" in output
    assert b"secret" not in output


def test_arguments_pass_through_no_shell(tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/made); `touch {tmp_path}/made` | 'x'"
    output = (
        script_runner(tmp_path, 'for a; do echo "$a"; done').run([hostile], capture=True).stdout
    )
    assert output.decode().splitlines()[-1] == hostile
    assert not (tmp_path / "made").exists()


def test_time_out_ends_the_whole_group(tmp_path: Path, no_leftovers: Path) -> None:
    pids = tmp_path / "pids"
    body = f"sleep 600 & echo $! >> {pids}; sh -c 'sleep 600; :' & echo $! >> {pids}; wait"
    runner = script_runner(tmp_path, body)
    with pytest.raises(MediaError) as caught:
        runner.run([], seconds=0.5)
    assert code_of(caught) is MediaErrorCode.TIMED_OUT
    started = [int(line) for line in pids.read_text().split()]
    assert len(started) == 2
    assert wait_until(lambda: not any(map(is_running, started)))


def test_what_a_program_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # The sleeper keeps the pipes open; only its end allows the run to end before the time is over.
    runner = script_runner(tmp_path, f"sleep 600 & echo $! > {pids}; echo done")
    assert runner.run([], capture=True, seconds=60).stdout == b"done\n"
    assert wait_until(lambda: not is_running(int(pids.read_text())))


def test_should_stop_ends_a_run(packaged_runner: Runner, no_leftovers: Path) -> None:
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    runner = Runner(packaged_runner.tools, Limits(seconds=60), should_stop=should_stop)
    with pytest.raises(MediaError) as caught:
        runner.run(ENDLESS)
    assert code_of(caught) is MediaErrorCode.CANCELLED


HOST = """
import sys
from pathlib import Path
from vigint_web.media.runner import Runner
from vigint_web.media.tools import Tool, Tools
tool = Tool(Path(sys.argv[1]), "", "")
Runner(Tools(tool, tool)).run(sys.argv[2:])
"""


def test_ffmpeg_dies_with_its_parent(runner: Runner, tmp_path: Path) -> None:
    program = str(runner.tools.ffmpeg.path)
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, program, *ENDLESS],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children")
    try:
        assert wait_until(lambda: "ffmpeg" in "".join(map(command_of, pids_in(children))), 30)
        guests = pids_in(children)
        host.kill()
        host.wait()
        assert len(guests) == 1
        assert wait_until(lambda: not is_running(guests[0]))
    finally:
        host.kill()
        host.wait()


def pids_in(children: Path) -> list[int]:
    return [int(pid) for pid in children.read_text().split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]


def test_a_fed_program_that_reads_slower_than_we_feed_does_not_deadlock(tmp_path: Path) -> None:
    block = bytes(range(256)) * 4096
    runner = script_runner(tmp_path, "cat; cat /dev/zero | head -c 200000 >&2")
    done = runner.run([], stdin=[block] * 8, capture=True, seconds=60)
    assert done.stdout == block * 8
    assert len(done.stderr) == STDERR_KEPT


def test_a_program_that_stops_reading_says_why_itself(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000

    runner = script_runner(tmp_path, "head -c 10 >/dev/null; echo bad input >&2; exit 3")
    with pytest.raises(MediaError) as caught:
        runner.run([], stdin=endless(), seconds=60)
    assert (code_of(caught), caught.value.detail) == (MediaErrorCode.TOOL_FAILED, "bad input")


def test_an_error_of_the_feeder_comes_through_and_the_program_is_gone(
    tmp_path: Path, no_leftovers: Path
) -> None:
    pids = tmp_path / "pids"

    def failing() -> Iterator[bytes]:
        yield b"x"
        assert wait_until(pids.exists)
        raise FileNotFoundError("frame 7")

    with pytest.raises(FileNotFoundError, match="frame 7"):
        script_runner(tmp_path, f"echo $$ > {pids}.new; mv {pids}.new {pids}; exec sleep 600").run(
            [], stdin=failing()
        )
    assert not is_running(int(pids.read_text()))


def test_progress_grows_to_the_length_made(runner: Runner) -> None:
    seen: list[float] = []
    source = ["-f", "lavfi", "-i", "testsrc=size=32x32:rate=10:duration=3"]
    runner.run([*source, "-f", "null", "-"], on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(3, abs=0.2)


def test_a_run_that_gets_no_further_is_ended(tmp_path: Path, no_leftovers: Path) -> None:
    """Some filters of ffmpeg 5.1 retry impossible operations for ever."""
    body = "while :; do echo out_time_us=1000000; sleep 0.02; done"
    runner = script_runner(tmp_path, body)
    runner.limits = Limits(seconds=60, stall_seconds=0.5)
    seen: list[float] = []
    with pytest.raises(MediaError) as caught:
        runner.run([], on_progress=seen.append)
    assert code_of(caught) is MediaErrorCode.TIMED_OUT
    assert len(seen) > 3


def test_progress_and_capture_exclude_each_other(packaged_runner: Runner) -> None:
    with pytest.raises(ValueError, match="either"):
        packaged_runner.run(["-version"], capture=True, on_progress=lambda _: None)


def test_captured_output_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        script_runner(tmp_path, "exec cat /dev/zero").run([], capture=True, seconds=60)
    assert code_of(caught) is MediaErrorCode.TOO_LARGE
    assert CAPTURE_LIMIT == 64 * 1024 * 1024


@BOTH_PROGRAMS
def test_memory_is_limited(tools: Tools) -> None:
    big = ["-f", "lavfi", "-i", "testsrc2=size=7680x4320:rate=25:duration=2"]
    runner = Runner(tools, Limits(memory_bytes=700 * 1024 * 1024))
    with pytest.raises(MediaError) as caught:
        runner.run([*big, "-c:v", "libx264", "-f", "null", "-"])
    assert code_of(caught) is MediaErrorCode.OUT_OF_MEMORY


def test_written_bytes_are_limited(tools: Tools, tmp_path: Path) -> None:
    runner = Runner(tools, Limits(output_bytes=100_000))
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=5"]
    out = tmp_path / "x.avi"
    with pytest.raises(MediaError) as caught:
        runner.run([*source, "-c:v", "rawvideo", file_url(out)])
    assert code_of(caught) is MediaErrorCode.TOO_LARGE
    assert out.stat().st_size <= 100_000
    assert str(tmp_path) not in caught.value.detail


def test_a_full_disk_is_recognised(runner: Runner) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=1"]
    with pytest.raises(MediaError) as caught:
        runner.run(["-y", *source, "-c:v", "mjpeg", "-f", "matroska", "file:/dev/full"])
    assert code_of(caught) is MediaErrorCode.NO_SPACE


def test_a_program_that_cannot_start_is_a_sentence(tmp_path: Path) -> None:
    tool = Tool(tmp_path / "gone", "1", "test")
    with pytest.raises(MediaError, match="gone did not start: No such file"):
        Runner(Tools(tool, tool)).run(["-version"])


def test_runs_in_threads_do_not_disturb_each_other(packaged_runner: Runner) -> None:
    results: list[bytes] = []

    def work() -> None:
        results.append(packaged_runner.run(["-version"], capture=True).stdout)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    assert all(b"ffmpeg version" in result for result in results)


@BOTH_PROGRAMS
def test_names_with_colons_and_dashes_are_files(
    runner: Runner, playable_clip: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "-pipe:0,http: 100%d.mp4"
    shutil.copyfile(playable_clip, odd)
    result = runner.run(
        ["-show_entries", "format=nb_streams", "-of", "csv=p=0", *guarded_input(odd)],
        program="ffprobe",
        capture=True,
    )
    assert result.stdout.strip() == b"2"


def test_the_group_is_its_own(tmp_path: Path) -> None:
    output = script_runner(tmp_path, "cat /proc/$$/stat").run([], capture=True).stdout.decode()
    _, parent, group, session = output.rpartition(")")[2].split()[:4]
    assert int(parent) == os.getpid()
    assert int(group) == int(session) != os.getpgid(0)


def test_core_files_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        script_runner(tmp_path, "kill -ABRT $$").run([])
    assert caught.value.detail == f"killed by {signal.SIGABRT.name}"
    output = script_runner(tmp_path, "ulimit -c").run([], capture=True).stdout
    assert output.strip() == b"0"
