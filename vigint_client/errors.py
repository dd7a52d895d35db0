"""What can go wrong on the detector's side, each as one sentence."""

# The code of a channel that nobody has set up, which is no failure of the others.
NOT_CONFIGURED = "channel_not_configured"


class ClientError(Exception):
    """Say in one sentence what failed and what to do next.

    `status_code` is the server's HTTP status where there is one, `code` its
    machine-readable error code.
    """

    def __init__(
        self, sentence: str, *, status_code: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status_code = status_code
        self.code = code


class ConfigError(ClientError):
    """A setting is missing or wrong."""


class NoServerError(ConfigError):
    """Nobody has said where the server is."""


class RequestError(ClientError):
    """The server could not be reached, or did not accept the request.

    `attempt` tells at which attempt it failed for good; the first is 1.
    """

    attempt = 1
