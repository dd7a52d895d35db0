"""Define the failures of footage."""

from enum import StrEnum


class MediaErrorCode(StrEnum):
    """Reason for a failure, stable enough to be stored and translated."""

    NOT_A_VIDEO = "not_a_video"
    FROM_RECORDER = "from_recorder"
    BROKEN = "broken"
    NO_USABLE_FRAME = "no_usable_frame"
    TOO_MANY_PIXELS = "too_many_pixels"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_LARGE = "too_large"
    NO_SPACE = "no_space"
    CANCELLED = "cancelled"
    TOOL_FAILED = "tool_failed"


class MediaError(Exception):
    """Footage could not be processed.

    ``code`` is a `MediaErrorCode`; ``detail`` is short technical text for the log, without the
    absolute path of any file of ours. The web layer has the sentence for users.
    """

    def __init__(self, code: MediaErrorCode, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code: MediaErrorCode = code
        self.detail: str = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else str(self.code)


class ToolRefused(MediaError):
    """The program ran and rejected its input, so the input is likely the cause.

    Its code is tool_failed, like that of a program that did not start, crashed or was killed.
    """

    def __init__(self, detail: str = "") -> None:
        super().__init__(MediaErrorCode.TOOL_FAILED, detail)

    def __reduce__(self) -> tuple[type["ToolRefused"], tuple[str]]:
        return ToolRefused, (self.detail,)
