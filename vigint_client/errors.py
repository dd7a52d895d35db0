"""Errors on the detector's side, each as one sentence."""

# The code of a channel that is not configured, which is no failure of the others.
NOT_CONFIGURED = "channel_not_configured"


class ClientError(Exception):
    """Describe a failure and what to do next, in one sentence.

    `status_code` is the server's HTTP status if any, `code` its machine-readable error code.
    """

    def __init__(
        self, sentence: str, *, status_code: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status_code = status_code
        self.code = code


class ConfigError(ClientError):
    """A setting is missing or invalid."""


class NoServerError(ConfigError):
    """No server is configured."""


class RequestError(ClientError):
    """The server could not be reached, or did not accept the request.

    `attempt` is the number of the attempt that failed permanently; the first is 1.
    """

    attempt = 1
