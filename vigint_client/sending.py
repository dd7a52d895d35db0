"""Send one alert: prepare, post, follow; on failure keep it on disk and notify by mail."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigint_client import results
from vigint_client.config import MailSettings, ServerSettings
from vigint_client.delivery import Courier, is_refused_as_a_whole, target_of
from vigint_client.errors import ClientError, ConfigError, NoServerError
from vigint_client.explain import FILE_CHANGED
from vigint_client.fallback import mail_directly
from vigint_client.frames import FrameBatch
from vigint_client.incidents import Report, follow_incident, make_posting
from vigint_client.keeping import Keeping
from vigint_client.posting import Accepted, post_what_is_taken
from vigint_client.refusals import current
from vigint_client.results import Result
from vigint_client.retries import RetryPolicy
from vigint_client.spool import Spool, staging_folder
from vigint_client.spool_config import SpoolSettings
from vigint_client.spool_entry import Kept
from vigint_client.transport import Transport

log = logging.getLogger("vigint_client")


@dataclass(frozen=True)
class Prepared:
    """An alert ready to be posted, and the server for it, or why there is none."""

    report: Report
    keeping: Keeping
    server: ServerSettings | ConfigError


@dataclass(frozen=True)
class Sender:
    """The dependencies for sending an alert."""

    load_server: Callable[[], ServerSettings]
    find_mail: Callable[[], MailSettings | None]
    find_spool: Callable[[], SpoolSettings | None]
    make_transport: Callable[..., Transport]
    policy: RetryPolicy
    wake: Callable[..., None]

    def prepare(self, report: Report, batch: FrameBatch, alert_type: str) -> Prepared:
        """Build the request, which is the same in every attempt."""
        server: ServerSettings | ConfigError
        hours = target = None
        try:
            server = self.load_server()
            hours, target = server.expiration_hours, target_of(server)
        except ConfigError as why:
            server = why
        posting = make_posting(report, batch, hours)
        kept = Kept(posting, report.called_at, alert_type, target)
        return Prepared(report, Keeping(self._spool(), kept), server)

    def send(
        self,
        prepared: Prepared,
        wait: float,
        on_trouble: Callable[[], object] | None = None,
        **transport_options: Any,
    ) -> Result:
        """Post an alert and follow it for `wait` seconds; on failure, keep it and mail.

        `on_trouble` is called when the first attempt failed and another one follows.
        """
        report, keeping, server = prepared.report, prepared.keeping, prepared.server

        def keep() -> None:
            keeping.keep()
            if on_trouble is not None:
                on_trouble()

        transport: Transport | None = None
        try:
            if isinstance(server, ConfigError):
                raise server
            transport = self.make_transport(server, **transport_options)
            accepted = post_what_is_taken(transport, keeping.kept.posting, self.policy, keep)
        except ClientError as why:
            return self._fall_back(keeping, why, transport)
        except Exception as why:
            log.exception("The alert could not be posted.")
            return self._fall_back(keeping, ClientError(surprise(why)), transport)
        spooled = self._keep_what_is_left(keeping, accepted, transport)
        self.wake_courier(reached=True)
        state, settled = follow_incident(transport, accepted.document["incident_id"], wait)
        result = results.accepted(
            accepted.document,
            state,
            accepted.batch,
            settled=settled,
            recipients=report.recipients,
        )
        if accepted.refusal is not None:
            results.note_refusal(result, accepted, keeping.frames_kept if spooled else None)
        return result

    @staticmethod
    def _keep_what_is_left(keeping: Keeping, accepted: Accepted, transport: Transport) -> bool:
        """Spool the complete alert if its frames were refused; return whether it is kept."""
        if accepted.refusal is None or not accepted.lacks(keeping.kept.posting):
            keeping.drop()
            return False
        kept = keeping.keep()
        keeping.set_aside(str(accepted.refusal), current(transport))
        return kept

    def _fall_back(self, keeping: Keeping, why: ClientError, transport: Transport | None) -> Result:
        log.error("%s", why)
        spooled = refused = False
        if isinstance(why, NoServerError) or why.code == FILE_CHANGED:
            keeping.drop()
        else:
            spooled = keeping.keep()
            refused = is_refused_as_a_whole(why)
        reached = mail_directly(
            keeping.kept, why, self.find_mail, follows=spooled and keeping.frames_kept > 0
        )
        if reached:
            keeping.tell(reached)
        if refused and transport is not None:
            keeping.set_aside(str(why), current(transport))
        keeping.release()
        if spooled:
            self.wake_courier(reached=False)
        return results.not_accepted(
            why,
            recipient=", ".join(reached or ()) or None,
            batch=keeping.kept.posting.batch,
            spooled=spooled,
            refused=refused,
            frames_kept=keeping.frames_kept,
            dropped=len(keeping.dropped),
        )

    def wake_courier(self, *, reached: bool) -> None:
        """Start delivery of the spooled alerts."""
        spool = self._spool()
        if spool is not None:
            courier = Courier(spool, self.load_server, self.find_mail, self.make_transport)
            self.wake(courier, reached=reached)

    def staging_folder(self) -> Path | None:
        """Return the folder for frames that do not fit into memory."""
        return staging_folder(self.find_spool())

    def _spool(self) -> Spool | None:
        settings = self.find_spool()
        return Spool(settings) if settings is not None else None


def surprise(why: Exception) -> str:
    """Log an unexpected exception."""
    return (
        f"The alert could not be sent because of an unexpected {type(why).__name__}: "
        "see the detector's log."
    )
