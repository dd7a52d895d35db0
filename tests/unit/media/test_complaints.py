"""The failure for ffmpeg's messages, and which of them may be logged."""

import pickle
import signal

import pytest

from vigint_web.media.complaints import DETAIL_LENGTH, failure, resource_failure, summary
from vigint_web.media.errors import MediaErrorCode, ToolRefused


@pytest.mark.parametrize(
    ("status", "stderr", "code"),
    [
        (1, "out.mp4: No space left on device", MediaErrorCode.NO_SPACE),
        (1, "out.mp4: Disk quota exceeded", MediaErrorCode.NO_SPACE),
        (1, "av_interleaved_write_frame(): File too large", MediaErrorCode.TOO_LARGE),
        (-signal.SIGXFSZ, "", MediaErrorCode.TOO_LARGE),
        (-signal.SIGXCPU, "", MediaErrorCode.TIMED_OUT),
        (1, "x264 [error]: malloc of size 9999 failed", MediaErrorCode.OUT_OF_MEMORY),
        (244, "Error: Cannot allocate memory", MediaErrorCode.OUT_OF_MEMORY),
        (1, "Invalid data found when processing input", MediaErrorCode.TOOL_FAILED),
        (-signal.SIGSEGV, "", MediaErrorCode.TOOL_FAILED),
        (-signal.SIGKILL, "", MediaErrorCode.TOOL_FAILED),
    ],
)
def test_each_failure_has_its_code(status: int, stderr: str, code: MediaErrorCode) -> None:
    assert failure(status, stderr).code is code


def test_only_a_program_that_gave_up_by_itself_refused() -> None:
    assert isinstance(failure(1, "Invalid data found"), ToolRefused)
    assert not isinstance(failure(-signal.SIGKILL, "Invalid data found"), ToolRefused)
    assert not isinstance(failure(1, "No space left on device"), ToolRefused)


def test_errors_survive_the_way_between_processes() -> None:
    for error in (failure(1, "Invalid data found"), failure(-signal.SIGKILL, "")):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert (type(copy), copy.code, copy.detail) == (type(error), error.code, error.detail)


def test_a_signal_is_named() -> None:
    assert failure(-signal.SIGSEGV, "").detail == "killed by SIGSEGV"


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        ("Error writing trailer: No space left on device", MediaErrorCode.NO_SPACE),
        ("[hevc @ 0x55d0] get_buffer(): Cannot allocate memory", MediaErrorCode.OUT_OF_MEMORY),
    ],
)
def test_a_shortage_is_a_failure_even_after_exit_status_0(
    stderr: str, code: MediaErrorCode
) -> None:
    problem = resource_failure(stderr)
    assert problem is not None
    assert problem.code is code


def test_damaged_pictures_are_no_shortage() -> None:
    assert resource_failure("[h264 @ 0x55d0] error while decoding MB 3 4") is None


def test_the_summary_holds_the_last_lines_and_none_of_our_paths() -> None:
    stderr = (
        "first\n[mov @ 0x5580c2] moov atom not found\n"
        "file:/srv/data/media/a b/x.mp4: Invalid data\n"
        "    Last message repeated 3 times\n/other/secret/place/y.mkv: gone\n\nConversion failed!\n"
    )
    detail = summary(stderr, ["ffmpeg", "-i", "file:/srv/data/media/a b/x.mp4"])
    assert "moov atom not found" in detail
    assert "x.mp4: Invalid data" in detail
    assert "y.mkv: gone" in detail
    for secret in ("/srv", "a b", "/other", "secret", "0x5580", "repeated", "Conversion"):
        assert secret not in detail


def test_the_summary_is_short_and_printable() -> None:
    detail = summary("\x1b[31m\0" + "x" * 5000)
    assert len(detail) == DETAIL_LENGTH
    assert detail.isprintable()
