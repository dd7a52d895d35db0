"""Arguments that this library does not know: named in the log, so that no alert fails for one."""

import logging
from collections.abc import Mapping

log = logging.getLogger("vigint_client")


def say_ignored(function: str, ignored: Mapping[str, object]) -> None:
    """Warn of arguments that have no effect."""
    if ignored:
        named = ", ".join(sorted(ignored))
        log.warning("%s does not know %s, which has no effect here.", function, named)
