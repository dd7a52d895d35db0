"""Fold mail headers that are not ASCII, keeping each of their words in one piece. Pure."""

import re
import string
from collections.abc import Iterator
from email.policy import EmailPolicy
from typing import Any

_LINE = 76  # columns of a line that holds an encoded word (RFC 2047, 2)
_LONGEST_WORD = 75  # columns of an encoded word
# Characters that need no encoding in a text (RFC 2047, 4.2), and in a name before an address (5,
# rule 3).
_IN_TEXT = frozenset(string.ascii_letters + string.digits + string.punctuation) - set("=?_")
_IN_NAMES = frozenset(string.ascii_letters + string.digits + "!*+-/")


class WholeWords(EmailPolicy):
    """Write headers like `EmailPolicy`, but end encoded words between words (RFC 2047).

    The standard library begins an encoded word wherever a line is full; mail programs that show a
    space there, and parsers that add one, then show “vi déo”.
    """

    def fold(self, name: str, value: Any) -> str:
        """Return a header with its line ends."""
        return self._whole(name, value) or super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the same as bytes, for a generator of bytes."""
        whole = self._whole(name, value)
        return whole.encode("ascii") if whole else super().fold_binary(name, value)

    def _whole(self, name: str, value: Any) -> str | None:
        """Return a header that this class folds itself, None for all others."""
        if self.utf8 or str(value).isascii():
            return None
        if name.lower() == "subject":
            folded = encode_words(str(value), used=len(name) + 2)
        elif name.lower() in {"from", "reply-to"} and len(value.addresses) == 1:
            [found] = value.addresses
            if not found.addr_spec.isascii():
                return None
            folded = named_address(found.display_name, found.addr_spec, used=len(name) + 2)
        else:
            return None
        return f"{name}: {folded}".replace("\n", self.linesep) + self.linesep


def encode_words(text: str, used: int) -> str:
    """Return a text as encoded words, separated by line ends and a space.

    Args:
        text: one line.
        used: columns of the first line that its header's name takes.
    """
    return "\n ".join(_framed(piece, _IN_TEXT) for piece in _pieces(text, used))


def named_address(name: str, address: str, used: int) -> str:
    """Return a mailbox with its name before it (RFC 5322, 3.4), folded.

    The name is one encoded word, truncated if it is too long: Python's own parser is one of those
    that insert a space between two of them.
    """
    room = min(_LINE - used, _LONGEST_WORD)
    whole = name
    while len(_framed(name, _IN_NAMES)) > room:
        whole = whole[:-1]
        name = whole.rstrip() + "…"
    word = _framed(name, _IN_NAMES)
    between = " " if used + len(word) + len(address) + 3 <= _LINE else "\n "
    return f"{word}{between}<{address}>"


def _pieces(text: str, used: int) -> Iterator[str]:
    # The space between two words belongs to the first: between encoded words it is ignored.
    room, piece = min(_LINE - used, _LONGEST_WORD), ""
    for word in re.findall(r"\S+\s*|\s+", text):
        if piece and len(_framed(piece + word, _IN_TEXT)) > room:
            yield piece
            room, piece = _LONGEST_WORD, ""
        piece += word
        while len(_framed(piece, _IN_TEXT)) > room:
            # One word that is longer than a line.
            ends = range(len(piece) - 1, 0, -1)
            end = next(n for n in ends if len(_framed(piece[:n], _IN_TEXT)) <= room)
            yield piece[:end]
            room, piece = _LONGEST_WORD, piece[end:]
    if piece:
        yield piece


def _framed(text: str, safe: frozenset[str]) -> str:
    """Return one encoded word of a text (RFC 2047, 2 and 4.2)."""
    letters = map(chr, text.encode("utf-8", "replace"))
    body = "".join(
        letter if letter in safe else "_" if letter == " " else f"={ord(letter):02X}"
        for letter in letters
    )
    return f"=?utf-8?q?{body}?="
