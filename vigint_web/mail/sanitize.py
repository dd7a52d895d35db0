"""Sanitize untrusted text for mails: no extra lines, no bidirectional formatting. Pure."""

import re

# Characters that change the direction of text and so make it misleading.
_DIRECTIONS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile(rf"[\x00-\x08\x0e-\x1f\x7f-\x9f{_DIRECTIONS}\ufeff]")
_HALVES = re.compile(r"[\ud800-\udfff]")


def paragraphs(text: str, longest: int = 20_000) -> str:
    """Return a text of several lines without characters that mail programs interpret."""
    cleaned = _LINE_ENDS.sub("\n", text).replace("\t", " ")
    cleaned = _HALVES.sub("\ufffd", _CONTROLS.sub("", cleaned))
    return _cut(cleaned.strip("\n"), longest)


def one_line(text: str, longest: int = 300) -> str:
    """Return a text on one line."""
    return _cut(" ".join(paragraphs(text).split()), longest)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
