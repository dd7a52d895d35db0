"""Make user-supplied names safe to show, to store and to return. Pure."""

import re
import unicodedata
from pathlib import PurePosixPath

from vigint_web.i18n.normal_forms import normalized

_LONGEST = 200
_MOST_BYTES = 240  # file systems allow 255, browsers extend a name that exists
# Reserved device names of Windows, with any extension.
_RESERVED = re.compile(r"(?i)con|prn|aux|nul|(?:com|lpt)[0-9¹²³]")
_KNOWN_SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".wmv", ".flv", ".webm", ".m4v"}
# File types of recorders, and the players that they export together with footage.
_RECORDERS_SUFFIXES = {
    ".dav", ".264", ".265", ".h264", ".h265", ".hevc", ".ts", ".mts", ".m2ts", ".vob", ".asf",
    ".exe", ".ps", ".dat", ".ifv", ".g64", ".g64x", ".mjpg", ".mjpeg",
}  # fmt: skip
# “cam.1” and “14.30” have no extension.
_SUFFIX = re.compile(r"\.(?:(?=[0-9]{0,9}[a-z])[a-z0-9]{1,10}|26[45])")
# Letters that have no decomposition into one of ASCII.
_SPELT = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "’": "-"}
)
# Format characters (Cf) can reorder a name on screen: "invoice\u202e4pm.exe".
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def safe_filename(name: str) -> str:
    """Return a file name without folders, control characters, or characters invalid on disks."""
    name = normalized("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if unicodedata.category(c) not in _UNSEEN)
    name = re.sub(r'[<>:"|?*/]', "_", name).strip(" .")
    if _RESERVED.fullmatch(name.partition(".")[0].rstrip()):
        name = f"_{name}"
    return _shortened(name) or "video"


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST and len(name.encode()) <= _MOST_BYTES:
        return name
    suffix = PurePosixPath(name).suffix[:16]
    room = _MOST_BYTES - len(suffix.encode())
    stem = name[: _LONGEST - len(suffix)].encode()[:room].decode("utf-8", "ignore")
    return (stem.rstrip(" .") + suffix).strip(" .")


def one_line(text: str) -> str:
    """Return a text without line breaks and invisible characters."""
    return " ".join(some_lines(text).split())


def some_lines(text: str) -> str:
    """Return a text without invisible characters, but with its line breaks."""
    text = normalized("NFC", text).replace("\r\n", "\n")
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in _UNSEEN)
    return "".join(kept).strip()


def ascii_word(text: str, most: int = 40) -> str:
    """Return a name as a part of a file name: ASCII letters and digits with hyphens between them.

    Empty if there is none in it.
    """
    plain = normalized("NFKD", text[:_LONGEST].translate(_SPELT)).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[A-Za-z0-9]+", plain))[:most].strip("-")


def name_refusal(name: str) -> str | None:
    """Return why a file of this name is refused, as a failure code; None if it is accepted.

    A name without an extension is accepted: its content decides.
    """
    suffix = PurePosixPath(name.strip()).suffix.lower()
    if suffix in _KNOWN_SUFFIXES or not _SUFFIX.fullmatch(suffix):
        return None
    return "from_recorder" if suffix in _RECORDERS_SUFFIXES else "not_a_video"


def storage_suffix(name: str) -> str:
    """Return the extension of a stored file: one of the known ones, or `.bin`."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in _KNOWN_SUFFIXES else ".bin"
