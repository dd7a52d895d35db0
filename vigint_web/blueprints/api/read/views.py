"""Views of the read API. Lists are paged, newest first."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, request, url_for

from vigint_web.blueprints.api.read.requests import IncidentsQuery, PageQuery
from vigint_web.http.pages.request_models import read_query
from vigint_web.http.security.guard import Forbidden
from vigint_web.http.security.identity import api_key
from vigint_web.http.security.throttling import limit_reading
from vigint_web.models import Scope
from vigint_web.serializers.read_api import (
    access_document,
    incident_document,
    link_document,
    source_document,
)
from vigint_web.services.accounts.users import find_user_id
from vigint_web.services.core import addresses
from vigint_web.services.core.actors import Actor, as_key
from vigint_web.services.core.keyset_pagination import Cursor, Page
from vigint_web.services.incidents.listing import IncidentFilter
from vigint_web.services.incidents.program_lists import (
    find_camera_id,
    find_in_order,
    find_incidents,
)
from vigint_web.services.links import access, links
from vigint_web.services.links.listing import StateFilter, find_links
from vigint_web.services.review.assignment import assignees_of
from vigint_web.services.sources.listing import find_sources
from vigint_web.services.sources.sources import get_source

blueprint = Blueprint("records", __name__, url_prefix="/api/v1")

Row = TypeVar("Row")
# Unknown addresses and cameras have no incidents, and no answer says that they are unknown.
_NONE = 0


@blueprint.get("/sources")
@limit_reading
def sources() -> Response:
    """List the sources of the key's site, newest first."""
    place, limit = _place()
    return _answer("sources", find_sources(_actor(), place, limit), source_document)


@blueprint.get("/sources/<source_id>")
@limit_reading
def source(source_id: str) -> Response:
    """Read one source, with the addresses at which programs read its video."""
    return jsonify(source_document(get_source(_actor(), source_id)))


@blueprint.get("/incidents")
@limit_reading
def incidents() -> Response:
    """List the incidents of the key's site, newest first, all or those of a filter."""
    asked = read_query(IncidentsQuery)
    names_staff = api_key().allows(Scope.REVIEW)
    if asked.assignee is not None and not names_staff:
        raise Forbidden("insufficient_scope")  # or addresses could be guessed
    assignee = None if asked.assignee is None else find_user_id(asked.assignee) or _NONE
    camera = None if asked.camera is None else find_camera_id(_actor(), asked.camera) or _NONE
    wanted = IncidentFilter(
        text=asked.q or "",
        risk=asked.risk,
        since=asked.since,
        until=asked.until,
        state=asked.state,
        assignee_id=assignee,
        camera_id=camera,
        decision=asked.decision,
        incident_type=asked.type or "",
        tests=asked.test,
        recipient=asked.recipient or "",
        late=asked.late,
    )
    if asked.is_by_receipt:
        found = find_incidents(_actor(), wanted, Cursor(before=asked.before), asked.limit)
    else:
        by_risk = bool(asked.order)
        found = find_in_order(_actor(), wanted, asked.before, asked.limit, by_risk=by_risk)
    assignees = assignees_of(found.rows) if names_staff else None
    return _answer("incidents", found, lambda row: incident_document(row, assignees))


@blueprint.get("/links")
@limit_reading
def link_list() -> Response:
    """List the links of the key's site, including ended ones, newest first, without tokens."""
    place, limit = _place()
    found = find_links(_actor(), StateFilter(), place, limit)
    return _answer("links", found, link_document)


@blueprint.get("/links/<int(max=2147483647):link_id>")
@limit_reading
def link(link_id: int) -> Response:
    """Read one link and whether it is valid."""
    return jsonify(link_document(links.get_link(_actor(), link_id)))


@blueprint.get("/links/<int(max=2147483647):link_id>/accesses")
@limit_reading
def accesses(link_id: int) -> Response:
    """List every request with a link's token, newest first."""
    place, limit = _place()
    found = access.page_of_accesses(links.get_link(_actor(), link_id).id, place, limit)
    return _answer("accesses", found, access_document)


def _actor() -> Actor:
    return as_key(api_key())


def _answer(name: str, page: Page[Row], document: Callable[[Row], Any]) -> Response:
    older = None
    if page.older is not None:
        given = {**(request.view_args or {}), **request.args.to_dict(), "before": page.older}
        older = addresses.public(url_for(request.endpoint or "", **given))
    response = jsonify({name: [document(row) for row in page.rows], "next_url": older})
    if older is not None:
        response.headers["Link"] = f'<{older}>; rel="next"'  # RFC 8288
    return response


def _place() -> tuple[Cursor, int]:
    """Return the start and the length of the requested page; raises Invalid."""
    asked = read_query(PageQuery)
    return Cursor(before=asked.before), asked.limit
