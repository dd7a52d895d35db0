"""Views that decide about several incidents, or assign them: first a confirmation, then the act."""

from collections.abc import Callable, Mapping

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from vigint_web.blueprints.filters import refused_filter
from vigint_web.blueprints.forms import ActionForm
from vigint_web.blueprints.pages.review.blueprint import blueprint
from vigint_web.blueprints.pages.review.forms import number_of
from vigint_web.errors import (
    AlreadyDecided,
    DecisionOutOfOrder,
    Invalid,
    NotFound,
    VigintError,
)
from vigint_web.http.pages.incident_filters import asked_incidents
from vigint_web.http.security.identity import actor
from vigint_web.i18n.reasons import reason_words
from vigint_web.i18n.refusals import error_sentence, first_words
from vigint_web.models import Incident, IncidentState
from vigint_web.services.core.bulk import MOST_AT_ONCE, BulkOutcome
from vigint_web.services.review import assignment, bulk, reasons

ASSIGN = "assign"
_DECISIONS = (
    IncidentState.CONFIRMED,
    IncidentState.FALSE_ALARM,
    IncidentState.CLOSED,
    IncidentState.NEW,
)
_NAMED = 10


@blueprint.get("/incidents/chosen")
def chosen_incidents() -> str | Response:
    """Show what would happen to the selected incidents, and ask for confirmation."""
    return _question()


@blueprint.post("/incidents/chosen")
def change_chosen() -> Response | str | tuple[str, int]:
    """Decide about the selected incidents or assign them; report the exact result."""
    deed = request.form.get("do", "")
    references, seen = request.form.getlist("incident"), request.form.getlist("seen")
    if deed not in {ASSIGN, *_DECISIONS} or not references or len(references) != len(seen):
        return _nothing_chosen()
    shown = dict(zip(references[:MOST_AT_ONCE], seen, strict=False))
    try:
        outcome = _assign(shown) if deed == ASSIGN else _decide(IncidentState(deed), shown)
    except Invalid as refused:
        answer = _question(mistake=error_sentence(refused))
        return (answer, 422) if isinstance(answer, str) else answer
    _report(deed, outcome)
    return redirect(url_for("incidents.index", **asked_incidents()[1]))


def _question(mistake: str = "") -> str | Response:
    """Ask for confirmation; without an action in the request, for the action first."""
    wanted, kept = asked_incidents()
    refused = refused_filter(kept) if request.args.get("all") else None
    if refused is not None:
        return refused
    deed = request.values.get("do", "")
    decision = IncidentState(deed) if deed in set(_DECISIONS) else None
    found, more = _selected(with_repeats=wanted.folded), 0
    if request.args.get("all") and not found:
        found, more = bulk.choose_all(actor(), wanted, decision)
    if not found:
        return _nothing_chosen()
    fit = [one for one in found if decision is None or bulk.can_decide(one, decision)]
    return render_template(
        "review/chosen.html",
        form=ActionForm(),
        deed=deed if deed in {ASSIGN, *_DECISIONS} else "",
        incidents=fit or found,
        fit=fit,
        unfit=len(found) - len(fit),
        more=more,
        everything=bool(request.args.get("all")),
        reasons=[(one.code, reason_words(one.code, one.label)) for one in reasons.list_reasons()],
        assignable=bulk.assignable_to_all(found) if deed == ASSIGN else [],
        assignees=assignment.assignees_of(found),
        kept=kept,
        mistake=mistake,
        most=MOST_AT_ONCE,
    )


def _selected(*, with_repeats: bool) -> list[Incident]:
    asked = [text[:64] for text in dict.fromkeys(request.values.getlist("incident"))]
    return bulk.choose(actor(), asked, with_repeats=with_repeats)


def _decide(wanted: IncidentState, shown: Mapping[str, str]) -> BulkOutcome:
    states = {state.value: state for state in IncidentState}
    seen = {one: states[state] for one, state in shown.items() if state in states}
    return bulk.decide_many(actor(), seen, wanted, request.form.get("reason") or None)


def _assign(shown: Mapping[str, str]) -> BulkOutcome:
    user_id = number_of(request.form.get("assignee", ""))
    seen = {one: number_of(assignee) for one, assignee in shown.items()}
    return bulk.assign_many(actor(), seen, user_id)


def _report(deed: str, outcome: BulkOutcome) -> None:
    """Report the result, and for each reason the incidents that were left as they are."""
    count = len(outcome.done)
    if count:
        flash(_done_words(deed, count), "success")
    for why, references in outcome.by_reason(_why).items():
        flash(
            ngettext(
                "%(num)d incident was left as it is (%(names)s): %(why)s",
                "%(num)d incidents were left as they are (%(names)s): %(why)s",
                len(references),
                names=", ".join(references[:_NAMED]) + ("…" if len(references) > _NAMED else ""),
                why=why,
            ),
            "danger",
        )


def _done_words(deed: str, count: int) -> str:
    if deed == ASSIGN:
        if not request.form.get("assignee", "").strip():
            return str(
                ngettext(
                    "%(num)d incident is assigned to no one.",
                    "%(num)d incidents are assigned to no one.",
                    count,
                )
            )
        return str(ngettext("%(num)d incident assigned.", "%(num)d incidents assigned.", count))
    words: dict[IncidentState, Callable[[], str]] = {
        IncidentState.CONFIRMED: lambda: ngettext(
            "%(num)d incident confirmed.", "%(num)d incidents confirmed.", count
        ),
        IncidentState.FALSE_ALARM: lambda: ngettext(
            "%(num)d incident recorded as a false alarm.",
            "%(num)d incidents recorded as false alarms.",
            count,
        ),
        IncidentState.CLOSED: lambda: ngettext(
            "%(num)d incident closed.", "%(num)d incidents closed.", count
        ),
        IncidentState.NEW: lambda: ngettext(
            "%(num)d incident reopened.", "%(num)d incidents reopened.", count
        ),
    }
    return words[IncidentState(deed)]()


def _why(error: VigintError) -> str:
    if isinstance(error, NotFound):
        return str(_("it no longer exists."))
    if isinstance(error, AlreadyDecided):
        return first_words(error, timed=False)  # one line for all that a person decided
    if isinstance(error, DecisionOutOfOrder):
        return str(_("this decision is not possible in its state."))
    return error_sentence(error)


def _nothing_chosen() -> Response:
    flash(_("Select at least one incident first."), "warning")
    return redirect(url_for("incidents.index", **asked_incidents()[1]))
