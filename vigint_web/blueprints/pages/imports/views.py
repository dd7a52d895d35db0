"""Views of imports: download, preview, import. A preview writes nothing."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ActionForm
from vigint_web.blueprints.pages.imports.kinds import (
    KINDS,
    Kind,
    key_of,
    title_of,
    value_of,
    words_of,
)
from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import csrf
from vigint_web.http.pages.csv_tables import as_written, csv_answer
from vigint_web.http.security.identity import actor
from vigint_web.i18n.refusals import error_sentence, mistake_sentence
from vigint_web.services.accounts.import_plan import ImportOutdated, Outcome, Plan
from vigint_web.services.core import csv_input
from vigint_web.services.core.csv_input import Line

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

_KIND = "/<any(sites, cameras, people):kind>"
# Of each outcome; the rest is counted.
_MOST_SHOWN = 200
# The compressed file in the form, as text.
_LARGEST_FORM = 3 * csv_input.LARGEST


@blueprint.get(f"{_KIND}/")
def new(kind: str) -> str:
    """Ask for a file."""
    return _asked(kind)


@blueprint.get(f"{_KIND}/table.csv")
def export(kind: str) -> Response:
    """Return what there is as a file that can be edited and imported."""
    columns = KINDS[kind].columns
    rows = [[words_of(key, row[key]) for key in columns] for row in KINDS[kind].export()]
    return csv_answer(f"{kind}.csv", [title_of(key) for key in columns], rows)


@blueprint.post(f"{_KIND}/preview")
def preview(kind: str) -> tuple[str, int]:
    """Show what importing a file would do."""
    _allow_large_form()
    if not ActionForm().validate_on_submit():
        return _asked(kind, [_("The form has expired. Choose the file again.")]), 400
    file = request.files.get("table")
    if file is None or not file.filename:
        return _asked(kind, [_("Choose a file.")]), 422
    data = file.stream.read(csv_input.LARGEST + 1)
    return _previewed(kind, data)


@blueprint.post(f"{_KIND}/apply")
def apply(kind: str) -> Response | tuple[str, int]:
    """Import a previewed file, if it would still do the same."""
    _allow_large_form()
    if not ActionForm().validate_on_submit():
        return _asked(kind, [_("The form has expired. Choose the file again.")]), 400
    try:
        data = _unpacked(request.form.get("content", ""))
        done = KINDS[kind].apply(actor(), _lines(KINDS[kind], data), request.form.get("digest", ""))
    except Invalid as error:
        return _asked(kind, _sentences(error.mistakes)), 422
    except ImportOutdated as error:
        return _previewed(kind, data, error_sentence(error), status=409)
    created, changed = (done.counts[one] for one in (Outcome.CREATED, Outcome.CHANGED))
    added = ngettext("%(num)d row added", "%(num)d rows added", created)
    flash(
        _("Imported: %(added)s, %(changed)s.", added=added,
          changed=ngettext("%(num)d changed", "%(num)d changed", changed)),
        "success",
    )  # fmt: skip
    return redirect(url_for(KINDS[kind].list))


# They allow a large form before it is read, and check its token themselves.
csrf.exempt(preview)
csrf.exempt(apply)


def _allow_large_form() -> None:
    request.max_content_length = _LARGEST_FORM
    request.max_form_memory_size = _LARGEST_FORM


def _previewed(kind: str, data: bytes, warning: str = "", status: int = 200) -> tuple[str, int]:
    try:
        plan = KINDS[kind].plan(actor(), _lines(KINDS[kind], data))
    except Invalid as error:
        return _asked(kind, _sentences(error.mistakes)), 422
    page = render_template(
        "imports/preview.html",
        kind=KINDS[kind],
        name=kind,
        counts=plan.counts,
        shown=_shown(plan),
        most=_MOST_SHOWN,
        does_something=plan.does_something,
        digest=plan.digest,
        content=base64.b64encode(zlib.compress(data, 9)).decode(),
        warning=warning,
        title_of=title_of,
        words=_words,
        sentence=mistake_sentence,
        form=ActionForm(),
    )
    return page, status


def _shown(plan: Plan) -> Mapping[Outcome, list[Any]]:
    """Return the rows to look at, those that were refused first."""
    order = (Outcome.REFUSED, Outcome.CHANGED, Outcome.CREATED)
    return {one: plan.of(one)[:_MOST_SHOWN] for one in order if plan.counts[one]}


def _lines(kind: Kind, data: bytes) -> list[Line]:
    value = value_of()
    lines = csv_input.read_table(data, key_of(kind), required=kind.required)
    return [
        Line(
            line.number,
            {key: value(key, as_written(cell)) for key, cell in line.cells.items()},
            line.mistakes,
        )
        for line in lines
    ]


def _unpacked(content: str) -> bytes:
    """Return the previewed file; never more than a file may have."""
    try:
        unpack = zlib.decompressobj()
        data = unpack.decompress(base64.b64decode(content, validate=True), csv_input.LARGEST + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise Invalid([Mistake(MistakeCode.FORM_DAMAGED)]) from None
    if len(data) > csv_input.LARGEST:
        raise RequestEntityTooLarge
    return data


def _asked(kind: str, mistakes: list[str] | None = None) -> str:
    return render_template(
        "imports/new.html",
        kind=KINDS[kind],
        name=kind,
        columns=[(title_of(key), key in KINDS[kind].required) for key in KINDS[kind].columns],
        mistakes=mistakes or [],
        megabytes=csv_input.LARGEST // (1024 * 1024),
        rows=csv_input.MOST_ROWS,
        form=ActionForm(),
    )


def _sentences(mistakes: list[Mistake]) -> list[str]:
    """Return each mistake as a sentence, with columns by their titles."""
    return [
        mistake_sentence(replace(one, field=title_of(one.field) if one.field else None))
        for one in mistakes
    ]


def _words(field: str, value: object) -> str:
    """Return a value of a preview for people."""
    if value is None or value in ("", []):
        return str(_("empty"))
    if field == "keeps_sound":
        return words_of("sound", "kept" if value else "removed")
    if field == "sharing_needs_reason":
        return words_of("reason_for_sharing", "required" if value else "optional")
    if field == "legal_regime":
        return words_of("films", str(value))
    return ", ".join(value) if isinstance(value, list) else words_of(field, str(value))
