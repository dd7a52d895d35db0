"""Start the processes of one installation, restart those that end, and stop them.

It wakes up only for a signal, the end of a child, or a due restart. It must run in the main thread:
signal handlers run there, and children die with the thread that started them (see
`vigint_web.system.processes`).
"""

import logging
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from types import FrameType

from vigint_web.cli.preflight import StartError
from vigint_web.cli.reports import Report
from vigint_web.system.processes import die_with_parent

log = logging.getLogger(__name__)

# Pauses before the first, second, … restart in a row; the last one repeats. Together with a child's
# start time they ensure that a killed child is back within 3 seconds.
_PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0, 2.5)
# A child that ran this long (seconds) has recovered, and its next death counts as the first.
_RECOVERED_AFTER = 5.0
_START_ATTEMPTS = 3
_PROBE_INTERVAL = 0.05
# Some senders (timeout(1), process managers) signal the process and then its group, which must not
# count as a second Ctrl-C.
_REPEAT_AFTER = 0.1
# The time after which a running stop reports what it waits for.
_SILENT_SECONDS = 1.0
# The time for a later group (the queue server) to end properly when the first group used up its
# own.
_LEAST_WARM_SECONDS = 2.0


@dataclass(frozen=True)
class Child:
    """One process to keep running.

    `env` is the whole environment (None: this process's). Children of a lower `order` start first,
    and stop last; those of one order start and stop together. `ready` must return within about a
    second; without it a child counts as ready once started. `failure_hint` is a sentence for the
    user whose start fails. `before_restart` is called between the end of the child and its restart.
    `descriptors` are open in the child under the same numbers. `output` is a descriptor that it
    writes to (None: this process's standard output and standard error).
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    stop_signal: int = signal.SIGTERM
    order: int = 1
    ready: Callable[[], bool] | None = None
    failure_hint: str = ""
    cwd: Path | None = None
    descriptors: Sequence[int] = ()
    before_restart: Callable[[], None] | None = None
    output: int | None = None


@dataclass
class _Slot:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    deaths: int = 0
    started_up: bool = False


class Supervisor:
    """Run children until a stop is requested."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_ready: Callable[[], None] | None = None,
        report: Report | None = None,
        output_place: str = "above",
        warm_seconds: float = 10.0,
        start_seconds: float = 60.0,
    ) -> None:
        """Take the children to run.

        Args:
            children: the processes to run.
            on_ready: called once in a thread of its own when all are ready, so it may block; if it
            raises, everything is stopped and the status is 1.
            report: receives the events.
            output_place: the place where the children's output can be read.
            warm_seconds: the time for children to end before SIGKILL.
            start_seconds: the time for the children of one order to become ready.
        """
        ordered = sorted(children, key=lambda child: child.order)
        self._slots = [_Slot(child) for child in ordered]
        self._on_ready = on_ready
        self._report = report or Report()
        self._output_place = output_place
        self._warm_seconds = warm_seconds
        self._start_seconds = start_seconds
        self._stopping = threading.Event()
        self._cold = False
        self._first_signal_at: float | None = None
        self._status = 0
        # Guards the pipe against a thread that requests a stop after `run` has closed it.
        self._pipe_lock = threading.Lock()
        self._pipe_open = True
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)

    def request_stop(self, status: int = 0) -> None:
        """Stop everything and let `run` return `status`; from any thread.

        Only the first call counts.
        """
        if not self._stopping.is_set():
            self._status = status
            self._stopping.set()
        with self._pipe_lock, suppress(BlockingIOError):  # a full pipe wakes it up as well
            if self._pipe_open:
                os.write(self._wake_writer, b"\0")

    def run(self) -> int:
        """Run the children until SIGINT, SIGTERM, SIGHUP or `request_stop`; once per object.

        Returns:
            The exit status: 0 after a requested stop.

        Raises:
            StartError: a child did not become ready. Everything is stopped again then.
        """
        with self._signals():
            try:
                self._start()
                if not self._stopping.is_set() and self._on_ready is not None:
                    threading.Thread(
                        target=self._announce, args=(self._on_ready,), name="on-ready", daemon=True
                    ).start()
                while not self._stopping.is_set():
                    self._revive()
                    self._wait(self._next_restart())
            finally:
                self._stop()
        return self._status

    def _announce(self, on_ready: Callable[[], None]) -> None:
        try:
            on_ready()
        except StartError as error:
            log.error("%s", error)
            self._report.failed(str(error))
            self.request_stop(1)
        except Exception:
            log.exception("The callback for readiness has failed; stopping.")
            self._report.failed(f"Something unexpected went wrong; see {self._output_place}.")
            self.request_stop(1)

    def _start(self) -> None:
        for _, group in groupby(self._slots, key=lambda slot: slot.child.order):
            slots = list(group)
            for slot in slots:
                self._spawn(slot)
            deadline = time.monotonic() + self._start_seconds
            while not self._stopping.is_set():
                self._revive()
                waiting = [slot for slot in slots if not self._is_ready(slot)]
                if not waiting:
                    break
                if time.monotonic() > deadline:
                    raise StartError(
                        _join(
                            f"The {waiting[0].child.name} was not ready after"
                            f" {self._start_seconds:.0f} seconds: see what it said"
                            f" {self._output_place}.",
                            waiting[0].child.failure_hint,
                        )
                    )
                self._wait(time.monotonic() + _PROBE_INTERVAL)

    def _is_ready(self, slot: _Slot) -> bool:
        if not slot.started_up and slot.process is not None:
            slot.started_up = slot.child.ready is None or slot.child.ready()
        return slot.started_up

    def _spawn(self, slot: _Slot) -> None:
        child = slot.child
        try:
            slot.process = subprocess.Popen(
                list(child.argv),
                env=child.env,
                cwd=child.cwd,
                stdin=subprocess.DEVNULL,
                stdout=child.output,
                stderr=child.output,
                start_new_session=True,
                pass_fds=tuple(child.descriptors),
                # Required between fork and exec. Safe with threads: it neither imports nor takes a
                # lock.
                preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - see above
            )
        except (OSError, subprocess.SubprocessError) as error:
            if not slot.started_up:
                raise StartError(
                    _join(f"The {child.name} could not be started: {error}.", child.failure_hint)
                ) from None
            self._schedule(slot, f"could not be started ({error})")
        else:
            slot.started_at = time.monotonic()

    def _revive(self) -> None:
        for slot in self._slots:
            process = slot.process
            if process is not None and process.poll() is not None:
                slot.process = None
                # Its own children must not outlive it (and hold its port).
                _kill_group(process.pid)
                if time.monotonic() - slot.started_at >= _RECOVERED_AFTER:
                    slot.deaths = 0
                self._schedule(slot, f"(process {process.pid}) {_describe(process.returncode)}")
            if slot.process is None and 0 < slot.restart_at <= time.monotonic():
                slot.restart_at = 0.0
                if slot.child.before_restart is not None:
                    slot.child.before_restart()
                self._spawn(slot)

    def _schedule(self, slot: _Slot, what: str) -> None:
        child = slot.child
        slot.deaths += 1
        if not slot.started_up and slot.deaths >= _START_ATTEMPTS:
            raise StartError(
                _join(
                    f"The {child.name} does not start: it ended {slot.deaths} times in a row;"
                    f" see what it said {self._output_place}.",
                    child.failure_hint,
                )
            )
        pause = _PAUSES[min(slot.deaths, len(_PAUSES)) - 1]
        slot.restart_at = time.monotonic() + pause
        when = f"in {pause:g} s" if pause else "now"
        log.warning("The %s %s; starting it again %s.", child.name, what, when)
        self._report.died(child.name, what, pause)

    def _next_restart(self) -> float | None:
        due = [slot.restart_at for slot in self._slots if slot.process is None]
        return min(due, default=None)

    def _stop(self) -> None:
        self._stopping.set()
        self._report.stopping()
        overall = time.monotonic() + self._warm_seconds
        report_at: float | None = time.monotonic() + _SILENT_SECONDS
        least = min(self._warm_seconds, _LEAST_WARM_SECONDS)
        backwards = reversed(self._slots)
        for _, group in groupby(backwards, key=lambda slot: slot.child.order):
            running = [slot for slot in group if slot.process is not None]
            for slot in running:
                _signal(slot, slot.child.stop_signal)
            deadline = max(overall, time.monotonic() + least)
            while not self._cold and any(_runs(slot) for slot in running):
                if time.monotonic() > deadline:
                    names = ", ".join(slot.child.name for slot in running if _runs(slot))
                    log.warning("Killed after %.0f s of waiting: %s.", self._warm_seconds, names)
                    break
                if report_at is not None and time.monotonic() > report_at:
                    report_at = None
                    self._report_running(running, deadline)
                self._wait(min(deadline, report_at or deadline))
            if self._cold and any(_runs(slot) for slot in running):
                self._report.cut_short()
            for slot in running:
                if slot.process is not None:
                    _kill_group(slot.process.pid)
                    slot.process.wait()
                    slot.process = None

    def _report_running(self, slots: Sequence[_Slot], deadline: float) -> None:
        left = {slot.child.name: slot.process.pid for slot in slots if slot.process and _runs(slot)}
        self._report.still_waiting(left, deadline - time.monotonic())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        handlers: dict[int, Callable[[int, FrameType | None], None]] = {
            signal.SIGINT: self._on_stop_signal,
            signal.SIGTERM: self._on_stop_signal,
            # Without a Python handler a signal would not be written to the pipe below.
            signal.SIGCHLD: lambda _number, _frame: None,
        }
        # nohup ignores SIGHUP; keep it ignored.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = self._on_stop_signal
        before = signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, old in previous.items():
                # After a stop request another Ctrl-C must not interrupt the cleanup that follows.
                signal.signal(number, old if self._first_signal_at is None else signal.SIG_IGN)
            signal.set_wakeup_fd(before)
            with self._pipe_lock:
                self._pipe_open = False
                os.close(self._wake_reader)
                os.close(self._wake_writer)

    def _on_stop_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first_signal_at is None:
            self._first_signal_at = now
        elif now - self._first_signal_at > _REPEAT_AFTER:
            self._cold = True
        self._stopping.set()

    def _wait(self, until: float | None) -> None:
        timeout = None if until is None else max(0.0, until - time.monotonic())
        select.select([self._wake_reader], [], [], timeout)
        with suppress(BlockingIOError):
            while os.read(self._wake_reader, 4096):
                pass


def _runs(slot: _Slot) -> bool:
    return slot.process is not None and slot.process.poll() is None


def _signal(slot: _Slot, number: int) -> None:
    if slot.process is not None:
        slot.process.send_signal(number)


def _kill_group(leader: int) -> None:
    # macOS answers EPERM for a group of which only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _describe(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _join(sentence: str, hint: str) -> str:
    return f"{sentence} {hint}".rstrip()
