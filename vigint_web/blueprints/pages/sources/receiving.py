"""Receive sources: the upload form, and its files."""

import errno
import time
from collections.abc import Callable

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.wrappers import Response
from wtforms.validators import ValidationError

from vigint_web.blueprints.forms import ActionForm
from vigint_web.blueprints.pages.sources.blueprint import blueprint
from vigint_web.errors import Conflict, StorageFull
from vigint_web.extensions import csrf
from vigint_web.http.base.errors import refuse
from vigint_web.http.security.identity import actor
from vigint_web.http.uploads.multipart import FilePart, read_parts, save
from vigint_web.models import Source
from vigint_web.services.accounts.cameras import cameras_to_offer
from vigint_web.services.accounts.sites import last_site_id, list_sites, offered_site
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.sources import sources, tags
from vigint_web.services.videos.filenames import name_refusal
from vigint_web.storage import NoRoom

MOST_FILES = 20
_SIGN_OF_LIFE_SECONDS = 5.0


@blueprint.get("/add/")
def add() -> str:
    """Show the upload form."""
    if request.args.get("type", "file") != "file":
        abort(404)
    return render_template(
        "sources/add.html",
        form=ActionForm(),
        most_files=MOST_FILES,
        limit=config().max_upload_bytes,
        sites=list_sites(actor()),
        last_site=last_site_id(actor()),
        cameras=cameras_to_offer(actor()),
    )


@blueprint.post("/add/")
def upload() -> Response | tuple[str, int]:
    """Receive files as they arrive; each becomes a source of its own, independent of the others.

    The form is read as a stream, so its CSRF token is checked here: it comes first in the form (or
    as a header), and no file is read before it.
    """
    limit = config().max_upload_bytes
    request.max_content_length = MOST_FILES * (limit + 1024 * 1024)
    request.max_form_parts = MOST_FILES + 20
    if (request.content_length or 0) > request.max_content_length:
        return refuse("too_large", 413, _limits(limit))
    fields: dict[str, str] = {}
    trusted = _is_genuine(request.headers.get("X-CSRFToken"))
    added: list[Source] = []
    for part in read_parts(request, most_parts=MOST_FILES + 20):
        if isinstance(part, FilePart):
            trusted = trusted or _is_genuine(fields.get("csrf_token"))
            if not trusted:
                raise CSRFError
            # An empty file field is sent as a file without a name.
            if part.name == "files" and part.filename and len(added) < MOST_FILES:
                added.append(_take(part, fields, first=not added, limit=limit))
        else:
            fields[part.name] = part.value
    if not added:
        if not (trusted or _is_genuine(fields.get("csrf_token"))):
            raise CSRFError
        flash(_("Choose at least one video file."), "warning")
        return redirect(url_for("sources.add", type="file"))
    if len(added) == 1:
        return redirect(url_for("sources.show", source_id=added[0].source_id))
    flash(ngettext("%(num)d file received.", "%(num)d files received.", len(added)), "success")
    return redirect(url_for("sources.index"))


csrf.exempt(upload)


def _limits(limit: int) -> str:
    """Return the sentences about the form's limits."""
    files = _("At most %(number)s files at once.", number=MOST_FILES)
    size = _("The size limit is %(number)s MB per file.", number=limit // 1048576)
    return f"{files} {size}"


def _is_genuine(token: str | None) -> bool:
    try:
        validate_csrf(token)
    except ValidationError:
        return False
    return True


def _take(part: FilePart, fields: dict[str, str], *, first: bool, limit: int) -> Source:
    name = fields.get("name", "") if first else ""
    site = offered_site(actor(), fields.get("site", ""))
    source = sources.begin_upload(
        actor(),
        part.filename,
        name,
        fields.get("description", ""),
        site=site,
        source_id=fields.get("source_id", "").strip() if first else "",
        camera=fields.get("camera", ""),
        recorded_at=fields.get("recorded_at", ""),
    )
    refused = name_refusal(part.filename)
    if refused is not None:
        sources.fail_upload(actor(), source, refused)
        return source
    tags.set_tags(source, [tag[: tags.LONGEST] for tag in _tags(fields)])
    try:
        draft = storage().new_temp(".upload")
    except NoRoom:
        sources.fail_upload(actor(), source, "no_space")
        return source
    try:
        saved = save(part, draft, limit, _signs_of_life(source.video_id))
        if saved.too_large:
            sources.fail_upload(actor(), source, "too_large")
        elif saved.size == 0:
            sources.fail_upload(actor(), source, "empty_file")
        else:
            sources.finish_upload(actor(), source, draft, saved.size, saved.sha256)
    except NoRoom:
        sources.fail_upload(actor(), source, "no_space")
    except (StorageFull, Conflict):
        return source  # its page shows the result
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        sources.fail_upload(actor(), source, "no_space" if full else "upload_interrupted")
        if not full:
            raise
    except BaseException:
        sources.fail_upload(actor(), source, "upload_interrupted")
        raise
    finally:
        draft.unlink(missing_ok=True)
    return source


def _tags(fields: dict[str, str]) -> list[str]:
    """Return the tags of the form; excess ones are dropped, because the files matter more."""
    return tags.parse_tags(fields.get("tags", ""))[: tags.MOST]


def _signs_of_life(video_id: int) -> Callable[[], None]:
    last = time.monotonic()

    def goes_on() -> None:
        nonlocal last
        storage().require_room()
        if time.monotonic() - last > _SIGN_OF_LIFE_SECONDS:
            last = time.monotonic()
            sources.upload_goes_on(video_id)

    return goes_on
