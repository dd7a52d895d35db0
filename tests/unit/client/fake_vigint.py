"""A small real HTTP server that answers according to the contracts, and fails on demand."""

import email.parser
import email.policy
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import MIMEPart
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.ports import free_port

KEY = "key-for-tests"
CLIP = b"the bytes of a clip"
HASH = hashlib.sha256(CLIP).hexdigest()


@dataclass(frozen=True)
class Fault:
    """A failure instead of a proper answer.

    `kind`: `answer` (with status, headers, body), `early` (answer before the body is read), `cut`
    (do the work, then close without an answer), `half` (half of the answer), `hang` (no answer
    until the server closes).
    """

    kind: str = "answer"
    status: int = 500
    body: bytes = b'{"error": "a fault", "code": "fault"}'
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    parts: list[tuple[str, str | None, str, bytes]]

    def json(self) -> Any:
        for name, _filename, _kind, data in self.parts:
            if name == "incident":
                return json.loads(data)
        return json.loads(self.body)


class FakeVigint:
    def __init__(self, port: int | None = None) -> None:
        self.faults: deque[Fault | None] = deque()
        self.received: list[Received] = []
        self.incidents: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, tuple[str, bytes]] = {}
        self.states: dict[str, deque[dict[str, Any]]] = {}
        self.next_states: list[dict[str, Any]] = []
        self.videos: dict[str, dict[str, Any]] = {}
        self.refuses_frames = False
        # The refusals of an earlier version; None accepts everything.
        self.refuses: Callable[[Received], bool] | None = None
        self.version: str | None = None
        self.key = KEY
        # Answered to any request whose body was read and discarded.
        self.drains: dict[str, Any] | None = None
        self.drained = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        fake = self

        class Handler(_Handler):
            vigint = fake

        # A reserved port: what an earlier test's client still retries never arrives here.
        self.server = ThreadingHTTPServer(("127.0.0.1", port or free_port()), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def posts(self, path: str = "/api/v1/incidents") -> list[Received]:
        return [item for item in self.received if item.method == "POST" and item.path == path]

    def down(self, times: int = 1) -> None:
        """Answer 503 to the next requests."""
        self.faults.extend([Fault(status=503)] * times)

    def messages(self) -> list[str]:
        return [item.json()["message"] for item in self.posts()]

    def respond(self, request: Received) -> tuple[int, dict[str, Any]]:
        if request.path.startswith("/stream/"):
            return (200 if request.path == "/stream/t/" else 404), {}
        authorization = request.headers.get("authorization")
        if authorization is None:
            return 401, {"error": "An API key is needed.", "code": "key_missing"}
        if authorization != f"Bearer {self.key}":
            return 403, {"error": f"Unknown key {authorization}", "code": "key_unknown"}
        if request.path == "/healthz":
            return 200, {"status": "ok"} | ({"version": self.version} if self.version else {})
        if request.path == "/api/v1/incidents" and request.method == "POST":
            return self._post_incident(request)
        if request.path.startswith("/api/v1/incidents/"):
            return self._state(request.path.rpartition("/")[2])
        if request.path == "/api/v1/videos/upload" and request.method == "POST":
            return self._upload(request)
        if request.path == "/api/v1/videos/link/verify":
            return self._verify(request)
        if request.path == "/api/v1/videos/link/extend":
            return self._extend(json.loads(request.body), request.headers["idempotency-key"])
        if request.method == "DELETE":
            if self.videos.pop(request.path.rpartition("/")[2], None) is None:
                return 404, {"error": "No such video.", "code": "not_found"}
            return 204, {}
        return 404, {"error": "No such page.", "code": "not_found"}

    def _post_incident(self, request: Received) -> tuple[int, dict[str, Any]]:
        # The boundary of equal bodies differs only when the caller's does.
        if self.refuses_frames and request.parts:
            return 422, {"error": "No frames, please.", "code": "invalid"}
        if self.refuses is not None and self.refuses(request):
            return 422, {"error": "risk_level must be LOW or HIGH.", "code": "invalid"}
        key = request.headers["idempotency-key"]
        document = {name: value for name, value in request.json().items() if name != "kept_since"}
        body = json.dumps(document).encode() + b"".join(part[3] for part in request.parts)
        if key in self.by_key:
            known, earlier = self.by_key[key]
            if earlier != body:
                return 409, {"error": "Another body.", "code": "idempotency_conflict"}
            return 202, self.incidents[known]
        incident_id = f"inc{len(self.incidents) + 1}"
        self.by_key[key] = (incident_id, body)
        self.incidents[incident_id] = {
            "incident_id": incident_id,
            "reference": f"INC-{incident_id}",
            "video_id": f"vid-{incident_id}",
            "private_link": f"{self.url}/video/vid-{incident_id}?token=t",
            "expiration_time": "2026-11-23T10:00:00+00:00",
            # A public name to which no detector may send its key.
            "status_url": f"https://public.invalid/api/v1/incidents/{incident_id}",
        }
        self.states[incident_id] = deque(self.next_states or [self.done_state()])
        return 202, self.incidents[incident_id]

    def done_state(self, **changes: Any) -> dict[str, Any]:
        state: dict[str, Any] = {
            "state": "ready",
            "file_hash": HASH,
            "size": 1000,
            "duration": 4.0,
            "frames": {"received": 40, "used": 40, "left_out": 0},
            "pace_known": True,
            "deliveries": [
                {
                    "recipient": "guard@example.org",
                    "state": "sent",
                    "kind": "video",
                    "sent_at": "2026-11-21T10:00:05+00:00",
                    "error": None,
                }
            ],
            "error": None,
            "done": True,
        }
        return state | changes

    def waiting_state(self) -> dict[str, Any]:
        delivery = {"recipient": "guard@example.org", "state": "waiting", "kind": "video"}
        return self.done_state(
            state="processing", file_hash=None, deliveries=[delivery], done=False
        )

    def _state(self, incident_id: str) -> tuple[int, dict[str, Any]]:
        states = self.states.get(incident_id)
        if states is None:
            return 404, {"error": "No such incident.", "code": "not_found"}
        state = states.popleft() if len(states) > 1 else states[0]
        return 200, self.incidents[incident_id] | state

    def _upload(self, request: Received) -> tuple[int, dict[str, Any]]:
        parts = {name: data for name, _filename, _kind, data in request.parts}
        metadata = json.loads(parts["metadata"])
        digest = hashlib.sha256(parts["video"]).hexdigest()
        video_id = metadata["video_id"]
        if metadata["file_hash"] != digest:
            return 422, {"error": "The hash differs.", "code": "hash_mismatch"}
        if request.headers["x-video-id"] != video_id or parts["access_type"] != b"private":
            return 400, {"error": "Header and metadata differ.", "code": "bad_request"}
        known = self.videos.get(video_id)
        if known is not None and known["file_hash"] != digest:
            return 409, {"error": "Another video already has this id.", "code": "video_exists"}
        self.videos[video_id] = {
            "success": True,
            "video_id": video_id,
            "private_link": f"{self.url}/video/{video_id}?token=t",
            "expiration_time": "2026-11-23T10:00:00+00:00",
            "file_hash": digest,
            "size": len(parts["video"]),
            "hours": parts.get("expiration_hours", b"48").decode(),
        }
        return 200, self.videos[video_id]

    def _verify(self, request: Received) -> tuple[int, dict[str, Any]]:
        valid = request.query["video_id"][0] in self.videos and request.query["token"] == ["t"]
        return 200, {
            "valid": valid,
            "expiration_time": "2026-11-23T10:00:00+00:00" if valid else None,
            "remaining_hours": 48.0 if valid else 0.0,
            "reason": None if valid else "unknown",
        }

    def _extend(self, document: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        video = self.videos.get(document["video_id"])
        if video is None:
            return 404, {"error": "No such video.", "code": "not_found"}
        extended = video.setdefault("extended", {})
        extended.setdefault(key, document["additional_hours"])
        hours = 48 + sum(extended.values())
        return 200, {"success": True, "new_expiration": "2026-11-24", "total_hours": hours}


class FakeClock:
    """Time that advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class _Handler(BaseHTTPRequestHandler):
    vigint: FakeVigint
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def handle_any(self) -> None:
        fake = self.vigint
        with fake.lock:
            fault = fake.faults.popleft() if fake.faults else None
        if fault is not None and fault.kind == "early":
            self._send(fault.status, fault.body, fault.headers)
            # Closing on an unread body resets the connection while the client still sends.
            return
        if fake.drains is not None:
            self._drain()
            self._send(202, json.dumps(fake.drains).encode(), {})
            return
        request = self._receive()
        if request is None:
            self.close_connection = True
            return
        with fake.lock:
            fake.received.append(request)
            if fault is not None and fault.kind == "answer":
                status, body, headers = fault.status, fault.body, fault.headers
            else:
                status, document = fake.respond(request)
                body = (
                    CLIP
                    if request.path == "/stream/t/"
                    else (json.dumps(document).encode() if status != 204 else b"")
                )
                headers = {}
        self.close_connection = True
        if fault is not None and fault.kind == "cut":
            return
        if fault is not None and fault.kind == "hang":
            fake.closing.wait(30)
            return
        if fault is not None and fault.kind == "half":
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            return
        self._send(status, body, headers)

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - names given by http.server

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)

    def _drain(self) -> None:
        left = int(self.headers["Content-Length"])
        while left and (chunk := self.rfile.read(min(left, 1 << 20))):
            left -= len(chunk)
            self.vigint.drained += len(chunk)

    def _receive(self) -> Received | None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:
            return None  # the sender has died
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Received(
            self.command, url.path, parse_qs(url.query), headers, body, _parts(headers, body)
        )


def _content(part: MIMEPart) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes), "it has no parts of its own"
    return content


def _parts(headers: dict[str, str], body: bytes) -> list[tuple[str, str | None, str, bytes]]:
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return []
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_content_type(),
            _content(part),
        )
        for part in message.iter_parts()
    ]
