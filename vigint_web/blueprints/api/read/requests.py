"""Models of requests to the read API."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from vigint_web.http.pages.request_models import (
    RequestModel,
    address_in_query,
    line_in_query,
    moment_in_query,
    number_in_query,
    one_of,
)
from vigint_web.models import IncidentState, RiskLevel

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200
_TESTS = {"false": False, "true": True}
_RISKS = {level.value: level for level in RiskLevel}
# Whether the highest risk comes first.
_ORDERS = {"time": False, "risk": True}
_LONGEST_TYPE, _LONGEST_CAMERA, _LONGEST_SEARCH = 100, 200, 200
_BY_DETECTION = {
    "risk", "type", "camera", "since", "until", "recipient", "q", "late", "order",
}  # fmt: skip
_LARGEST_ID = 2**31 - 1
_STATES = {state.value: state for state in IncidentState}
_JUDGEMENTS = {state.value: state for state in (IncidentState.CONFIRMED, IncidentState.FALSE_ALARM)}


class PageQuery(RequestModel):
    """The requested page of a list."""

    before: Annotated[int | None, number_in_query(1, _LARGEST_ID)] = Field(
        None, description="Number of the last entry of the page before; `next_url` holds it."
    )
    limit: Annotated[int, number_in_query(1, LARGEST_LIMIT)] = Field(
        DEFAULT_LIMIT, description="Entries per page."
    )


class IncidentsQuery(PageQuery):
    """The requested page of the incidents that meet all of these conditions.

    A misspelt condition is refused: without it the answer would be all incidents.
    """

    model_config = ConfigDict(extra="forbid")

    state: Annotated[IncidentState, one_of(_STATES)] | None = Field(
        None, description="Incidents in this state."
    )
    decision: Annotated[IncidentState, one_of(_JUDGEMENTS)] | None = Field(
        None, description="Incidents with this judgement, also closed ones."
    )
    test: Annotated[bool, one_of(_TESTS)] = Field(
        default=False,
        description="True: test alerts instead of incidents, which have none of them.",
    )
    assignee: Annotated[str, address_in_query()] | None = Field(
        None,
        description="Incidents assigned to the user with this e-mail address; for keys that also "
        "have the scope `review`.",
    )
    risk: Annotated[RiskLevel, one_of(_RISKS)] | None = Field(
        None, description="Incidents of this risk."
    )
    type: Annotated[str, line_in_query(_LONGEST_TYPE)] | None = Field(
        None, description="Incidents of this type, as `incident_type` has it."
    )
    camera: Annotated[str, line_in_query(_LONGEST_CAMERA)] | None = Field(
        None, description="Incidents of the camera of this name: its own, or its detector's."
    )
    since: Annotated[datetime, moment_in_query()] | None = Field(
        None, alias="from", description="Incidents detected at this time (RFC 3339) or later."
    )
    until: Annotated[datetime, moment_in_query()] | None = Field(
        None, alias="to", description="Incidents detected before this time (RFC 3339)."
    )
    recipient: Annotated[str, address_in_query()] | None = Field(
        None,
        description="Incidents of which this e-mail address was alerted, or which were shared with "
        "it.",
    )
    q: Annotated[str, line_in_query(_LONGEST_SEARCH)] | None = Field(
        None,
        description="Incidents whose reference, type, message, site or camera contains this text, "
        "in any case.",
    )
    late: Annotated[bool, one_of(_TESTS)] | None = Field(
        None,
        description="True: incidents received more than 15 minutes after their detection; false: "
        "the others.",
    )
    order: Annotated[bool, one_of(_ORDERS)] | None = Field(
        None,
        description="`time`: the time of detection, the last first (of receipt, if the detector's "
        "clock is fast); `risk`: the highest risk first, then the time. Missing: the order of "
        "receipt, but `time` with one of the conditions `risk`, `type`, `camera`, `from`, `to`, "
        "`recipient`, `q` and `late`.",
    )

    @property
    def is_by_receipt(self) -> bool:
        """Return whether the list is in the order of receipt."""
        # The other conditions have indexes in the order of detection only.
        return not self.model_fields_set & _BY_DETECTION
