"""Answers to requests whose head is too long for the application."""

import json

# Prefixes of program addresses; vigint_web.http.base.errors does this for all other errors.
_OF_PROGRAMS = (b"/api/", b"/stream/")
_LONG_LINE = (
    414,
    "URI Too Long",
    "This address is too long. Check the link, or ask for a new one.",
    "Cette adresse est trop longue. Vérifiez le lien, ou demandez-en un nouveau.",
)
_LONG_FIELDS = (
    431,
    "Request Header Fields Too Large",
    "The header fields of this request are too long. Send fewer or shorter ones.",
    "Les en-têtes de cette requête sont trop longs. Envoyez-en moins, ou de plus courts.",
)


def too_long(begun: bytes) -> bytes:
    """Return the complete answer: JSON for programs, a sentence in both languages for people.

    Args:
        begun: the received bytes, from the request line on.
    """
    line = begun.partition(b"\r\n")[0]
    cause = _LONG_LINE if len(line) > len(begun) // 2 else _LONG_FIELDS
    status, reason, english, french = cause
    if line.partition(b" ")[2].startswith(_OF_PROGRAMS):
        body, kind = json.dumps({"error": english, "code": "too_long"}), "application/json"
    else:
        body, kind = f"{french}\n{english}\n", "text/plain; charset=utf-8"
    content = body.encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {kind}\r\n"
        f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + (b"" if begun.startswith(b"HEAD ") else content)
