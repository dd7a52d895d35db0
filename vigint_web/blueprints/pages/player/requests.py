"""Models of requests for a stream."""

from pydantic import Field

from vigint_web.http.pages.request_models import RequestModel, Text


class StreamQuery(RequestModel):
    """The play of a stream, and the track of a file with several."""

    view: Text | None = Field(
        None,
        description="The name of a play, as the page of the link carries it; all ranges of one "
        "count once.",
    )
    track: Text | None = Field(
        None, description="The number of the picture, of a file that has several; else the first."
    )
