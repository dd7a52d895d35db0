"""Views of sources."""

import errno
import time
from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.wrappers import Response
from wtforms.validators import ValidationError

from vigint_web.blueprints.auth.forms import ActionForm
from vigint_web.errors import Conflict, StorageFull
from vigint_web.extensions import csrf
from vigint_web.http.identity import actor
from vigint_web.http.live import live_page
from vigint_web.http.multipart import FilePart, read_parts, save
from vigint_web.http.paging import chosen, place, search_text
from vigint_web.models import Source
from vigint_web.permissions import Permission
from vigint_web.services import links, listing, sources
from vigint_web.services.runtime import config, storage
from vigint_web.services.sightings import record_shown_addresses
from vigint_web.services.token_documents import api_links, metadata_document
from vigint_web.storage import NoRoom

blueprint = Blueprint("sources", __name__, url_prefix="/source-management")

MOST_FILES = 20
_SIGN_OF_LIFE_SECONDS = 5.0


@blueprint.get("/")
def index() -> str:
    """List the sources."""
    return render_template("sources/index.html", **_listed())


@blueprint.get("/live")
def live_list() -> Response:
    """Return the part of the list that changes."""
    return live_page(lambda: render_template("sources/_list.html", **_listed()))


def _listed() -> dict[str, object]:
    wanted = listing.StateFilter(search_text(), chosen("state", listing.SOURCE_STATES))
    here = place()
    asked = {"q": wanted.text, "state": wanted.state}
    return {
        "page": listing.find_sources(actor(), wanted, here),
        "here": here,
        "kept": {name: value for name, value in asked.items() if value},
    }


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
    )


@blueprint.post("/add/")
def upload() -> Response | tuple[str, int]:
    """Take files as they arrive; each becomes a source of its own, whatever happens to the others.

    The form is read as a stream, so its CSRF token is checked here: it comes first in the form (or
    as a header), and no file is looked at before it.
    """
    limit = config().max_upload_bytes
    request.max_content_length = MOST_FILES * (limit + 1024 * 1024)
    request.max_form_parts = MOST_FILES + 20
    fields: dict[str, str] = {}
    trusted = _is_genuine(request.headers.get("X-CSRFToken"))
    added: list[Source] = []
    for part in read_parts(request, most_parts=MOST_FILES + 20):
        if isinstance(part, FilePart):
            trusted = trusted or _is_genuine(fields.get("csrf_token"))
            if not trusted:
                raise CSRFError
            # A file field left empty is sent as a file without a name.
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


def _is_genuine(token: str | None) -> bool:
    try:
        validate_csrf(token)
    except ValidationError:
        return False
    return True


def _take(part: FilePart, fields: dict[str, str], *, first: bool, limit: int) -> Source:
    name = fields.get("name", "") if first else ""
    source = sources.begin_upload(actor(), part.filename, name, fields.get("description", ""))
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
        return source  # its page says what happened
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


def _signs_of_life(video_id: int) -> Callable[[], None]:
    last = time.monotonic()

    def goes_on() -> None:
        nonlocal last
        storage().require_room()
        if time.monotonic() - last > _SIGN_OF_LIFE_SECONDS:
            last = time.monotonic()
            sources.upload_goes_on(video_id)

    return goes_on


@blueprint.get("/<source_id>/")
def show(source_id: str) -> str:
    """Show one source: status, picture, player, metadata, API links."""
    return render_template("sources/show.html", form=ActionForm(), **_shown(source_id))


@blueprint.get("/<source_id>/live")
def live(source_id: str) -> Response:
    """Return the part of a source's page that changes."""
    return live_page(
        lambda: render_template("sources/_live.html", form=ActionForm(), **_shown(source_id))
    )


def _shown(source_id: str) -> dict[str, object]:
    source = sources.get_source(actor(), source_id)
    link = links.program_link(source.video_id)
    shows = link is not None and link.revoked_at is None and actor().may(Permission.MANAGE_LINKS)
    if link is not None and shows:
        record_shown_addresses(actor(), link)
    return {
        "source": source,
        "video": source.video,
        "link": link,
        "api": api_links(link) if link is not None and shows else None,
        "metadata": metadata_document(link) if link else {},
    }


@blueprint.post("/<source_id>/retry")
def retry(source_id: str) -> Response:
    """Process a failed source again."""
    sources.retry_source(actor(), source_id)
    flash(_("Processing starts again."), "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<source_id>/rotate")
def rotate(source_id: str) -> Response:
    """Give a source's programs a new token."""
    source = sources.get_source(actor(), source_id)
    link = links.program_link(source.video_id)
    if link is None:
        abort(404)
    links.rotate_program_link(actor(), link.id)
    flash(_("The access token is new. The old one opens nothing any more."), "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<source_id>/delete")
def delete(source_id: str) -> Response:
    """Delete a source with its files and links."""
    sources.delete_source(actor(), source_id)
    flash(_("The source %(source)s is deleted.", source=source_id), "success")
    return redirect(url_for("sources.index"))
