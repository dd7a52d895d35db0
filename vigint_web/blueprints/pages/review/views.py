"""Views of the review of incidents."""

from collections.abc import Callable

from flask import flash, redirect, render_template, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import DECIDED, ActionForm
from vigint_web.blueprints.pages.review.blueprint import blueprint
from vigint_web.blueprints.pages.review.forms import (
    AssignmentForm,
    DecisionForm,
    FalseAlarmReasonForm,
    OutsideForm,
)
from vigint_web.errors import Conflict, Invalid, Mistake, MistakeCode
from vigint_web.http.pages.incident_filters import asked_walk
from vigint_web.http.security.identity import actor
from vigint_web.i18n.reasons import reason_words
from vigint_web.i18n.refusals import error_sentence
from vigint_web.models import ActKind, IncidentState
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.incidents.listing import next_undecided
from vigint_web.services.review import acts, assignment, bulk, decisions, reasons

_INCIDENT = "/incidents/<reference>"


@blueprint.post(f"{_INCIDENT}/decide")
def decide(reference: str) -> Response:
    """Confirm an incident, call it a false alarm, close it or reopen it."""
    form = DecisionForm()
    session.pop(DECIDED, None)
    walk = asked_walk()
    incident = get_incident(actor(), reference)
    # Found before the decision, which may take the incident out of the list.
    following = None
    if walk.is_from_list:
        following = next_undecided(actor(), walk.wanted, incident, by_risk=walk.is_by_risk)

    def change() -> str:
        if not form.validate_on_submit():
            raise Invalid([Mistake(MistakeCode.UNKNOWN_DECISION)])
        wanted, seen = IncidentState(form.decision.data), IncidentState(form.seen.data)
        reason = form.reason.data or None
        decisions.decide(
            actor(), reference, wanted, seen=seen, reason=reason, note=form.note.data or ""
        )
        bulk.decide_repeats(actor(), incident, wanted, seen=seen, reason=reason)
        if wanted != IncidentState.NEW:
            session[DECIDED] = {
                "reference": reference,
                "state": wanted.value,
                "said": _decided_words(wanted),
            }
            # The next page says it, beside the button that undoes it.
            return "" if following is not None else _decided_words(wanted)
        return _decided_words(wanted)

    answer = _changed(reference, change)
    if not walk.is_from_list:
        session.pop(DECIDED, None)
    if DECIDED not in session:
        return answer
    if following is None:
        session.pop(DECIDED)
        return redirect(url_for("incidents.index", **walk.listed))
    return redirect(url_for("incidents.show", reference=following, **walk.arguments))


@blueprint.post(f"{_INCIDENT}/assign")
def assign(reference: str) -> Response:
    """Assign the incident to a user, or to none."""
    form = AssignmentForm()

    def change() -> str:
        user_id = form.user_id()
        assignment.assign(actor(), reference, user_id, seen=form.seen_id())
        return str(_("Assigned.") if user_id is not None else _("No longer assigned."))

    return _changed(reference, change)


@blueprint.post(f"{_INCIDENT}/record")
def record(reference: str) -> Response:
    """Record a call to the police, or a confirmation by sight."""
    form = OutsideForm()
    known = {kind.value: kind for kind in acts.OUTSIDE}

    def change() -> str:
        kind = known.get(form.kind.data or "", ActKind.NOTE)
        acts.record_outside(actor(), reference, kind)
        return str(_("Recorded."))

    return _changed(reference, change)


@blueprint.get("/review/reasons/")
def reason_list() -> str:
    """List the reasons for false alarms."""
    return _listed(FalseAlarmReasonForm(formdata=None))


@blueprint.post("/review/reasons/add")
def add_reason() -> Response | tuple[str, int]:
    """Add a reason."""
    form = FalseAlarmReasonForm()
    if form.validate_on_submit():
        try:
            reasons.add_reason(actor(), form.label.data)
        except Conflict:
            form.label.errors = [
                _(
                    "There is such a reason already, or there are %(most)s of them. "
                    "Rename or remove one first.",
                    most=reasons.MOST_REASONS,
                )
            ]
        else:
            flash(_("Reason added."), "success")
            return redirect(url_for("review.reason_list"))
    return _listed(form), 422


@blueprint.post("/review/reasons/<code>/rename")
def rename_reason(code: str) -> Response | tuple[str, int]:
    """Rename a reason, in past decisions too."""
    form = FalseAlarmReasonForm(prefix=code)
    if form.validate_on_submit():
        try:
            reasons.rename_reason(actor(), code, form.label.data)
        except Conflict:
            form.label.errors = [_("There is such a reason already.")]
        else:
            flash(_("Reason renamed."), "success")
            return redirect(url_for("review.reason_list"))
    return _listed(FalseAlarmReasonForm(formdata=None), {code: form}), 422


@blueprint.post("/review/reasons/<code>/remove")
def retire_reason(code: str) -> Response:
    """Remove a reason from the choice."""
    try:
        reasons.retire_reason(actor(), code)
    except Conflict:
        flash(
            _("This is the last reason, and a false alarm needs one. Add another one first."),
            "danger",
        )
    else:
        flash(_("Reason removed. Past decisions keep it."), "success")
    return redirect(url_for("review.reason_list"))


def _listed(
    form: FalseAlarmReasonForm, refused: dict[str, FalseAlarmReasonForm] | None = None
) -> str:
    listed = [(one.code, reason_words(one.code, one.label)) for one in reasons.list_reasons()]
    forms = {
        code: FalseAlarmReasonForm(formdata=None, prefix=code, data={"label": words})
        for code, words in listed
    }
    return render_template(
        "review/reasons.html",
        listed=listed,
        form=form,
        forms={**forms, **(refused or {})},
        action=ActionForm(formdata=None),
    )


def _changed(reference: str, change: Callable[[], str]) -> Response:
    """Do what was asked; the incident's page shows the result, or why it was refused.

    Raises:
        NotFound: the user sees no such incident, whatever was asked.
    """
    get_incident(actor(), reference)
    try:
        said = change()
        if said:
            flash(said, "success")
    except (Conflict, Invalid) as error:
        flash(error_sentence(error), "danger")
    return redirect(url_for("incidents.show", reference=reference, **asked_walk().arguments))


def _decided_words(wanted: IncidentState) -> str:
    words: dict[IncidentState, str] = {
        IncidentState.CONFIRMED: _("Incident confirmed."),
        IncidentState.FALSE_ALARM: _("Recorded as a false alarm."),
        IncidentState.CLOSED: _("Incident closed."),
        IncidentState.NEW: _("Incident reopened."),
    }
    return words[wanted]
