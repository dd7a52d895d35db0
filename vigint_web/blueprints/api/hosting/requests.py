"""Models of requests to the hosting API."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, Json

from vigint_web.http.pages.request_models import BinaryPart, RequestModel, Text, number_of_hours
from vigint_web.services.core.odd_values import LONGEST_TEXT
from vigint_web.services.hosting.local import MOST_HOURS, VIDEO_ID
from vigint_web.services.incidents.documents import MOST_LINK_HOURS, IncidentFactsBody

SHA256 = "^[0-9A-Fa-f]{64}$"


class ExtensionBody(RequestModel):
    """The extension of the key's link to a video."""

    video_id: Text
    additional_hours: Annotated[float, number_of_hours(MOST_HOURS)] = 24


class VerificationQuery(RequestModel):
    """The link to verify; links of other keys are unknown."""

    video_id: Text = Field("", description="The video's id.")
    token: Text = Field("", description="The token of a link.")


class HostingMetadata(IncidentFactsBody):
    """A hosted video's metadata: its id and hash, which can cause a refusal, and facts."""

    video_id: Annotated[str, Field(pattern=f"^{VIDEO_ID}$")] | None = Field(
        None, description="The video's id; one is made where none is given."
    )
    file_hash: Annotated[str, Field(pattern=SHA256)] | None = Field(
        None, description="The file's SHA-256 in hexadecimal digits, which is compared."
    )
    message: Annotated[str, Field(max_length=LONGEST_TEXT)] | None = None


# The metadata about the request, not about the incident.
ABOUT_REQUEST = frozenset(HostingMetadata.model_fields) - frozenset(IncidentFactsBody.model_fields)


class HostingForm(BaseModel):
    """A video to host."""

    video: BinaryPart = Field(description="The file.")
    metadata: Json[HostingMetadata] | None = Field(
        None, description="`video_id`, `file_hash`, and what an incident tells."
    )
    expiration_hours: Annotated[int, Field(ge=1, le=MOST_LINK_HOURS)] | None = None
    access_type: Literal["private"] | None = None
