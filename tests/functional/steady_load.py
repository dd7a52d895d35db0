"""Send a hundred requests a second, whatever happens to the server, and count failures."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_PER_SECOND = 100
# The maximum time of an answer: connections wait while the web server starts.
_PATIENCE = 90.0


class SteadyLoad:
    """Requests on separate connections, and by clients with keep-alive."""

    def __init__(self, address: str, *, keeping: int = 4) -> None:
        """Take the requests.

        Args:
            keeping: how many clients keep their connection, and retry when it was closed while
            idle.
        """
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._asked = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n".encode()
        self._keeping = keeping
        self._ended = threading.Event()
        self.answers: Counter[str] = Counter()

    @property
    def failures(self) -> dict[str, int]:
        """Return the number of each failure."""
        return {what: count for what, count in self.answers.items() if not what.endswith(" 200")}

    async def _ask_once(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(self._asked + b"Connection: close\r\n\r\n")
                    answer = await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            self.answers[f"new: {type(error).__name__}"] += 1
        else:
            self.answers[f"new: {answer[:12].decode('latin-1')}"] += 1

    async def _keep_asking(self) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._ended.is_set():
            is_new = connection is None
            try:
                async with asyncio.timeout(_PATIENCE):
                    reader, writer = connection or await asyncio.open_connection(
                        self._host, self._port
                    )
                    writer.write(self._asked + b"\r\n")
                    head = await reader.readuntil(b"\r\n\r\n")
                    fields = dict(
                        line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2]
                    )
                    await reader.readexactly(int(fields["content-length"]))
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                begun = isinstance(error, asyncio.IncompleteReadError) and error.partial
                if is_new or begun:
                    self.answers[f"kept: {type(error).__name__}"] += 1
                # Otherwise it was closed while idle: retry.
                connection = None
                continue
            self.answers[f"kept: {head[:12].decode('latin-1')}"] += 1
            connection = (reader, writer)
            if fields["connection"] == "close":
                writer.close()
                connection = None
            await asyncio.sleep(0.05)
        if connection is not None:
            connection[1].close()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._keeping):
                group.create_task(self._keep_asking())
            loop = asyncio.get_running_loop()
            due = loop.time()
            while not self._ended.is_set():
                group.create_task(self._ask_once())
                due += 1 / _PER_SECOND
                await asyncio.sleep(max(0.0, due - loop.time()))

    @contextmanager
    def about(self) -> Iterator["SteadyLoad"]:
        """Send requests inside the block; after it every answer has arrived."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join(_PATIENCE + 30)
            assert not thread.is_alive(), "an answer is missing"
