"""Models of requests with a video's token."""

from pydantic import Field

from vigint_web.http.pages.request_models import RequestModel, Text


class PictureQuery(RequestModel):
    """The requested picture of a video."""

    size: Text = Field("", description="`small` asks for a picture of few bytes.")
    track: Text | None = Field(
        None, description="The number of a further picture, of a file that has several."
    )


class DownloadQuery(RequestModel):
    """The play of a download."""

    view: Text | None = Field(
        None, description="The name of a play: a download within one is no further view."
    )
