"""Programs in browsers: scripts of another site read a source's video, and no person's."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.browser.conftest import Windows
from tests.functional.installation import Installation, token_of
from tests.functional.processes import wait_until
from tests.helpers import Footage, incident_document

_READ = """
async (base) => {
  const read = async (address, options) => {
    try {
      const answer = await fetch(address, options);
      const kind = answer.headers.get("Content-Type") || "";
      return {
        status: answer.status,
        body: kind.includes("json") ? await answer.json() : (await answer.arrayBuffer()).byteLength,
        range: answer.headers.get("Content-Range"),
        tag: answer.headers.get("ETag"),
      };
    } catch (error) {
      return { status: 0 };
    }
  };
  const found = {
    document: await read(`${base.api}`),
    metadata: await read(`${base.api}metadata/`),
    noSlash: await read(`${base.api}metadata`),
    part: await read(base.stream, { headers: { Range: "bytes=0-99" } }),
    beyond: await read(base.stream, { headers: { Range: "bytes=999999999-" } }),
    original: await read(`${base.api}download/`),
  };
  found.cached = await read(base.stream, {
    headers: { "If-Match": '"other"', Range: "bytes=0-9" },
  });
  const video = document.createElement("video");
  video.crossOrigin = "anonymous";
  video.muted = true;
  found.pixels = await new Promise((done) => {
    video.addEventListener("error", () => done(null));
    video.addEventListener("loadeddata", () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      const drawn = canvas.getContext("2d");
      drawn.drawImage(video, 0, 0);
      done(drawn.getImageData(0, 0, canvas.width, canvas.height).data.length);
    });
    video.src = base.stream;
  });
  return found;
}
"""


class _Page(BaseHTTPRequestHandler):
    """An empty page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b'<!doctype html><title>Elsewhere</title><link rel="icon" href="data:,">')

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Give the address of a page of another site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def _addresses(vigint: Installation, token: str) -> dict[str, str]:
    return {
        "api": f"{vigint.url}/api/video/{token}/",
        "stream": f"{vigint.url}/stream/{token}/",
    }


def test_a_script_of_another_site_reads_what_a_programs_token_opens(
    window: Windows, vigint: Installation, elsewhere: str, footage: Footage
) -> None:
    clip = footage.clip("elsewhere.mp4").read_bytes()
    assert vigint.session().upload(("elsewhere.mp4", clip)).status == 200
    rows = wait_until(
        lambda: vigint.sql(
            "SELECT links.handle FROM links JOIN videos ON videos.id = links.video_id"
            " WHERE videos.original_name = ? AND videos.status = 'ready'",
            "elsewhere.mp4",
        ),
        "it is ready",
        60,
    )
    assert rows
    person = window(logged_in=True)
    person.goto("/source-management/")
    person.get_by_role("link", name="elsewhere").first.click()
    text = person.content()
    token = text.partition("/stream/")[2].partition("/")[0]
    page = window(expected=("status of 4",))
    page.goto(elsewhere)
    found: dict[str, Any] = page.evaluate(_READ, _addresses(vigint, token))
    assert found["document"]["body"]["status"] == "ready"
    assert found["metadata"]["status"] == found["noSlash"]["status"] == 200
    assert found["part"]["status"] == 206
    assert found["part"]["range"].startswith("bytes 0-99/")
    assert found["part"]["tag"]
    assert found["beyond"]["body"]["code"] == "range_not_satisfiable"
    assert found["cached"]["body"]["code"] == "precondition_failed"
    assert found["original"]["body"] == len(clip)
    assert found["pixels"] > 0


def test_a_persons_token_opens_nothing_to_other_sites(
    window: Windows, vigint: Installation, elsewhere: str, footage: Footage
) -> None:
    accepted = vigint.post(incident_document(footage.frames(3)))
    vigint.finished(accepted)
    token = token_of(accepted["private_link"])
    page = window(expected=("CORS", "ERR_FAILED"))
    page.goto(elsewhere)
    found: dict[str, Any] = page.evaluate(_READ, _addresses(vigint, token))
    assert found.pop("pixels") is None
    assert {name: answer["status"] for name, answer in found.items()} == dict.fromkeys(found, 0)
