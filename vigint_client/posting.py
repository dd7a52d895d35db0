"""Post an alert, in the form that a server accepts."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vigint_client.bodies import Body, MultipartBody, Part, json_body, json_part
from vigint_client.errors import RequestError
from vigint_client.frames import FrameBatch
from vigint_client.plain_facts import in_plain_facts
from vigint_client.retries import RetryPolicy
from vigint_client.transport import Transport

log = logging.getLogger("vigint_client")

INCIDENTS = "/api/v1/incidents"
_CONTENT_REFUSED = frozenset({400, 413, 415, 422})
_FACTS_REFUSED = frozenset({400, 422})


@dataclass(frozen=True)
class Posting:
    """The content of a request: the same bytes in every attempt, from memory or from the spool.

    `document` contains JSON's own types only.
    """

    key: str
    document: dict[str, Any]
    batch: FrameBatch

    def body(self) -> Body:
        """Return the request's body."""
        if not self.batch.frames:
            return json_body(self.document | {"frames": []})
        parts = [json_part("incident", self.document)]
        for number, frame in enumerate(self.batch.frames, start=1):
            if frame.clip is not None:
                name, kind, filename = "video", f"video/{frame.clip}", f"incident.{frame.clip}"
            else:
                name, kind = "frames", f"image/{frame.kind}"
                suffix = "jpg" if frame.kind == "jpeg" else "png"
                filename = f"frame-{number:04d}.{suffix}"
            parts.append(
                Part(name, frame.content, frame.size, content_type=kind, filename=filename)
            )
        return MultipartBody(parts)

    def thinned(self) -> "Posting":
        """Return the same with every second frame, to save space.

        The key stays: if the complete alert did arrive after all, the server accepts no second one.
        """
        frames = self.batch.frames[::2] if len(self.batch.frames) > 1 else ()
        left_out = self.batch.left_out + len(self.batch.frames) - len(frames)
        document = {name: value for name, value in self.document.items() if name != "timestamps"}
        if frames and "timestamps" in self.document:
            document["timestamps"] = self.document["timestamps"][::2]
        return Posting(self.key, document, replace(self.batch, frames=frames, left_out=left_out))

    def in_plain_facts(self) -> "Posting":
        """Return the same with facts that every version of the server accepts."""
        return replace(self, key=f"{self.key}-plain", document=in_plain_facts(self.document))

    def bare(self) -> "Posting":
        """Return the same without frames; another body needs another Idempotency-Key."""
        document = {name: value for name, value in self.document.items() if name != "timestamps"}
        left_out = self.batch.left_out + len(self.batch.frames)
        batch = replace(self.batch, frames=(), left_out=left_out)
        return Posting(f"{self.key}-bare", document, batch)


@dataclass(frozen=True)
class Accepted:
    """The server's answer, the accepted content, and why it is not complete, if so."""

    document: dict[str, Any]
    batch: FrameBatch
    refusal: RequestError | None = None

    def lacks(self, posting: Posting) -> bool:
        """Return whether frames of an alert were not accepted."""
        return len(self.batch.frames) < len(posting.batch.frames)


def post_incident(
    transport: Transport,
    posting: Posting,
    policy: RetryPolicy,
    on_trouble: Callable[[], object] | None = None,
) -> dict[str, Any]:
    """Send report and frames; return the server's document once it has stored both.

    Every attempt carries the same Idempotency-Key, so that repeating an attempt that did arrive
    creates no second incident. Raises RequestError.
    """
    answer = transport.call(
        "POST",
        INCIDENTS,
        body=posting.body(),
        headers={"Idempotency-Key": posting.key},
        policy=policy,
        on_trouble=on_trouble,
    )
    if not answer.document.get("incident_id"):
        raise RequestError(
            "The server took the incident but named no incident_id: check that "
            "VIGINT_SERVER_URL names a Vigint server of this version.",
            status_code=answer.status,
        )
    return answer.document


def post_what_is_taken(
    transport: Transport,
    posting: Posting,
    policy: RetryPolicy,
    on_trouble: Callable[[], object] | None = None,
    *,
    without_frames: bool = True,
) -> Accepted:
    """Post an alert; if its content is refused, with plain facts, and then without frames.

    An earlier version of the server refuses an alert for one fact: the frames are sent with the
    facts that it supports. The alert without frames notifies people; the caller keeps the frames
    for later. With `without_frames` False that is not tried. Raises RequestError, the first refusal
    if all are refused.
    """
    try:
        return Accepted(post_incident(transport, posting, policy, on_trouble), posting.batch)
    except RequestError as why:
        if not is_about_content(why):
            raise
        refusal = why
    if on_trouble is not None:
        # Kept before the next attempt: a process that is killed now must not lose frames.
        on_trouble()
    plain = posting.in_plain_facts()
    attempts = [plain] if _is_worth_it(refusal, plain, posting) else []
    if posting.batch.frames and without_frames:
        attempts.append(plain.bare() if attempts else posting.bare())
    for attempt in attempts:
        what = "in plain facts" if attempt.batch.frames else "without frames"
        log.warning("%s The alert is sent again %s.", refusal, what)
        try:
            answer = post_incident(transport, attempt, policy, on_trouble)
        except RequestError as why:
            if not is_about_content(why):
                raise
        else:
            return Accepted(answer, attempt.batch, refusal)
    raise refusal


def is_about_content(why: RequestError) -> bool:
    """Return whether a refusal concerns the content, so that another form of it may be accepted."""
    return why.status_code in _CONTENT_REFUSED and why.code != "idempotency_conflict"


def _is_worth_it(refusal: RequestError, plain: Posting, posting: Posting) -> bool:
    return refusal.status_code in _FACTS_REFUSED and plain.document != posting.document
