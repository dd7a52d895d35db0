"""Use the page that adds sources."""

import random
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.functional.installation import Installation

ADD = "/source-management/add/?type=file"


def give(page: Page, *files: Path) -> None:
    """Choose files on the open page."""
    page.set_input_files("#files", [*files])


def send(page: Page, *files: Path) -> None:
    """Open the page, choose files, and send them."""
    page.goto(ADD)
    give(page, *files)
    page.click("[data-start]")


def open_source(page: Page, file: Path) -> str:
    """Send a file and open the page of its source; return its id for models."""
    send(page, file)
    row(page, file.name).locator("a").first.click()
    page.wait_for_url("**/source-management/file_*/")
    return page.url.rstrip("/").rpartition("/")[2]


def row(page: Page, name: str) -> Locator:
    """Return the row of a file."""
    return page.locator(".queue-row", has_text=name)


def expect_state(found: Locator, *states: str) -> None:
    """Wait until a row, or the only one, is in one of these states."""
    state = f"^({'|'.join(states)})$"
    expect(found).to_have_attribute("data-state", _pattern(state))


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def large(clip: Path, target: Path, size: int) -> Path:
    """Write a clip of any length: MP4 has boxes for unused bytes."""
    data = clip.read_bytes()
    rest = size - len(data)
    noise = random.Random(size).randbytes(rest - 8)
    target.write_bytes(data + struct.pack(">I", rest) + b"free" + noise)
    return target


@contextmanager
def slow(page: Page, bytes_per_second: int) -> Iterator[Callable[[int], None]]:
    """Throttle the page's connection inside the block; yield a function that changes its rate."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")

    def limit(rate: int) -> None:
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}
        wire.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": rate})

    limit(bytes_per_second)
    try:
        yield limit
    finally:
        limit(-1)


def sent(page: Page) -> float:
    """Return the sent share of the only file, from 0 to 1."""
    value = page.locator(".queue-row [data-bar]").evaluate("(bar) => bar.value / bar.max")
    return float(value)


def stored(vigint: Installation, name: str) -> dict[str, Any]:
    """Return the stored bytes of the newest source of a file."""
    [found] = vigint.sql(
        "SELECT source_id, status, original_sha256, original_size, sources.name, description"
        " FROM sources JOIN videos ON videos.id = video_id WHERE original_name = ?"
        " ORDER BY sources.id DESC LIMIT 1",
        name,
    )
    names = ("source_id", "status", "sha256", "size", "name", "description")
    return dict(zip(names, found, strict=True))


def forget_work(vigint: Installation, but: str = "") -> None:
    """Remove the jobs, which waiting workers have not taken, of files that a test only had
    to send.
    """
    vigint.sql(
        "UPDATE videos SET status = 'failed', error_code = 'cancelled'"
        " WHERE status = 'processing' AND original_name != ?",
        but,
    )
