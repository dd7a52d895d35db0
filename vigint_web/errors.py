"""Name every way in which the business can say no.

Services raise these, with codes and parameters, never with sentences: `http.base.errors` adds a
status, and `i18n.refusals` the sentence in the reader's language, in an answer and on the terminal.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType

from vigint_web.mistake_codes import MistakeCode as MistakeCode  # noqa: PLC0414 - exported again


class VigintError(Exception):
    """Base of all refusals of the services.

    `facts` are what the sentence of its code names; `members` are added to a program's answer.
    """

    code = "error"
    facts: Mapping[str, str | int] = MappingProxyType({})
    members: Mapping[str, object] = MappingProxyType({})


class CommandRefused(VigintError):
    """The reason why a command did nothing: a line on the terminal, in English, never an answer."""


class NotFound(VigintError):
    """The thing does not exist, or is not visible to the caller."""

    code = "not_found"


class UnknownUser(NotFound):
    """There is no user with this address."""

    code = "unknown_user"

    def __init__(self, email: str) -> None:
        super().__init__(self.code)
        self.facts = {"email": email}


class FileUnavailable(NotFound):
    """The file was not made, is not kept, or cannot be found in the storage."""

    code = "file_unavailable"


class Conflict(VigintError):
    """The thing is in a state that does not allow the request."""

    code = "conflict"


class EmailTaken(Conflict):
    """Another user has this address."""

    code = "email_taken"

    def __init__(self, email: str) -> None:
        super().__init__(self.code)
        self.facts = {"email": email}


class NoSecondFactor(Conflict):
    """The user has no second factor to remove."""

    code = "no_second_factor"

    def __init__(self, email: str) -> None:
        super().__init__(self.code)
        self.facts = {"email": email}


class AlreadyDecided(Conflict):
    """Another decision about this incident came first."""

    code = "already_decided"

    def __init__(
        self, by: str, decision: str, at: datetime | None = None, reason: str | None = None
    ) -> None:
        """Take what is known of the first decision; `at` is None if no act records it."""
        super().__init__(self.code)
        self.facts = {"by": by, "decision": decision}
        self.at = at
        made = at.isoformat(timespec="seconds") if at is not None else None
        self.members = {"first": {**self.facts, "reason": reason, "at": made}}


class DecisionOutOfOrder(Conflict):
    """The decision does not follow the state that the caller saw."""

    code = "decision_out_of_order"


class TooManyNotes(Conflict):
    """The incident has as many notes and records as it may have."""

    code = "too_many_notes"


class EditedMeanwhile(Conflict):
    """Another user changed this after the form was shown."""

    code = "edited_meanwhile"


class FileDamaged(Conflict):
    """The stored file differs from what was stored."""

    code = "file_damaged"


class AssignedMeanwhile(EditedMeanwhile):
    """The incident is not assigned to the user that the caller saw."""

    code = "assigned_meanwhile"

    def __init__(self, assignee: str | None) -> None:
        super().__init__(self.code)
        self.members = {"assignee": assignee}


class NotTried(Conflict):
    """A part of a bulk action that was not reached, because the database did not answer."""

    code = "not_tried"


class IdempotencyConflict(Conflict):
    """An Idempotency-Key was reused with another body."""

    code = "idempotency_conflict"


class VideoDeleted(Conflict):
    """A video of this id was deleted; ids are never reused."""

    code = "video_deleted"


class VideoIdTaken(Conflict):
    """Another video has this id."""

    code = "video_id_taken"


class HashMismatch(VigintError):
    """The bytes received do not match the announced hash; nothing was kept."""

    code = "hash_mismatch"


class SourceIdTaken(Conflict):
    """Another source has this id."""

    code = "source_id_taken"


class WrongOffset(Conflict):
    """The upload continues at another offset."""

    code = "wrong_offset"

    def __init__(self, offset: int) -> None:
        super().__init__(self.code)
        self.offset = offset


class UploadFinished(Conflict):
    """All bytes of the upload have arrived."""

    code = "upload_finished"


class UploadExpired(VigintError):
    """The upload was not finished in time; its bytes were removed."""

    code = "upload_expired"


class UploadTooLong(VigintError):
    """More bytes arrived than were announced; none of them was kept."""

    code = "upload_too_long"


class ChecksumMismatch(VigintError):
    """The bytes do not match their checksum; none was kept (status of the tus protocol)."""

    code = "checksum_mismatch"


class EmptyFile(VigintError):
    """The file is empty."""

    code = "empty_file"


class Locked(VigintError):
    """Another request is writing the same thing."""

    code = "locked"


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One error of a request: its code, its field, and the parameters of its sentence."""

    code: MistakeCode
    field: str | None = None
    facts: Mapping[str, str | int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))


class Invalid(VigintError):
    """A request is invalid; carries all errors at once, or none if its code says it."""

    code = "invalid_request"

    def __init__(self, mistakes: Sequence[Mistake] = (), code: str = "invalid_request") -> None:
        super().__init__(" ".join(one.code for one in mistakes) or code)
        self.mistakes = list(mistakes)
        self.code = code


class Mistakes:
    """Collect the errors of a request, to report all of them at once."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []
        self._malformed = False

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Continue after a refusal in the block, and record its reason."""
        try:
            yield
        except Invalid as refused:
            self.found += refused.mistakes
            self._malformed = self._malformed or isinstance(refused, Malformed)

    def refusal(self) -> Invalid:
        """Return the exception with all errors: Malformed if the request's form is invalid."""
        return (Malformed if self._malformed else Invalid)(self.found)

    def refuse(self) -> None:
        """Raise Invalid if there was an error."""
        if self.found:
            raise self.refusal()


class EmptyIncident(Invalid):
    """The incident has no message, no facts and no footage."""

    def __init__(self, mistakes: Sequence[Mistake] = ()) -> None:
        super().__init__(mistakes, "empty_incident")


class Malformed(Invalid):
    """A part of the request is malformed: a header, a form, an id."""


class FileRefused(Invalid):
    """A file of this name has no supported format."""

    def __init__(self, failure: str, megabytes: int) -> None:
        """Take the code of the failure, and the size limit of supported files."""
        limit = Mistake(MistakeCode.SIZE_LIMIT, "filename", {"number": megabytes})
        super().__init__([Mistake(MistakeCode(failure), "filename"), limit], failure)


class TooLarge(VigintError):
    """A body or a file is larger than allowed."""

    code = "too_large"

    def __init__(self, most_bytes: int | None = None) -> None:
        """Take the limit of files, where that is what was exceeded."""
        super().__init__(self.code)
        self.most_bytes = most_bytes


class Busy(VigintError):
    """Too many requests are in progress; the same request may be repeated soon."""

    code = "unavailable"


class StorageFull(VigintError):
    """The disk is full; nothing was kept."""

    code = "storage_full"


class LeaseLost(VigintError):
    """Another worker owns the row now; results must not be published."""

    code = "lease_lost"


class LinkRefused(VigintError):
    """The reason why a link does not give access (contract of the public token API)."""

    def __init__(
        self, code: str, audience: str | None = None, opens_at: datetime | None = None
    ) -> None:
        """Take the reason.

        Args:
            audience: the kind of user the link was made for; None where there is no such link.
            opens_at: the start of validity of a link that is not valid yet.
        """
        super().__init__(code)
        self.code = code
        self.audience = audience
        self.opens_at = opens_at


class RevokedForGood(Conflict):
    """The link was revoked, which is final."""

    code = "link_revoked"
