"""Use an installation in every way at once, and note how long each answer took."""

import base64
import json
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Engine, text

from tests.functional.web import Answer, Session, request

_PAGES = (
    "/incidents/", "/source-management/", "/links/", "/", "/incidents/?page=2",
    "/source-management/?q=north",
)  # fmt: skip


class Taken(NamedTuple):
    """One answer: in which phase, to what, with which status (0: no answer), after how long."""

    phase: str
    what: str
    status: int
    seconds: float
    detail: str


@dataclass
class Load:
    """Clients in threads of their own, until `end`; everything that they were promised."""

    url: str
    api_key: str
    email: str
    password: str
    engine: Engine
    frames: list[bytes]
    clip: bytes
    phase: str = "before"
    answers: list[Taken] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)  # incident id: reference
    links: list[str] = field(default_factory=list)  # private links that are alive
    names: list[str] = field(default_factory=list)  # of uploaded sources
    revoked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Start all clients."""
        steps: list[tuple[Callable[[], None], float]] = [
            (self._post, 1.0), (self._post, 1.3), (self._read_range, 0.1), (self._read_range, 0.15),
            (self._list(), 0.4), (self._upload(), 3.0), (self._revoke(), 4.0),
        ]  # fmt: skip
        for step, pause in steps:
            thread = threading.Thread(target=self._repeat, args=(step, pause), daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        """Stop all clients; every answer has arrived afterwards."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, step: Callable[[], None], pause: float) -> None:
        while not self._ended.wait(pause):
            try:
                step()
            except Exception as error:  # counted and reported
                self.wrong.append(f"{self.phase}: {type(error).__name__}: {error}")

    def _ask(self, what: str, ask: Callable[[], Answer]) -> Answer | None:
        phase, began = self.phase, time.monotonic()
        try:
            answer = ask()
        except OSError as error:
            self._note(phase, what, 0, began, f"{type(error).__name__}: {error}")
            return None
        failed = answer.status >= 400
        detail = answer.body[:300].decode("utf-8", "replace") if failed else ""
        self._note(phase, what, answer.status, began, detail)
        return answer

    def _note(self, phase: str, what: str, status: int, began: float, detail: str) -> None:
        self.answers.append(Taken(phase, what, status, time.monotonic() - began, detail))

    def _post(self) -> None:
        with self._lock:
            number = next(self._numbers)
        now = time.time()
        document = {
            "message": f"Rolling {number}",
            "incident_data": {"incident_type": "Intrusion", "risk_level": "HIGH"},
            "frames": [
                {"frame_data": base64.b64encode(frame).decode(), "timestamp": now + at * 0.2}
                for at, frame in enumerate(self.frames)
            ],
        }
        body = json.dumps(document).encode()
        answer = self._ask(
            "incident",
            lambda: request(
                f"{self.url}/api/v1/incidents", body, method="POST",
                Content_Type="application/json", X_API_Key=self.api_key,
                Idempotency_Key=f"rolling-{number}",
            ),
        )  # fmt: skip
        if answer is None or answer.status != 202:
            return
        accepted = answer.json()
        with self._lock:
            self.references[accepted["incident_id"]] = accepted["reference"]
            self.links.append(accepted["private_link"])

    def _read_range(self) -> None:
        with self._lock:
            # Those of the last ones may not be ready yet.
            ready = self.links[:-8] or self.links[:1]
            link = ready[next(self._numbers) % len(ready)] if ready else None
        if link is None:
            return
        address = f"{self.url}/stream/{_token(link)}/"
        answer = self._ask("range", lambda: request(address, Range="bytes=100-299"))
        if answer is None or answer.status in {409, 206}:
            return
        if answer.status == 410:
            with self._lock:
                if link not in self.links:
                    return  # revoked meanwhile
        self.wrong.append(f"{self.phase}: a range of {link}: {answer.status} {answer.text[:200]}")

    def _list(self) -> Callable[[], None]:
        session = self._session()

        def look() -> None:
            page = _PAGES[next(self._numbers) % len(_PAGES)]
            answer = self._ask(f"page {page}", lambda: session.open(page))
            if (
                answer is not None
                and answer.status == 200
                and "/login" in urlsplit(answer.url).path
            ):
                self.wrong.append(f"{self.phase}: logged out at {page}")

        return look

    def _upload(self) -> Callable[[], None]:
        session = self._session()

        def upload() -> None:
            with self._lock:
                number = next(self._numbers)
            # A box that players skip makes each clip another file.
            clip = self.clip + struct.pack(">I4sQ", 16, b"free", number)
            name = f"Rolling upload {number}"
            answer = self._ask(
                "upload", lambda: session.upload((f"rolling{number}.mp4", clip), name=name)
            )
            if answer is not None and answer.status == 200:
                self.names.append(name)

        return upload

    def _revoke(self) -> Callable[[], None]:
        session = self._session()

        def revoke() -> None:
            with self._lock:
                if len(self.links) < 12:
                    return
                link = self.links.pop(0)
            public_id = urlsplit(link).path.rpartition("/")[2]
            with self.engine.connect() as connection:
                link_id = connection.scalar(
                    text(
                        "SELECT links.id FROM links JOIN videos ON videos.id = links.video_id"
                        " WHERE public_id = :id AND revoked_at IS NULL AND recipient IS NULL"
                    ),
                    {"id": public_id},
                )
            answer = self._ask("revocation", lambda: session.submit(f"/links/{link_id}/revoke"))
            if answer is None or answer.status != 200:
                return
            address = f"{self.url}/stream/{_token(link)}/"
            after = self._ask("after revocation", lambda: request(address, Range="bytes=0-9"))
            if after is not None and after.status != 410:
                self.wrong.append(f"{self.phase}: revoked, and answered {after.status}: {link}")
            self.revoked.append(link)

        return revoke

    def _session(self) -> Session:
        session = Session(self.url)
        session.log_in(self.email, self.password)
        return session


def _token(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]
