"""Views of bulk actions on sources: first a confirmation, then the action."""

from collections.abc import Callable, Sequence

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ActionForm
from vigint_web.blueprints.pages.sources.blueprint import blueprint
from vigint_web.errors import Conflict, Invalid, NotFound, VigintError
from vigint_web.http.security.identity import actor
from vigint_web.i18n.refusals import error_sentence, mistake_sentence
from vigint_web.services.core.bulk import MOST_AT_ONCE, BulkOutcome
from vigint_web.services.sources import bulk
from vigint_web.services.sources.tags import list_tags

DEEDS = ("delete", "retry", "tag")
_NAMED = 10


@blueprint.get("/chosen")
def chosen_sources() -> str | Response:
    """Show the effect on the selected sources, and ask for confirmation."""
    return _question(ActionForm())


@blueprint.post("/chosen")
def change_chosen() -> Response | str | tuple[str, int]:
    """Run the action, and report its exact result."""
    deed, ids = request.form.get("do", ""), _ids(request.form.getlist("source"))
    if deed not in DEEDS or not ids:
        return _nothing_chosen()
    try:
        outcome = _do(deed, ids)
    except Invalid as refused:
        answer = _question(
            ActionForm(), mistakes=[mistake_sentence(one) for one in refused.mistakes]
        )
        return (answer, 422) if isinstance(answer, str) else answer
    _report(deed, outcome)
    return redirect(url_for("sources.index"))


def _question(form: ActionForm, mistakes: Sequence[str] = ()) -> str | Response:
    deed, ids = request.values.get("do", ""), _ids(request.values.getlist("source"))
    found = bulk.choose(actor(), ids)
    if deed not in DEEDS or not found:
        return _nothing_chosen()
    fit = [source for source in found if deed != "retry" or bulk.can_retry(source)]
    return render_template(
        "sources/chosen.html",
        form=form,
        deed=deed,
        sources=fit or found,
        fit=fit,
        unfit=[source for source in found if source not in fit],
        size=sum(source.video.stored_size for source in found),
        known_tags=list(dict.fromkeys(tag.name for tag in list_tags(actor()))),
        mistakes=mistakes,
        typed=request.form.get("tags", ""),
    )


def _do(deed: str, ids: list[str]) -> BulkOutcome:
    who = actor()
    if deed == "tag":
        return bulk.tag_many(who, ids, request.form.get("tags", "")[:2000])
    return (bulk.delete_many if deed == "delete" else bulk.retry_many)(who, ids)


def _report(deed: str, outcome: BulkOutcome) -> None:
    """Report the result, and for each reason the sources that were skipped."""
    count = len(outcome.done)
    words: dict[str, Callable[[], str]] = {
        "delete": lambda: ngettext("%(num)d source deleted.", "%(num)d sources deleted.", count),
        "retry": lambda: ngettext(
            "%(num)d source is being processed again.",
            "%(num)d sources are being processed again.",
            count,
        ),
        "tag": lambda: ngettext("%(num)d source tagged.", "%(num)d sources tagged.", count),
    }
    if count:
        flash(words[deed](), "success")
    for why, ids in outcome.by_reason(lambda error: _why(deed, error)).items():
        flash(
            ngettext(
                "%(num)d source was skipped (%(names)s): %(why)s",
                "%(num)d sources were skipped (%(names)s): %(why)s",
                len(ids),
                names=", ".join(ids[:_NAMED]) + ("…" if len(ids) > _NAMED else ""),
                why=why,
            ),
            "danger",
        )


def _why(deed: str, error: VigintError) -> str:
    if isinstance(error, NotFound):
        return str(_("it no longer exists."))
    if deed == "retry" and isinstance(error, Conflict):
        return str(_("it has not failed, or its file never arrived."))
    return error_sentence(error)


def _ids(given: list[str]) -> list[str]:
    return [text[:64] for text in dict.fromkeys(given) if text][:MOST_AT_ONCE]


def _nothing_chosen() -> Response:
    flash(_("Select at least one source first."), "warning")
    return redirect(url_for("sources.index"))
