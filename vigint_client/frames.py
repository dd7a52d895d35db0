"""Read the frames of an alert, of any number: one by one, keeping an even selection."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence, Set, ValuesView
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from vigint_client.frame_forms import (
    Loose,
    content_of,
    encode,
    is_one_frame,
    loosen,
    memory_of,
    own,
)
from vigint_client.plain import to_text
from vigint_client.staging import ByteStore, Slice, open_staging

log = logging.getLogger("vigint_client")

_Item = TypeVar("_Item")

MAX_FRAMES = 2_000
_MOST_REASONS = 5
# Encoded frames beyond this go to a file; without a file, frames are dropped from here on.
MEMORY_BYTES = 32 * 1024 * 1024
MEMORY_WITHOUT_FILE = 256 * 1024 * 1024
# Collections that another thread may change while they are read.
_SHARED = (list, deque, Set, KeysView, ValuesView)


# Called only when a file is needed: most alerts write nothing to this machine's disk.
FindFolder = Callable[[], Path | None]


def _nowhere() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded image, or a whole video; `timestamp` is the detector's value.

    `clip` is a video's format, as in the name of its file; None for an image.
    """

    content: bytes | Slice
    timestamp: float | str | None = None
    frame_count: int | None = None
    clip: str | None = None

    @property
    def data(self) -> bytes:
        """The encoded image."""
        return self.content if isinstance(self.content, bytes) else self.content.read()

    def chunks(self) -> Iterator[bytes]:
        """Yield the content piece by piece."""
        if isinstance(self.content, bytes):
            yield self.content
        else:
            yield from self.content.chunks()

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.size

    @property
    def kind(self) -> str:
        """`jpeg` or `png`, by the first byte."""
        if isinstance(self.content, bytes):
            first = self.content[:1]
        else:
            first = self.content.store.read(self.content.offset, 1)
        return "png" if first == b"\x89" else "jpeg"


@dataclass(frozen=True)
class FrameBatch:
    """The readable frames, and how many were skipped, for any reason.

    Of these `unusable` could not be read; `reasons` has the causes, as (number from 1, reason), for
    the first of them.
    """

    frames: tuple[Frame, ...] = ()
    left_out: int = 0
    unusable: int = 0
    reasons: tuple[tuple[int, str], ...] = ()

    @property
    def trouble(self) -> str | None:
        """Describe the unusable frames in one sentence; None if there are none."""
        if not self.unusable:
            return None
        named = ", ".join(f"frame {number} ({reason})" for number, reason in self.reasons)
        more = self.unusable - len(self.reasons)
        return (
            f"{self.unusable} of {len(self.frames) + self.left_out} frames could not be used: "
            f"{named}{f' and {more} more' if more > 0 else ''}."
        )

    @property
    def size(self) -> int:
        """Bytes of all frames together."""
        return sum(frame.size for frame in self.frames)


class HeldFrames:
    """Frames kept for later, independent of buffers that the caller reuses.

    Values without a length, such as a generator, are not read before `read`.
    """

    def __init__(
        self,
        held: list[Loose],
        left_out: int = 0,
        unusable: Sequence[tuple[int, str]] = (),
        unread: object = None,
    ) -> None:
        self._held = held
        self._left_out = left_out
        self._unusable = unusable
        self._unread = unread

    @property
    def is_read(self) -> bool:
        """Whether all of the caller's frames were read."""
        return self._unread is None

    @property
    def count(self) -> int | None:
        """The number of frames; None if unknown."""
        return len(self._held) if self.is_read else None

    @property
    def size(self) -> int:
        """The approximate memory of the frames in bytes."""
        return sum(memory_of(loose.content) for loose in self._held)

    def read(self, folder: FindFolder = _nowhere) -> FrameBatch:
        """Encode the frames; large batches go to a file in `folder`."""
        if self._unread is not None:
            unread, self._unread = self._unread, None
            return read_frames(unread, folder)
        collector = _Collector(folder, True, self._unusable)
        return _collect(self._held, collector, self._left_out)


def read_frames(frames: object, folder: FindFolder = _nowhere) -> FrameBatch:
    """Return the frames as JPEG or PNG bytes; unreadable ones are counted, never raised.

    Of more than 2,000 frames an even selection is taken, which is the server's limit. Frames are
    read one after the other, and encoded bytes beyond 32 MiB go to a file in `folder`: the memory
    needed does not grow with their number.
    """
    # The content of the caller's collection is in memory in any case.
    borrowed = isinstance(frames, (*_SHARED, tuple))
    return _collect(_each(frames), _Collector(folder, borrowed))


