"""Views that do one thing with many sources: first they say with what, then they do it."""

from collections.abc import Callable, Sequence

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from vigint_web.blueprints.auth.forms import ActionForm
from vigint_web.blueprints.sources.blueprint import blueprint
from vigint_web.blueprints.sources.forms import TAG_MISTAKES
from vigint_web.errors import Invalid
from vigint_web.http.identity import actor
from vigint_web.services import source_bulk
from vigint_web.services.source_bulk import MOST_AT_ONCE, Outcome
from vigint_web.services.tags import list_tags
from vigint_web.wording import refusal_sentence

DEEDS = ("delete", "retry", "tag")
_NAMED = 10


@blueprint.get("/chosen")
def chosen_sources() -> str | Response:
    """Say what would be done with the chosen sources, and ask."""
    return _question(ActionForm())


@blueprint.post("/chosen")
def change_chosen() -> Response | str | tuple[str, int]:
    """Do it, and say exactly what was done."""
    deed, ids = request.form.get("do", ""), _ids(request.form.getlist("source"))
    if deed not in DEEDS or not ids:
        return _nothing_chosen()
    try:
        outcome = _do(deed, ids)
    except Invalid as refused:
        answer = _question(
            ActionForm(), mistakes=[str(TAG_MISTAKES[code]) for code in refused.mistakes]
        )
        return (answer, 422) if isinstance(answer, str) else answer
    _tell(deed, outcome)
    return redirect(url_for("sources.index"))


def _question(form: ActionForm, mistakes: Sequence[str] = ()) -> str | Response:
    deed, ids = request.values.get("do", ""), _ids(request.values.getlist("source"))
    found = source_bulk.choose(actor(), ids)
    if deed not in DEEDS or not found:
        return _nothing_chosen()
    fit = [source for source in found if deed != "retry" or source_bulk.can_retry(source)]
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


def _do(deed: str, ids: list[str]) -> Outcome:
    who = actor()
    if deed == "tag":
        return source_bulk.tag_many(who, ids, request.form.get("tags", "")[:2000])
    return (source_bulk.delete_many if deed == "delete" else source_bulk.retry_many)(who, ids)


def _tell(deed: str, outcome: Outcome) -> None:
    """Say what was done, and for each reason with which sources it was not."""
    count = len(outcome.done)
    words: dict[str, Callable[[], str]] = {
        "delete": lambda: ngettext(
            "%(num)d source is deleted.", "%(num)d sources are deleted.", count
        ),
        "retry": lambda: ngettext(
            "%(num)d source is processed again.", "%(num)d sources are processed again.", count
        ),
        "tag": lambda: ngettext("%(num)d source is tagged.", "%(num)d sources are tagged.", count),
    }
    if count:
        flash(words[deed](), "success")
    for code in dict.fromkeys(outcome.refused.values()):
        ids = [name for name, reason in outcome.refused.items() if reason == code]
        flash(
            ngettext(
                "Not done with %(num)d source (%(names)s): %(why)s",
                "Not done with %(num)d sources (%(names)s): %(why)s",
                len(ids),
                names=", ".join(ids[:_NAMED]) + ("…" if len(ids) > _NAMED else ""),
                why=_why(deed, code),
            ),
            "danger",
        )


def _why(deed: str, code: str) -> str:
    if code == "not_found":
        return str(_("it does not exist any more."))
    if deed == "retry" and code == "conflict":
        return str(_("it has not failed, or its file never arrived."))
    if code in TAG_MISTAKES:
        return str(TAG_MISTAKES[code])
    return str(refusal_sentence(code))


def _ids(given: list[str]) -> list[str]:
    return [text[:64] for text in dict.fromkeys(given) if text][:MOST_AT_ONCE]


def _nothing_chosen() -> Response:
    flash(_("Choose at least one source first."), "warning")
    return redirect(url_for("sources.index"))
