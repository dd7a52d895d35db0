"""What programs ask of the hosting API."""

from typing import Annotated

from pydantic import Field

from vigint_web.http.pages.request_models import RequestModel, Text, number_of_hours
from vigint_web.services.hosting.local import MOST_HOURS


class ExtensionBody(RequestModel):
    """How much longer the key's link to a video shall live."""

    video_id: Text
    additional_hours: Annotated[float, number_of_hours(MOST_HOURS)] = 24


class VerificationQuery(RequestModel):
    """Which link is asked about; what is no link of the key's is unknown."""

    video_id: Text = Field("", description="The video's id.")
    token: Text = Field("", description="The token of a link.")
