"""Models of requests to the sharing API."""

from typing import Annotated

from pydantic import ConfigDict, Field

from vigint_web.http.pages.request_models import (
    RequestModel,
    number_of_hours,
    text_up_to,
    texts_up_to,
)
from vigint_web.services.hosting.local import MOST_HOURS
from vigint_web.services.links.sharing import LONGEST_REASON, MOST_RECIPIENTS

LONGEST_MESSAGE = 1000
_LONGEST_ADDRESS = 320

_Reason = Annotated[str, text_up_to(LONGEST_REASON)]
_Message = Annotated[str, text_up_to(LONGEST_MESSAGE)]
_Addresses = Annotated[list[str], texts_up_to(MOST_RECIPIENTS, _LONGEST_ADDRESS)]
_Hours = Annotated[float, number_of_hours(MOST_HOURS)]


class SharingBody(RequestModel):
    """Base of these models: a misspelt member is refused, because it may change the meaning."""

    model_config = ConfigDict(extra="forbid")


class ShareBody(SharingBody):
    """Who is to see an incident's video, for how long and why."""

    recipients: _Addresses = Field(description="E-mail addresses; each gets a link of its own.")
    hours: _Hours | None = Field(
        None, description="How long the links work; the configured time if it is missing."
    )
    message: _Message = Field("", description="A text in the mail, above the link.")
    reason: _Reason = Field(
        "",
        description="Why it is shared; required where the settings of the site say so. "
        "The recipients do not see it.",
    )


class RevocationBody(SharingBody):
    """Why a link is revoked."""

    reason: _Reason = Field("", description="It is kept in the record.")
