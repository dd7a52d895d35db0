"""Name every way in which the business can say no.

Services raise these, with codes and parameters, never with sentences: `http.base.errors` adds a
status, and `i18n.refusals` the sentence in the reader's language, in an answer and on the terminal.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class VigintError(Exception):
    """Be the base of everything a service refuses.

    `facts` are what the sentence of its code names.
    """

    code = "error"
    facts: Mapping[str, str | int] = MappingProxyType({})


class CommandRefused(VigintError):
    """Say why a command did nothing: a line on the terminal, in English, and never an answer."""


class NotFound(VigintError):
    """Say that a thing does not exist, or not for whoever asked."""

    code = "not_found"


class UnknownUser(NotFound):
    """Say that nobody has this address."""

    code = "unknown_user"

    def __init__(self, email: str) -> None:
        super().__init__(self.code)
        self.facts = {"email": email}


class Conflict(VigintError):
    """Say that a thing is not in a state that allows what was asked."""

    code = "conflict"


class EmailTaken(Conflict):
    """Say that somebody has this address."""

    code = "email_taken"

    def __init__(self, email: str) -> None:
        super().__init__(self.code)
        self.facts = {"email": email}


class NoSecondFactor(Conflict):
    """Say that somebody has no second factor that could be taken away."""

    code = "no_second_factor"

    def __init__(self, email: str) -> None:
        super().__init__(self.code)
        self.facts = {"email": email}


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


class UploadTooLong(VigintError):
    """Say that more bytes came than were announced; none of them was kept."""

    code = "upload_too_long"


class ChecksumMismatch(VigintError):
    """Say that bytes arrived changed; none of them was kept (status of the tus protocol)."""

    code = "checksum_mismatch"


class EmptyFile(VigintError):
    """Say that there is nothing in a file."""

    code = "empty_file"


class Locked(VigintError):
    """Say that another request is writing the same thing."""

    code = "locked"


class MistakeCode(StrEnum):
    """Name what can be wrong with a request; `i18n.refusals` has a sentence for each."""

    # Of documents and forms of programs.
    BODY_NOT_JSON = "body_not_json"
    BODY_NOT_OBJECT = "body_not_object"
    DOCUMENT_NOT_OBJECT = "document_not_object"
    PART_NOT_JSON = "part_not_json"
    INCIDENT_PART_MISSING = "incident_part_missing"
    VIDEO_PART_MISSING = "video_part_missing"
    VIDEO_PART_EMPTY = "video_part_empty"
    TOO_MANY_FRAMES = "too_many_frames"
    MISSING = "missing"
    NOT_TEXT = "not_text"
    NOT_A_NUMBER = "not_a_number"
    HOURS_OUT_OF_RANGE = "hours_out_of_range"
    NOT_A_WHOLE_NUMBER = "not_a_whole_number"
    NOT_A_SHA256 = "not_a_sha256"
    VIDEO_ID_MALFORMED = "video_id_malformed"
    VIDEO_IDS_DIFFER = "video_ids_differ"
    HEADER_LENGTH = "header_length"
    NOT_A_FORM = "not_a_form"
    FORM_DAMAGED = "form_damaged"
    FORM_ENDED_EARLY = "form_ended_early"
    # Of resumable uploads.
    NOT_A_SIZE = "not_a_size"
    LENGTH_DEFERRED = "length_deferred"
    METADATA_KEYS = "metadata_keys"
    METADATA_NOT_TEXT = "metadata_not_text"
    FILENAME_MISSING = "filename_missing"
    CHECKSUM_UNKNOWN = "checksum_unknown"
    CHECKSUM_MALFORMED = "checksum_malformed"
    # Of sources.
    NOT_A_VIDEO = "not_a_video"
    FROM_RECORDER = "from_recorder"
    SIZE_LIMIT = "size_limit"
    SOURCE_ID_MALFORMED = "source_id_malformed"
    SITE_NOT_OFFERED = "site_not_offered"
    NO_TAG = "no_tag"
    TOO_MANY_TAGS = "too_many_tags"
    TAG_TOO_LONG = "tag_too_long"
    NAME_LENGTH = "name_length"
    TOO_LONG = "too_long"
    RECORDED_IN_FUTURE = "recorded_in_future"
    # Of people.
    EMAIL_MALFORMED = "email_malformed"
    PASSWORD_LENGTH = "password_length"  # noqa: S105 - a code
    PASSWORD_GUESSABLE = "password_guessable"  # noqa: S105 - a code
    WRONG_CODE = "wrong_code"
    UNKNOWN_LOCALE = "unknown_locale"
    UNKNOWN_TIMEZONE = "unknown_timezone"
    UNKNOWN_SITE = "unknown_site"
    # Of shared links.
    VIDEO_FAILED = "video_failed"
    NO_RECIPIENT = "no_recipient"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    NOT_AN_ADDRESS = "not_an_address"
    RECIPIENT_LEFT_OUT = "recipient_left_out"
    END_IS_OVER = "end_is_over"
    END_AFTER_PURGE = "end_after_purge"
    BEGINS_AFTER_END = "begins_after_end"


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a request: what, in which field, and what its sentence names."""

    code: MistakeCode
    field: str | None = None
    facts: Mapping[str, str | int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))


