"""Write into a clip when, where and by which camera it was recorded, as MP4 metadata."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from vigint_web.i18n.normal_forms import normalized

# In characters; the longest name that a site or a camera may have.
MOST = 200
# The MP4 header counts seconds from 1904 in 32 bits.
_EARLIEST, _LATEST = datetime(1904, 1, 1, tzinfo=UTC), datetime(2040, 2, 6, tzinfo=UTC)
# Line breaks and the like separate words; format characters stand within them.
_BREAKS = {"Cc", "Zl", "Zp"}
_UNSEEN = {"Cf", "Cs", "Co", "Cn"}


@dataclass(frozen=True)
class Label:
    """What a clip says about its recording; empty values are left out.

    ``recorded_at`` is aware, in the zone in which the date is to be read.
    """

    recorded_at: datetime | None = None
    site: str = ""
    camera: str = ""
    comment: str = ""

    def options(self) -> dict[str, str]:
        """Return ffmpeg's output options, each a single argument with one line of text.

        The keys are those that ffprobe, VLC and exiftool show for MP4.
        """
        site, camera = one_line(self.site), one_line(self.camera)
        values = {
            "title": " – ".join(name for name in (site, camera) if name),
            "artist": camera,
            "album": site,
            "comment": one_line(self.comment),
        }
        moment = self.recorded_at
        if moment is not None and _EARLIEST < moment < _LATEST:
            whole = moment.replace(microsecond=0)
            values["creation_time"] = whole.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            values["date"] = whole.isoformat()
        written = [f"{key}={value}" for key, value in values.items() if value]
        return {f"metadata:g:{number}": text for number, text in enumerate(written)}


UNLABELLED = Label()


def one_line(text: str) -> str:
    """Return a text as one line of at most `MOST` characters, without invisible ones."""
    text = normalized("NFC", text[: 2 * MOST])
    kinds = ((character, unicodedata.category(character)) for character in text)
    seen = (" " if kind in _BREAKS else c for c, kind in kinds if kind not in _UNSEEN)
    return " ".join("".join(seen).split())[:MOST].rstrip()
