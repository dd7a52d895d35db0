"""Use the page that adds sources, as a person does."""

import random
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

ADD = "/source-management/add/?type=file"
PATIENCE = 30_000


def give(page: Page, *files: Path) -> None:
    """Choose files on the open page."""
    page.set_input_files("#files", [*files])


def send(page: Page, *files: Path) -> None:
    """Open the page, choose files, and have them sent."""
    page.goto(ADD)
    give(page, *files)
    page.click("[data-start]")


def open_source(page: Page, file: Path) -> str:
    """Send a file and open the page of its source; return what models call it."""
    send(page, file)
    row(page, file.name).locator("a").first.click(timeout=PATIENCE)
    page.wait_for_url("**/source-management/file_*/")
    return page.url.rstrip("/").rpartition("/")[2]


def row(page: Page, name: str) -> Locator:
    """Return the row of a file."""
    return page.locator(".queue-row", has_text=name)


def expect_state(found: Locator, *states: str) -> None:
    """Wait until a row, or the only one, is in one of these states."""
    state = f"^({'|'.join(states)})$"
    expect(found).to_have_attribute("data-state", _pattern(state), timeout=PATIENCE)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def large(clip: Path, target: Path, size: int) -> Path:
    """Write a clip that is as long as wanted: MP4 has boxes for what is of no use."""
    data = clip.read_bytes()
    rest = size - len(data)
    noise = random.Random(size).randbytes(rest - 8)
    target.write_bytes(data + struct.pack(">I", rest) + b"free" + noise)
    return target


@contextmanager
def slow(page: Page, bytes_per_second: int) -> Iterator[None]:
    """Let the page's connection be slow inside the block."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")

    def limit(rate: int) -> None:
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}
        wire.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": rate})

    limit(bytes_per_second)
    try:
        yield
    finally:
        limit(-1)
