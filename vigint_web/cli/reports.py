"""Reports of a supervisor while it runs."""

from collections.abc import Mapping


class Report:
    """Receive the events of a supervisor; this implementation ignores them."""

    def died(self, name: str, what: str, pause: float) -> None:
        """A child has ended, as `what` describes, and is restarted after `pause` seconds."""

    def failed(self, sentence: str) -> None:
        """The callback for readiness has failed; everything is stopped."""

    def stopping(self) -> None:
        """All children are about to be terminated."""

    def still_waiting(self, left: Mapping[str, int], seconds: float) -> None:
        """Children are still ending after a while; `seconds` remain until they are killed.

        Args:
            left: their process ids by name.
        """

    def cut_short(self) -> None:
        """A second stop was requested: the remaining processes are killed."""
