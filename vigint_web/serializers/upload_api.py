"""Write the JSON documents of resumable uploads."""

from collections.abc import Iterable

from typing_extensions import TypedDict

from vigint_web.i18n.sentences import failure_sentence
from vigint_web.models import FileKind, Upload, Video, VideoStatus
from vigint_web.services.core.actors import Actor
from vigint_web.services.sources.duplicates import find_duplicates
from vigint_web.services.uploads import receiving, uploads


class UnfinishedDocument(TypedDict):
    """A resumable upload; sizes in bytes."""

    id: str
    source_id: str
    filename: str
    length: int
    offset: int
    expires_at: str


class UnfinishedDocuments(TypedDict):
    """The caller's unfinished uploads, newest first."""

    uploads: list[UnfinishedDocument]


class DuplicateDocument(TypedDict):
    """A source with the same bytes."""

    source_id: str
    name: str


class UploadDocument(UnfinishedDocument):
    """An upload, and its source; `sha256` is null until all bytes have arrived."""

    name: str
    finished: bool
    status: VideoStatus
    # In per cent, while the video is processed and if known.
    progress: int | None
    # The reason of the failure, in the reader's language.
    error: str | None
    thumbnail_url: str | None
    sha256: str | None
    duplicates: list[DuplicateDocument]


def uploads_document(found: Iterable[Upload]) -> UnfinishedDocuments:
    """Return the list of unfinished uploads."""
    return {"uploads": [_unfinished(upload) for upload in found]}


def upload_document(actor: Actor, upload: Upload) -> UploadDocument:
    """Return one upload with its result."""
    video = upload.source.video
    return {
        **_unfinished(upload),
        "name": upload.source.name,
        "finished": uploads.is_whole(upload),
        "status": VideoStatus(video.status),
        "progress": video.progress,
        "error": str(failure_sentence(video.error_code)) if video.error_code else None,
        "thumbnail_url": f"/videos/{video.public_id}/thumbnail"
        if video.file("thumbnail")
        else None,
        "sha256": video.original_sha256,
        "duplicates": [
            {"source_id": source.source_id, "name": source.name}
            for source in find_duplicates(actor, upload.source)
        ],
    }


def _thumbnail_url(video: Video) -> str | None:
    return f"/videos/{video.public_id}/thumbnail" if video.file(FileKind.THUMBNAIL) else None


def _unfinished(upload: Upload) -> UnfinishedDocument:
    return {
        "id": upload.public_id,
        "source_id": upload.source.source_id,
        "filename": upload.source.video.original_name,
        "length": upload.length,
        "offset": receiving.held(upload),
        "expires_at": upload.expires_at.isoformat(),
    }
