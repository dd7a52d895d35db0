"""Start WebKit, the engine of iPhones, on a virtual display."""

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from tests.browser.fonts import FONT_SETS, font_environment
from tests.ports import free_port

_PROGRAMS = {"WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"}
_PLAYS_H264 = """
return document.createElement("video").canPlayType('video/mp4; codecs="avc1.42E01E, mp4a.40.2"');
"""


class MissingWebKitError(Exception):
    """A requirement of WebKit is missing; names its package."""


@contextmanager
def started(folder: Path, size: tuple[int, int]) -> Iterator[WebDriver]:
    """Provide a WebKit that plays H.264, in a window of this size.

    Args:
        folder: for its data; must exist.

    Raises:
        MissingWebKitError: a program or a decoder is missing.
        MissingFontError: a font is missing.
    """
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise MissingWebKitError(f"{program} is missing (Debian: apt install {package})")
    with _screen() as display:
        environment = {
            **font_environment(folder / "fonts", FONT_SETS["dejavu"]),
            "DISPLAY": display,
            "HOME": str(folder),
            "NO_AT_BRIDGE": "1",  # no accessibility bus is searched for
        }
        service = Service(
            str(shutil.which("WebKitWebDriver")),
            port=free_port(),
            env=environment,
            log_output=str(folder / "webkit.log"),
        )
        with warnings.catch_warnings():
            # Selenium calls its own deprecated signature.
            warnings.simplefilter("ignore", DeprecationWarning)
            driver = webdriver.WebKitGTK(options=_options(), service=service)
        try:
            driver.set_window_size(*size)
            if not driver.execute_script(_PLAYS_H264):
                raise MissingWebKitError(
                    "WebKit cannot decode H.264 (Debian: apt install gstreamer1.0-libav)"
                )
            yield driver
        finally:
            driver.quit()


def _options() -> Options:
    options = Options()
    options.set_capability("webkitgtk:browserOptions", {"args": ["--automation"]})
    return options


@contextmanager
def _screen() -> Iterator[str]:
    """Provide the name of a separate display, which the server chooses."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise MissingWebKitError("Xvfb ended before it had a display")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()
