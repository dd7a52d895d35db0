"""What is asked with a video's token."""

from pydantic import Field

from vigint_web.http.pages.request_models import RequestModel, Text


class PictureQuery(RequestModel):
    """Which picture of a video is asked for."""

    size: Text = Field("", description="`small` asks for a picture of few bytes.")
    track: Text | None = Field(
        None, description="The number of a further picture, of a file that has several."
    )


class DownloadQuery(RequestModel):
    """Which viewing a download belongs to."""

    view: Text | None = Field(
        None, description="The name of a viewing: a download within one is no further view."
    )
