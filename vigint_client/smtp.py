"""Wait for a mail server as long as RFC 5321 requires of a client, with a timeout per step."""

import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

SUBMISSIONS_PORT = 465
_BLOCK = 65_536
# TCP keep-alive detects a dead peer: seconds until the first probe, between probes, and their
# number.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}


@dataclass(frozen=True)
class Patience:
    """Seconds to wait for each step; the defaults are the minima of RFC 5321, 4.5.3.2."""

    # The connection and the greeting.
    connect: float = 300.0
    # EHLO, STARTTLS, AUTH, MAIL, RCPT and all steps without a time of their own.
    command: float = 300.0
    # The answer to DATA.
    data: float = 120.0
    # Each block of the message until the network has accepted it.
    block: float = 180.0
    # The answer to the final dot: a shorter timeout creates duplicates.
    final_dot: float = 600.0


RFC_5321 = Patience()


class _Patient(smtplib.SMTP):
    """The steps of SMTP, each with its own timeout."""

    def _expect(self, patience: Patience, handing_over: Callable[[], None] | None) -> None:
        """Set the timeout of the next step, before the connection exists too."""
        self.patience = patience
        self._handing_over = handing_over
        self._is_command = False

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command, and set the timeout of its answer."""
        known = self.patience
        self._wait(known.data if cmd.lower() == "data" else known.command)
        self._is_command = True
        try:
            super().putcmd(cmd, args)
        finally:
            self._is_command = False

    def send(self, s: Any) -> None:
        """Send a command at once, a message block by block."""
        if self._is_command:
            super().send(s)
            return
        for start in range(0, len(s), _BLOCK):
            if start + _BLOCK >= len(s) and self._handing_over is not None:
                self._ask_before_the_end(self._handing_over)
            self._wait(self.patience.block)
            super().send(s[start : start + _BLOCK])
        self._wait(self.patience.final_dot)

    def _ask_before_the_end(self, handing_over: Callable[[], None]) -> None:
        try:
            handing_over()
        except BaseException:
            # Without its end the server has no message, and no command may follow instead.
            self.close()
            raise

    def _wait(self, seconds: float) -> None:
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # missing in typeshed
        return _kept_alive(made)


class PatientSMTP(_Patient):
    """An SMTP client that waits for each step according to `patience`.

    A slow server is waited for; one whose machine is gone is detected by TCP keep-alive.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        patience: Patience = RFC_5321,
        handing_over: Callable[[], None] | None = None,
    ) -> None:
        """Connect and read the greeting.

        Args:
            handing_over: called before the last block of a message is sent: from then on the server
            may have accepted it, whether or not an answer arrives. If it raises, the message is not
            sent.

        Raises:
            OSError, smtplib.SMTPException: as `smtplib.SMTP`.
        """
        self._expect(patience, handing_over)
        super().__init__(host, port, timeout=patience.connect)


class PatientSMTPS(_Patient, smtplib.SMTP_SSL):
    """The same over TLS from the first byte (RFC 8314)."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext,
        patience: Patience = RFC_5321,
        handing_over: Callable[[], None] | None = None,
    ) -> None:
        """Connect, verify the certificate by `context`, and read the greeting."""
        self._expect(patience, handing_over)
        super().__init__(host, port, timeout=patience.connect, context=context)


def _kept_alive(sock: socket.socket) -> socket.socket:
    # Not every system has every option; without them the system's times apply.
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock
