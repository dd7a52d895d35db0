"""Functions that RQ runs: take an id, open an application context, call a service."""

from vigint_web.jobs.functions import (
    deliver_account_mail,
    deliver_alert,
    host_elsewhere,
    process_video,
)

__all__ = ["deliver_account_mail", "deliver_alert", "host_elsewhere", "process_video"]
