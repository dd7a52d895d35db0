"""What programs ask of the hosting API."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, Json

from vigint_web.http.pages.request_models import BinaryPart, RequestModel, Text, number_of_hours
from vigint_web.services.core.odd_values import LONGEST_TEXT
from vigint_web.services.hosting.local import MOST_HOURS, VIDEO_ID
from vigint_web.services.incidents.documents import MOST_LINK_HOURS, IncidentFactsBody

SHA256 = "^[0-9A-Fa-f]{64}$"


class ExtensionBody(RequestModel):
    """How much longer the key's link to a video shall live."""

    video_id: Text
    additional_hours: Annotated[float, number_of_hours(MOST_HOURS)] = 24


class VerificationQuery(RequestModel):
    """Which link is asked about; what is no link of the key's is unknown."""

    video_id: Text = Field("", description="The video's id.")
    token: Text = Field("", description="The token of a link.")


class HostingMetadata(IncidentFactsBody):
    """What is said of a hosted video: its id and its hash, which can refuse it, and facts."""

    video_id: Annotated[str, Field(pattern=f"^{VIDEO_ID}$")] | None = Field(
        None, description="The video's id; one is made where none is given."
    )
    file_hash: Annotated[str, Field(pattern=SHA256)] | None = Field(
        None, description="The file's SHA-256 in hexadecimal digits, which is compared."
    )
    message: Annotated[str, Field(max_length=LONGEST_TEXT)] | None = None


# Of the metadata what is about the request, not about the incident.
ABOUT_REQUEST = frozenset(HostingMetadata.model_fields) - frozenset(IncidentFactsBody.model_fields)


class HostingForm(BaseModel):
    """A video to be hosted."""

    video: BinaryPart = Field(description="The file.")
    metadata: Json[HostingMetadata] | None = Field(
        None, description="`video_id`, `file_hash`, and what an incident tells."
    )
    expiration_hours: Annotated[int, Field(ge=1, le=MOST_LINK_HOURS)] | None = None
    access_type: Literal["private"] | None = None
