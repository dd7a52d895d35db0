"""User-Agent headers in recognizable words."""

import pytest
from flask import Flask

from vigint_web.i18n.user_agents import browser_words

_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_ANDROID = "Mozilla/5.0 (Linux; Android 15; SM-S921B)"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (f"{_WINDOWS} {_CHROME} Safari/537.36", "Chrome sous Windows"),
        (f"{_WINDOWS} {_CHROME} Safari/537.36 Edg/140.0", "Edge sous Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0", "Firefox sous Linux"),
        (f"{_IPHONE} {_APPLE} Mobile/15E148 Safari/604.1", "Safari sous iPhone"),
        (f"{_MAC} {_APPLE} Safari/605.1.15", "Safari sous macOS"),
        (f"{_ANDROID} {_CHROME} Mobile Safari/537.36", "Chrome sous Android"),
        (f"{_ANDROID} SamsungBrowser/27.0 {_CHROME}", "Samsung Internet sous Android"),
        ("curl/8.14.1", "curl"),
        ("", "Programme inconnu"),
        ("something else", "Programme inconnu"),
    ],
)
def test_a_browser_is_called_by_its_name(app: Flask, header: str, words: str) -> None:
    assert browser_words(header) == words
