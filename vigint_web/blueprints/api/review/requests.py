"""Models of requests to the review API."""

from typing import Annotated

from pydantic import ConfigDict, Field

from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.http.pages.request_models import RequestModel, one_of, text_up_to, true_or_false
from vigint_web.models import ActKind, IncidentState
from vigint_web.services.review.acts import LONGEST_NOTE, OUTSIDE

_LONGEST_CODE = 64
_LONGEST_ADDRESS = 254
_STATES = {state.value: state for state in IncidentState}
_OUTSIDE = {kind.value: kind for kind in sorted(OUTSIDE)}
# A decision by the act that it is; the state to which it leads.
_DECISIONS = {
    ActKind.CONFIRMED.value: IncidentState.CONFIRMED,
    ActKind.FALSE_ALARM.value: IncidentState.FALSE_ALARM,
    ActKind.CLOSED.value: IncidentState.CLOSED,
    ActKind.REOPENED.value: IncidentState.NEW,
}

_Code = Annotated[str, text_up_to(_LONGEST_CODE)]
_Note = Annotated[str, text_up_to(LONGEST_NOTE)]
_Address = Annotated[str, text_up_to(_LONGEST_ADDRESS)]


_Repeats = Annotated[bool, true_or_false()]


class ReviewBody(RequestModel):
    """Base of these models: a misspelt member is refused, because it may change the meaning."""

    model_config = ConfigDict(extra="forbid")


class DecisionBody(ReviewBody):
    """A decision about an incident."""

    decision: Annotated[IncidentState, one_of(_DECISIONS)] = Field(
        description="`reopened` takes the decision back."
    )
    seen: Annotated[IncidentState, one_of(_STATES)] = Field(
        IncidentState.NEW,
        description="The state that the program read. In another one nothing is changed: 409.",
    )
    reason: _Code | None = Field(
        None, description="The code of a reason; only of a false alarm, which needs one."
    )
    note: _Note = Field("", description="An explanation.")
    repeats: _Repeats = Field(
        False,
        description="Whether to decide alike about its repeats that are in the state `seen`.",
    )

    def false_alarm_reason(self) -> str | None:
        """Return the reason; raises Invalid for one of another decision."""
        if self.reason is not None and self.decision != IncidentState.FALSE_ALARM:
            raise Invalid([Mistake(MistakeCode.REASON_NOT_EXPECTED, "reason")])
        return self.reason


class NoteBody(ReviewBody):
    """A note about an incident."""

    text: _Note = Field(description="The note; it is shown in the timeline.")


class RecordBody(ReviewBody):
    """What happened outside Vigint."""

    kind: Annotated[ActKind, one_of(_OUTSIDE)] = Field(
        description="That the police were called, or that the call was confirmed by sight."
    )


class AssigneeBody(ReviewBody):
    """The user who works on an incident."""

    email: _Address | None = Field(
        description="The address of an operator or administrator of the site; null for no one."
    )
    seen: _Address | None = Field(
        None,
        description="The address of the assignee that the program read; null for no one. "
        "With another assignee nothing is changed: 409.",
    )
    repeats: _Repeats = Field(
        False,
        description="Whether to assign alike its repeats that are in its state, and assigned to "
        "the same user.",
    )
