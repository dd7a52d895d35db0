"""The folder and limits of the spool."""

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigint_client.config import Values
from vigint_client.errors import ConfigError

log = logging.getLogger("vigint_client")

_DEFAULT_MB = 1024.0
_DEFAULT_DAYS = 29.0
# The server remembers an Idempotency-Key for 30 days; later an alert could arrive twice.
_MOST_DAYS = 29.0


@dataclass(frozen=True)
class SpoolSettings:
    """Folder of the spooled alerts; limits in bytes and seconds."""

    folder: Path
    max_bytes: int
    max_age: float


def find_spool_settings(
    environ: Mapping[str, str] | None = None, folders: Sequence[Path] | None = None
) -> SpoolSettings | None:
    """Return the settings of the spool; None if VIGINT_SPOOL_MAX_MB is 0."""
    try:
        values = Values(environ, folders)
    except ConfigError:
        # An unreadable file is reported when the server's settings are read from it.
        values = Values(environ, ())
    megabytes = _number(values, "VIGINT_SPOOL_MAX_MB", _DEFAULT_MB, float("inf"))
    days = _number(values, "VIGINT_SPOOL_MAX_DAYS", _DEFAULT_DAYS, _MOST_DAYS)
    if megabytes == 0:
        return None
    named = values.find("VIGINT_SPOOL_DIR")
    folder = Path(named).expanduser().absolute() if named else _default_folder(values)
    return SpoolSettings(folder, int(megabytes * 1_000_000), days * 86_400)


def _number(values: Values, name: str, default: float, most: float) -> float:
    text = values.find(name)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most or number == float("inf"):
        log.warning(
            "%s must be a number from 0%s; %g is used.",
            name, "" if most == float("inf") else f" to {most:g}", default,
        )  # fmt: skip
        return default
    return number


def _default_folder(values: Values) -> Path:
    state = values.find("XDG_STATE_HOME") or values.find("LOCALAPPDATA")
    if state and Path(state).is_absolute():
        return Path(state) / "vigint" / "spool"
    try:
        home = Path.home()
        if home.is_dir() and os.access(home, os.W_OK):
            return home / ".local" / "state" / "vigint" / "spool"
    except RuntimeError:
        pass
    # A service without a home. /var/tmp survives a reboot.
    lasting = Path("/var/tmp")  # noqa: S108 - the spool refuses a folder of another user
    place = lasting if lasting.is_dir() else Path(tempfile.gettempdir())
    return place / f"vigint-spool-{getattr(os, 'getuid', lambda: 'user')()}"
