"""Begin, find, end and sweep resumable uploads; see upload_receiving for their bytes."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select

from vigint_web.clock import utcnow
from vigint_web.errors import (
    EmptyFile,
    FileRefused,
    Mistakes,
    NotFound,
    StorageFull,
    TooLarge,
    UploadExpired,
    UploadFinished,
)
from vigint_web.extensions import db
from vigint_web.models import Source, Upload, VideoStatus
from vigint_web.services.accounts.sites import home_site, offered_site
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.core.transactions import change, transaction
from vigint_web.services.sources import sources
from vigint_web.services.sources.recording import read_recording
from vigint_web.services.sources.tags import set_tags, tag_mistakes
from vigint_web.services.uploads import hashing
from vigint_web.services.videos.filenames import name_refusal, one_line, some_lines
from vigint_web.storage import NoRoom

log = logging.getLogger(__name__)

_PREFIX = "upl_"
# How long the result of an upload can be queried.
_REMEMBERED = timedelta(days=7)
_MOST_LISTED = 200


@dataclass(frozen=True)
class Announced:
    """A file's announced values, as sent by the client."""

    length: int
    filename: str
    name: str = ""
    description: str = ""
    tags: Sequence[str] = ()
    # The short name of its site; empty: the actor's home site.
    site: str = ""
    # The source's id for programs; empty: the next number.
    source_id: str = ""
    # Of its site; see services/sources/recording.py.
    camera: str = ""
    recorded_at: str = ""
    metadata_header: str = ""


def time_to_live() -> timedelta:
    """Return how long an upload waits for its next byte."""
    return timedelta(hours=config().upload_expire_hours)


def begin(actor: Actor, announced: Announced) -> Upload:
    """Add a source whose bytes will come in pieces.

    Raises:
        EmptyFile, TooLarge, StorageFull: what is announced cannot be taken.
        FileRefused: the name is of no accepted format.
        Invalid: there is no such site for this actor, or the tags, the source's id, the camera or
            the time of recording are none.
        SourceIdTaken: another source has the id.
    """
    if announced.length == 0:
        raise EmptyFile
    if announced.length > config().max_upload_bytes:
        raise TooLarge(config().max_upload_bytes)
    refused = name_refusal(announced.filename)
    if refused is not None:
        raise FileRefused(refused, config().max_upload_bytes // 1048576)
    site, mistakes = None, Mistakes()
    mistakes.found += tag_mistakes(announced.tags)
    with mistakes.collected():
        site = offered_site(actor, announced.site)
    with mistakes.collected():
        sources.require_source_id(announced.source_id)
    with mistakes.collected():
        read_recording(site or home_site(actor), announced.camera, announced.recorded_at)
    mistakes.refuse()
    try:
        storage().require_room()
    except NoRoom:
        raise StorageFull from None
    with transaction() as session:
        source = sources.begin_upload(
            actor,
            announced.filename,
            one_line(announced.name),
            some_lines(announced.description),
            site=site,
            source_id=announced.source_id,
            camera=announced.camera,
            recorded_at=announced.recorded_at,
            resumable=True,
        )
        if announced.tags:
            set_tags(source, announced.tags)
        upload = Upload(
            public_id=_PREFIX + secrets.token_hex(16),
            source_id=source.id,
            source=source,
            user_id=actor.user_id,
            api_key_id=actor.api_key_id,
            expires_at=utcnow() + time_to_live(),
            length=announced.length,
            offset=0,
            said=announced.metadata_header,
        )
        session.add(upload)
    return upload


def find(actor: Actor, public_id: str) -> Upload:
    """Return the current upload to its owner; raises NotFound."""
    upload = db.session.scalar(
        select(Upload)
        .where(Upload.public_id == public_id, _own(actor))
        .execution_options(populate_existing=True)
    )
    if upload is None or not actor.sees(upload.source.site_id):
        raise NotFound
    return upload


def list_unfinished(actor: Actor) -> list[Upload]:
    """Return an actor's own resumable uploads, the newest first."""
    query = (
        select(Upload)
        .join(Source, Source.id == Upload.source_id)
        .where(
            _own(actor),
            actor.scope(Source.site_id),
            Upload.finished_at.is_(None),
            Upload.expires_at > utcnow(),
        )
        .order_by(Upload.id.desc())
        .limit(_MOST_LISTED)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(query))


def _own(actor: Actor) -> ColumnElement[bool]:
    if actor.api_key_id is not None:
        return Upload.api_key_id == actor.api_key_id
    return (Upload.user_id == actor.user_id) & Upload.user_id.is_not(None)


def is_whole(upload: Upload) -> bool:
    """Return whether all bytes have arrived and were enqueued."""
    return upload.finished_at is not None and upload.offset == upload.length


def require_alive(upload: Upload) -> None:
    """Raise UploadExpired for an upload that was not finished in time."""
    if upload.finished_at is not None and not is_whole(upload):
        raise UploadExpired
    whole = upload.offset == upload.length
    if upload.finished_at is None and not whole and upload.expires_at <= utcnow():
        raise UploadExpired


def terminate(actor: Actor, public_id: str) -> None:
    """Remove an unfinished upload with its source, without a trace.

    Raises:
        NotFound: there is none, or not this actor's.
        UploadExpired: it is gone already.
        UploadFinished: it is a source now, which is deleted as such.
    """
    upload = find(actor, public_id)
    require_alive(upload)
    if upload.source.video.status != VideoStatus.UPLOADING:
        raise UploadFinished
    sources.delete_source(actor, upload.source.source_id, "upload:terminated")
    hashing.forget(public_id)


def forget_ended() -> int:
    """Delete uploads that ended long ago; return their number."""
    with transaction() as session:
        return change(session, delete(Upload).where(Upload.finished_at < utcnow() - _REMEMBERED))


def sweep_staged() -> int:
    """Remove staged bytes of uploads that are no longer active; return their number."""
    removed = 0
    for staged in storage().list_staged():
        name = staged.name
        if not name.startswith(_PREFIX):
            continue
        under_way = select(Upload.id).where(
            Upload.public_id == name,
            or_(Upload.finished_at.is_(None), Upload.lease_until.is_not(None)),
        )
        if db.session.scalar(under_way) is None:
            storage().staged(name).discard()
            removed += 1
            log.warning("staged bytes of the ended upload %s removed", name)
    return removed
