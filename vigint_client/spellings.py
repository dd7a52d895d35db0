"""Unknown arguments: logged, so that no alert fails because of one."""

import logging
from collections.abc import Mapping

log = logging.getLogger("vigint_client")


def say_ignored(function: str, ignored: Mapping[str, object]) -> None:
    """Warn about arguments without effect."""
    if ignored:
        named = ", ".join(sorted(ignored))
        log.warning("%s does not know %s, which has no effect here.", function, named)
