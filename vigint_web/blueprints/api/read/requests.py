"""Models of requests to the read API."""

from typing import Annotated

from pydantic import Field

from vigint_web.http.pages.request_models import RequestModel, number_in_query

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200
_LARGEST_ID = 2**31 - 1


class PageQuery(RequestModel):
    """The requested page of a list."""

    before: Annotated[int | None, number_in_query(1, _LARGEST_ID)] = Field(
        None, description="Number of the last entry of the page before; `next_url` holds it."
    )
    limit: Annotated[int, number_in_query(1, LARGEST_LIMIT)] = Field(
        DEFAULT_LIMIT, description="Entries per page."
    )
