"""Name the files of videos: each by a row, and for the version before by columns as well.

Nothing else writes either, so that both say the same after every commit. What a process of the
version before writes, which is the columns alone, `late_files` brings over.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, insert, or_, update
from sqlalchemy.orm import Session

from vigint_web.models import FileKind, NamedFile, Video, VideoFile
from vigint_web.models.video_file import PLAYABLE, Slot, column_values
from vigint_web.services.core.transactions import change

Files = Mapping[Slot, NamedFile]


def add_video(session: Session, video: Video, files: Files) -> None:
    """Add a video that comes with its files, inside the caller's transaction."""
    session.add(video)
    session.flush()
    added = update(Video).where(Video.id == video.id)
    publish_files(
        session, video.id, lambda **columns: change(session, added.values(**columns)), files
    )
    session.refresh(video)
    video.stored_size = video.files_size


def publish_files(
    session: Session,
    video_id: int,
    write: Callable[..., int],
    files: Files,
    values: Mapping[str, Any] | None = None,
) -> int:
    """Change a video and name files of it, inside the caller's transaction; others it keeps.

    Args:
        write: is given values of columns, and writes them to the video if that is allowed still;
            returns how many videos that were. Nothing is named if it was none.
        files: what each is to the video; one that had that place is not named any more.
        values: what else the video's row will say.

    Returns:
        What `write` did.
    """
    found = write(**column_values(files, values))
    if found:
        _write_rows(session, video_id, files)
    return found


def _write_rows(session: Session, video_id: int, files: Files) -> None:
    if not files:
        return
    replaced = [and_(VideoFile.kind == kind, VideoFile.number == n) for kind, n in files]
    if PLAYABLE in files:  # made together with all further pictures
        replaced.append(VideoFile.number > 1)
    change(session, delete(VideoFile).where(VideoFile.video_id == video_id, or_(*replaced)))
    session.execute(insert(VideoFile), [row_values(video_id, *named) for named in files.items()])


def row_values(video_id: int, slot: Slot, file: NamedFile) -> dict[str, Any]:
    """Return the row that names a file."""
    kind, number = slot
    return {
        "video_id": video_id,
        "kind": str(kind),
        "number": number,
        "key": file.key,
        "size": file.size,
        "sha256": file.sha256,
        "content_type": file.content_type,
    }


def has_file(*kinds: FileKind) -> ColumnElement[bool]:
    """Return the condition that a video has a file of one of these kinds."""
    of_columns = [getattr(Video, f"{kind}_key").is_not(None) for kind in kinds]
    row = exists().where(VideoFile.video_id == Video.id, VideoFile.kind.in_(map(str, kinds)))
    return or_(row, *of_columns)


def names_original(key: str) -> ColumnElement[bool]:
    """Return the condition that a video's original is the file of this key."""
    of_column = getattr(Video, f"{FileKind.ORIGINAL}_key") == key
    row = exists().where(
        VideoFile.video_id == Video.id,
        VideoFile.kind == str(FileKind.ORIGINAL),
        VideoFile.key == key,
    )
    return or_(row, of_column)
