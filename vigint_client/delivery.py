"""Deliver spooled alerts to the server, oldest first."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from vigint_client.config import ServerSettings
from vigint_client.errors import ClientError, ConfigError, RequestError
from vigint_client.explain import FILE_CHANGED
from vigint_client.fallback import FindMail, mail_directly
from vigint_client.posting import Posting, post_what_is_taken
from vigint_client.refusals import Refusal, current, has_changed
from vigint_client.retries import UNHURRIED, RetryPolicy
from vigint_client.spool import Claim, Spool
from vigint_client.spool_entry import CorruptEntry, Kept
from vigint_client.transport import Transport

log = logging.getLogger("vigint_client")

State = Literal["sent", "kept", "aside", "busy", "elsewhere", "dropped"]

# Refusals that concern the connection, not the alert: the next alert would be refused too.
_NOT_THE_ALERTS_FAULT = frozenset({401, 403, 404, 405, 407, 408, 421, 425, 426, 429})
_SERVER_IS_AWAY = frozenset({502, 503, 504})
# A server error may concern one alert; after this many in a row it does not.
_MOST_PROBLEMS = 3


@dataclass(frozen=True)
class Outcome:
    """The result of delivering one spooled alert, and its reason."""

    name: str
    state: State
    said: str


@dataclass(frozen=True)
class Courier:
    """The dependencies for delivering spooled alerts."""

    spool: Spool
    load_server: Callable[[], ServerSettings]
    find_mail: FindMail
    make_transport: Callable[..., Transport] = Transport
    policy: RetryPolicy = UNHURRIED

    def flush(
        self,
        *,
        anywhere: bool = False,
        report: Callable[[Outcome], object] = lambda _outcome: None,
    ) -> list[Outcome]:
        """Deliver the alerts of this server and key; return the outcome of each.

        `anywhere` also delivers those bound to another server or key. Raises OSError when the spool
        cannot be read.
        """
        outcomes: list[Outcome] = []

        def note(name: str, state: State, said: str) -> Outcome:
            outcome = Outcome(name, state, said)
            outcomes.append(outcome)
            report(outcome)
            return outcome

        for name in self.spool.tidy():
            note(name, "dropped", "too old, or too much was kept")
        names, refused = self.spool.names(), self.spool.refused()
        if not names and not refused:
            return outcomes
        try:
            settings = self.load_server()
        except ConfigError as why:
            for name in names:
                note(name, "kept", str(why))
            self._tell(names, None, why)
            return outcomes
        transport = self.make_transport(settings)
        if refused and self._bring_back(refused, current(transport)):
            names = self.spool.names()
        target = None if anywhere else target_of(settings)
        problems = 0
        for place, name in enumerate(names):
            try:
                claim = self.spool.claim(name)
                if claim is None:
                    note(name, "busy", "another process is delivering it")
                    continue
                try:
                    state, said, trouble = self._deliver(claim, transport, target)
                finally:
                    claim.release()
            except OSError as why:
                # A disk error of one alert must not delay the others.
                note(name, "kept", f"disk error: {why.strerror or why}")
                continue
            note(name, state, said)
            if trouble is None:
                problems = 0 if state == "sent" else problems
                continue
            problems += 1
            if _is_about_the_alert(trouble) and problems < _MOST_PROBLEMS:
                continue
            for later in names[place + 1 :]:
                note(later, "kept", "waits for the one before")
            self._tell(names[place:], target, trouble)
            break
        return outcomes

    def _bring_back(self, refused: Iterable[tuple[str, Refusal]], now: Refusal) -> bool:
        """Return refused alerts to the queue if their server, or a setting, has changed."""
        changed = [name for name, then in refused if has_changed(then, now)]
        for name in changed:
            log.info("A refused alert is tried again, because a setting or the server has changed.")
            self.spool.bring_back(name)
        return bool(changed)

    def _deliver(
        self, claim: Claim, transport: Transport, target: str | None
    ) -> tuple[State, str, RequestError | None]:
        try:
            kept = claim.read()
        except CorruptEntry as why:
            log.error("A kept alert is set aside: %s", why)
            claim.set_aside(str(why))
            return "aside", str(why), None
        # Refused alerts go to the current settings, whose correction is the reason for the retry.
        if claim.refusal is None and not is_for(kept, target):
            return "elsewhere", "meant for another server or key", None
        posting = kept.posting if kept.posting.batch.frames else _unmailed(kept.posting, claim.told)
        try:
            accepted = post_what_is_taken(transport, _late(posting, kept), self.policy)
        except RequestError as why:
            return self._refused(claim, kept, why, transport)
        except Exception as why:
            # An unexpected failure must not block the following alerts.
            log.exception("A kept alert is set aside.")
            reason = f"an unexpected {type(why).__name__}"
            claim.set_aside(reason)
            return "aside", reason, None
        incident = str(accepted.document.get("reference") or accepted.document["incident_id"])
        if accepted.refusal is not None and accepted.lacks(posting):
            reason = f"Sent as {incident}, but without its frames: {accepted.refusal}"
            claim.set_aside(reason, current(transport))
            return "aside", reason, None
        claim.remove()
        log.info("A kept alert was accepted as incident %s.", incident)
        return "sent", incident, None

    def _refused(
        self, claim: Claim, kept: Kept, why: RequestError, transport: Transport
    ) -> tuple[State, str, RequestError | None]:
        if why.code == "idempotency_conflict":
            # The key belongs to this alert alone, so an earlier attempt did arrive; since then the
            # disk lost a frame, or a mail notified a recipient.
            claim.remove()
            return "sent", "had arrived before", None
        if is_refused_as_a_whole(why):
            log.error("A kept alert is set aside: %s", why)
            if claim.told is None and (
                reached := mail_directly(kept, why, self.find_mail, follows=True)
            ):
                with suppress(OSError):
                    claim.told = reached
            claim.set_aside(str(why), current(transport))
            return "aside", str(why), None
        return "kept", str(why), why

    def _tell(self, names: Iterable[str], target: str | None, why: ClientError) -> None:
        """Send mails for alerts that have none yet, until mailing fails too."""
        for name in names:
            claim = None
            with suppress(OSError):
                claim = self.spool.claim(name)
            if claim is None:
                continue
            try:
                if claim.told is not None:
                    continue
                kept = claim.read()
                if not is_for(kept, target):
                    continue
                reached = mail_directly(kept, why, self.find_mail, follows=True)
                if not reached:
                    return
                claim.told = reached
            except CorruptEntry:
                continue
            except OSError as trouble:
                log.warning("The recipients of a mail cannot be recorded: %s", trouble)
            finally:
                claim.release()


def target_of(settings: ServerSettings) -> str:
    """Return a digest that identifies a server and a key without revealing either."""
    text = f"{settings.url}\0{settings.api_key}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_for(kept: Kept, target: str | None) -> bool:
    """Return whether a spooled alert is bound to a server and key; None matches any."""
    return target is None or kept.target is None or kept.target == target


def is_refused_as_a_whole(why: ClientError) -> bool:
    """Return whether the refusal concerns the alert itself: the same body would be refused
    again.
    """
    if why.code == FILE_CHANGED:
        return True
    status = why.status_code
    return status is not None and 400 <= status < 500 and status not in _NOT_THE_ALERTS_FAULT


def _is_about_the_alert(why: RequestError) -> bool:
    status = why.status_code
    return status is not None and status >= 500 and status not in _SERVER_IS_AWAY


def _late(posting: Posting, kept: Kept) -> Posting:
    """Mark an alert as spooled, so that the server groups late alerts."""
    since = (kept.kept_since or kept.called_at).isoformat(timespec="milliseconds")
    return replace(posting, document=posting.document | {"kept_since": since})


def _unmailed(posting: Posting, told: list[str] | None) -> Posting:
    """Drop recipients whom the first mail told everything, because no video will follow.

    Only if the alert names its recipients: those that the server selects are not known here.
    """
    named = posting.document.get("recipients")
    if not told or not named:
        return posting
    left = [recipient for recipient in named if recipient not in told]
    return replace(posting, document=posting.document | {"recipients": left})
