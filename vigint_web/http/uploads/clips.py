"""Save a clip from a form to a working file."""

from vigint_web.errors import StorageFull, TooLarge
from vigint_web.http.uploads.multipart import FilePart, save
from vigint_web.models import VideoKind
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.incidents.incidents import Footage
from vigint_web.services.videos.filenames import storage_suffix
from vigint_web.storage import NoRoom


def save_clip(part: FilePart) -> Footage:
    """Write a clip and compute its digest; the caller removes its draft.

    Raises:
        StorageFull: it cannot be kept.
        TooLarge: it is larger than allowed.
    """
    try:
        draft = storage().new_temp(".video")
    except NoRoom:
        raise StorageFull from None
    try:
        saved = save(part, draft, config().max_hosted_bytes, storage().require_room)
    except (OSError, NoRoom):
        draft.unlink(missing_ok=True)
        raise StorageFull from None
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if saved.too_large:
        draft.unlink(missing_ok=True)
        raise TooLarge(config().max_hosted_bytes)
    suffix = storage_suffix(part.filename)
    return Footage(
        draft=draft,
        kind=VideoKind.CLIP,
        size=saved.size,
        digests=[saved.sha256],
        original_name=f"incident{suffix if suffix != '.bin' else '.mp4'}",
    )
