"""Name every way in which the business can say no.

Services raise these; the web turns them into a status, a code and a sentence, the command line
into a line on the terminal.
"""

from datetime import datetime


class VigintError(Exception):
    """Be the base of everything a service refuses."""

    code = "error"
    status = 400


class NotFound(VigintError):
    """Say that a thing does not exist, or not for whoever asked."""

    code = "not_found"
    status = 404


class Conflict(VigintError):
    """Say that a thing is not in a state that allows what was asked."""

    code = "conflict"
    status = 409


class IdempotencyConflict(Conflict):
    """Say that an Idempotency-Key came back with another body."""

    code = "idempotency_conflict"


class VideoDeleted(Conflict):
    """Say that a video of this id was deleted; ids are never given out twice."""

    code = "video_deleted"


class VideoIdTaken(Conflict):
    """Say that another video has this id."""

    code = "video_id_taken"


class HashMismatch(VigintError):
    """Say that other bytes arrived than were announced; nothing was kept."""

    code = "hash_mismatch"
    status = 422


class SourceIdTaken(Conflict):
    """Say that another source has this id."""

    code = "source_id_taken"


class WrongOffset(Conflict):
    """Say that an upload goes on at another byte."""

    code = "wrong_offset"

    def __init__(self, offset: int) -> None:
        super().__init__(self.code)
        self.offset = offset


class UploadFinished(Conflict):
    """Say that all bytes of an upload are here."""

    code = "upload_finished"


class UploadExpired(VigintError):
    """Say that an upload was not finished in time; what had come of it is gone."""

    code = "upload_expired"
    status = 410


class UploadTooLong(VigintError):
    """Say that more bytes came than were announced; none of them was kept."""

    code = "upload_too_long"
    status = 413


class ChecksumMismatch(VigintError):
    """Say that bytes arrived changed; none of them was kept (status of the tus protocol)."""

    code = "checksum_mismatch"
    status = 460


class EmptyFile(VigintError):
    """Say that there is nothing in a file."""

    code = "empty_file"


class Locked(VigintError):
    """Say that another request is writing the same thing."""

    code = "locked"
    status = 423


class Invalid(VigintError):
    """Say what is wrong with a request, every mistake at once."""

    code = "invalid_request"
    status = 422

    def __init__(self, mistakes: list[str], code: str = "invalid_request") -> None:
        super().__init__(" ".join(mistakes))
        self.mistakes = mistakes
        self.code = code


class TooLarge(VigintError):
    """Say that a body or a file is larger than allowed."""

    code = "too_large"
    status = 413


class Busy(VigintError):
    """Say that too much is under way; the same request may be sent again soon."""

    code = "unavailable"
    status = 503


class StorageFull(VigintError):
    """Say that the disk has no room; nothing was kept."""

    code = "storage_full"
    status = 507


class LeaseLost(VigintError):
    """Say that another worker owns the row now; whatever was made must not be published."""

    code = "lease_lost"
    status = 409


class LinkRefused(VigintError):
    """Say why a link does not open what was asked (contract of the public token API)."""

    def __init__(
        self,
        code: str,
        status: int,
        audience: str | None = None,
        opens_at: datetime | None = None,
    ) -> None:
        """Take the reason.

        Args:
            audience: whom the link was made for; None where there is no such link.
            opens_at: from when on a link is valid that is not valid yet.
        """
        super().__init__(code)
        self.code = code
        self.status = status
        self.audience = audience
        self.opens_at = opens_at
