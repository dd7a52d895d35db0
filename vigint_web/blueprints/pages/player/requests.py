"""What players and programs ask of a stream."""

from pydantic import Field

from vigint_web.http.pages.request_models import RequestModel, Text


class StreamQuery(RequestModel):
    """Which viewing a stream belongs to, and which of the pictures of a file it shows."""

    view: Text | None = Field(
        None,
        description="The name of a viewing, as the page of the link carries it; all ranges of one "
        "count once.",
    )
    track: Text | None = Field(
        None, description="The number of the picture, of a file that has several; else the first."
    )