class Invalid(VigintError):
    """Say what is wrong with a request, every mistake at once; none: its code says it."""

    code = "invalid_request"

    def __init__(self, mistakes: Sequence[Mistake] = (), code: str = "invalid_request") -> None:
        super().__init__(" ".join(one.code for one in mistakes) or code)
        self.mistakes = list(mistakes)
        self.code = code


class Mistakes:
    """Collect what is wrong with a request, so that all of it is named at once."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []
        self._malformed = False

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Go on after what is refused within, and remember why."""
        try:
            yield
        except Invalid as refused:
            self.found += refused.mistakes
            self._malformed = self._malformed or isinstance(refused, Malformed)

    def refusal(self) -> Invalid:
        """Return what names them all: Malformed where what the request is made of is wrong."""
        return (Malformed if self._malformed else Invalid)(self.found)

    def refuse(self) -> None:
        """Raise Invalid if anything was wrong."""
        if self.found:
            raise self.refusal()


class EmptyIncident(Invalid):
    """Say that an incident has no message, no facts and no footage."""

    def __init__(self, mistakes: Sequence[Mistake] = ()) -> None:
        super().__init__(mistakes, "empty_incident")


class Malformed(Invalid):
    """Say that what a request is made of is wrong: a header, a form, an id."""


class FileRefused(Invalid):
    """Say that a file of this name is none of the formats that are read."""

    def __init__(self, failure: str, megabytes: int) -> None:
        """Take the code of the failure, and the limit that holds for files that are read."""
        limit = Mistake(MistakeCode.SIZE_LIMIT, "filename", {"number": megabytes})
        super().__init__([Mistake(MistakeCode(failure), "filename"), limit], failure)


class TooLarge(VigintError):
    """Say that a body or a file is larger than allowed."""

    code = "too_large"


class Busy(VigintError):
    """Say that too much is under way; the same request may be sent again soon."""

    code = "unavailable"


class StorageFull(VigintError):
    """Say that the disk has no room; nothing was kept."""

    code = "storage_full"


class LeaseLost(VigintError):
    """Say that another worker owns the row now; whatever was made must not be published."""

    code = "lease_lost"


class LinkRefused(VigintError):
    """Say why a link does not open what was asked (contract of the public token API)."""

    def __init__(
        self, code: str, audience: str | None = None, opens_at: datetime | None = None
    ) -> None:
        """Take the reason.

        Args:
            audience: whom the link was made for; None where there is no such link.
            opens_at: from when on a link is valid that is not valid yet.
        """
        super().__init__(code)
        self.code = code
        self.audience = audience
        self.opens_at = opens_at


class RevokedForGood(Conflict):
    """Say that a link was revoked, and that nothing revives it."""

    code = "link_revoked"
