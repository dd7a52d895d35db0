"""Models of requests to the read API."""

from typing import Annotated

from pydantic import ConfigDict, Field

from vigint_web.http.pages.request_models import (
    RequestModel,
    address_in_query,
    number_in_query,
    one_of,
)
from vigint_web.models import IncidentState

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200
_TESTS = {"false": False, "true": True}
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