def hold_frames(frames: object) -> HeldFrames:
    """Copy the caller's frames without encoding them yet."""
    if _is_lazy(frames):
        return HeldFrames([], unread=frames)
    given = list(_each(frames))
    kept = _thin(given)
    held: list[Loose] = []
    unusable: list[tuple[int, str]] = []
    for number, frame in enumerate(kept, start=1):
        try:
            loose = loosen(frame)
            held.append(Loose(own(loose.content), loose.timestamp, loose.frame_count))
        except Exception as why:
            unusable.append((number, _said(why)))
    return HeldFrames(held, len(given) - len(held), unusable)


def _collect(frames: Iterable[object], collector: "_Collector", left_out: int = 0) -> FrameBatch:
    for frame in frames:
        collector.add(frame)
    return collector.finish(left_out)


class _Collector:
    """Encodes frames one by one and keeps an even selection, whatever their final number.

    Every `step`-th frame is taken. When there are twice as many as allowed, every second of them is
    removed and `step` doubles, so that even an endless iterator needs bounded space.
    """

    def __init__(
        self, folder: FindFolder, borrowed: bool, unusable: Sequence[tuple[int, str]] = ()
    ) -> None:
        self._folder = folder
        self._reasons = list(unusable[:_MOST_REASONS])
        self._unusable = len(unusable)
        self._borrowed = borrowed
        self._found: list[Frame] = []
        self._seen = 0
        self._step = 1
        # The last frame, if it was skipped, or taken and thinned out.
        self._last: list[tuple[int, object]] = []
        self._tail: list[Frame] = []
        self._memory = 0
        self._store: ByteStore | None = None
        self._no_file = False

    def add(self, frame: object) -> None:
        """Take a frame, or skip it."""
        number = self._seen
        self._seen += 1
        if number % self._step:
            self._last, self._tail = [(number, frame)], []
            return
        self._last = []
        self._tail = []
        self._take(number, frame)
        if len(self._found) >= 2 * MAX_FRAMES:
            self._tail = self._found[-1:]
            self._found = self._found[::2]
            self._step *= 2

    def finish(self, left_out: int) -> FrameBatch:
        """Return the selection, which ends with the last frame."""
        for number, frame in self._last:
            self._take(number, frame)
        self._found += self._tail
        kept = _thin(self._found)
        left_out += self._seen - len(kept)
        return FrameBatch(tuple(kept), left_out, self._unusable, tuple(self._reasons))

    def _take(self, number: int, frame: object) -> None:
        try:
            loose = loosen(frame)
            data = encode(loose.content)
            costs_nothing = self._borrowed and data is content_of(frame)
            content = data if costs_nothing else self._stored(data)
        except Exception as why:
            # Exceptions of a foreign image object must not stop a detector.
            self._unusable += 1
            if len(self._reasons) < _MOST_REASONS:
                self._reasons.append((number + 1, _said(why)))
        else:
            self._found.append(Frame(content, loose.timestamp, loose.frame_count))

    def _stored(self, data: bytes) -> bytes | Slice:
        if self._memory + len(data) <= MEMORY_BYTES:
            self._memory += len(data)
            return data
        if self._store is None and not self._no_file:
            self._store = open_staging(self._folder())
            self._no_file = self._store is None
        if self._store is not None:
            try:
                return self._store.append(data)
            except OSError as why:
                log.warning("Frames cannot be written to a temporary file: %s", why)
        if self._memory + len(data) > MEMORY_WITHOUT_FILE:
            raise ValueError("there is neither memory nor disk space for more frames")
        self._memory += len(data)
        return data


def _said(why: Exception) -> str:
    log.warning("A frame could not be read and is left out: %s", why)
    return " ".join(to_text(why).split())[:200] or type(why).__name__


def _thin(items: list[_Item]) -> list[_Item]:
    if len(items) <= MAX_FRAMES:
        return items
    last = len(items) - 1
    return [items[round(index * last / (MAX_FRAMES - 1))] for index in range(MAX_FRAMES)]


def _each(frames: object) -> Iterator[object]:
    if frames is None:
        return
    if is_one_frame(frames) or not isinstance(frames, Iterable):
        yield frames
        return
    try:
        if isinstance(frames, _SHARED):
            yield from _snapshot(frames)
        else:
            yield from frames
    except Exception as why:
        yield ValueError(f"the frames ended early: {to_text(why)}")


def _snapshot(frames: Iterable[object]) -> list[object]:
    """Return the current content of a collection, even if another thread keeps filling it."""
    for _attempt in range(1000):
        try:
            return list(frames)
        except RuntimeError as why:
            # "deque mutated during iteration", and similar errors of sets and dicts.
            trouble = why
    raise trouble


def _is_lazy(frames: object) -> bool:
    return (
        isinstance(frames, Iterable) and not is_one_frame(frames) and not hasattr(frames, "__len__")
    )
