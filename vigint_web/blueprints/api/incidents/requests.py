"""Models of the incident API's forms; of its JSON: `services.incidents.documents`."""

from pydantic import BaseModel, Field, Json

from vigint_web.http.pages.request_models import BinaryPart
from vigint_web.services.incidents.documents import IncidentBody


class IncidentForm(BaseModel):
    """An incident with its footage in parts. Members of `incident` may be form fields."""

    incident: Json[IncidentBody] | None = Field(
        None, description="The incident without frames, with `timestamps` in their order."
    )
    frames: list[BinaryPart] | None = Field(
        None, description="Up to 2,000 JPEG or PNG parts of 10 MiB."
    )
    video: BinaryPart | None = Field(
        None, description="One clip instead. Frames beside it are kept with it."
    )
