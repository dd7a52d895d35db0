"""Make names that people gave safe to show, to store and to send back. Pure."""

import re
import unicodedata
from pathlib import PurePosixPath

_LONGEST = 200
_KNOWN_SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".wmv", ".flv", ".webm", ".m4v"}


def safe_filename(name: str) -> str:
    """Return a file name without folders, control characters, or characters that no disk likes."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    # Format characters (Cf) can turn a name around on screen: "invoice\u202e4pm.exe".
    name = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    name = re.sub(r'[<>:"|?*/]', "_", name).strip(" .")
    if len(name) > _LONGEST:
        path = PurePosixPath(name)
        suffix = path.suffix[:16]
        name = name[: _LONGEST - len(suffix)] + suffix
    return name or "video"


def storage_suffix(name: str) -> str:
    """Return the ending under which a file is stored: one of the known ones, or `.bin`."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in _KNOWN_SUFFIXES else ".bin"
