"""The metrics that are counted as events, and functions to count them."""

from vigint_web.services.core.counters import Family
from vigint_web.services.core.runtime import runtime

REQUESTS = Family("vigint_http_requests", "HTTP requests answered.", ("route", "method", "status"))
REQUEST_SECONDS = Family(
    "vigint_http_request_duration_seconds",
    "Time until an HTTP answer began; sending bytes is not part of it.",
    ("route", "method"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
MEDIA_ANSWERS = Family(
    "vigint_media_responses",
    "Answers to requests for a video's bytes or picture; 206 is a range.",
    ("kind", "status"),
)
MEDIA_BYTES = Family("vigint_media_sent_bytes", "Bytes of videos and pictures sent.", ("kind",))
JOBS = Family("vigint_jobs", "Jobs ended, by outcome.", ("queue", "outcome"))
JOB_SECONDS = Family(
    "vigint_job_duration_seconds",
    "Duration of jobs.",
    ("queue",),
    (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10800),
)
DELIVERY_LAG = Family(
    "vigint_mail_delivery_lag_seconds",
    "Time from storing a mail (accepting its incident) until the mail server accepted it.",
    (),
    (1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14400, 86400),
)


def count(family: Family, *labels: str, amount: float = 1) -> None:
    """Count an event."""
    runtime().counters.count(family, *labels, amount=amount)


def observe(family: Family, value: float, *labels: str) -> None:
    """Add a duration to a histogram, in seconds."""
    runtime().counters.observe(family, value, *labels)
