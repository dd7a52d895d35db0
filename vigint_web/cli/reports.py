"""What a supervisor reports while it runs."""

from collections.abc import Mapping


class Report:
    """Receive what a supervisor does; this one keeps it to itself."""

    def died(self, name: str, what: str, pause: float) -> None:
        """A child has ended, as `what` says, and is started again after `pause` seconds."""

    def failed(self, sentence: str) -> None:
        """What was to be done once all children were ready has failed; everything stops."""

    def stopping(self) -> None:
        """All children are about to be told to end."""

    def still_waiting(self, left: Mapping[str, int], seconds: float) -> None:
        """Children are still ending a while later; they have `seconds` more.

        Args:
            left: their process ids by name.
        """

    def cut_short(self) -> None:
        """The stop was asked for again: what still runs is killed."""
