"""Recognize containers by the first bytes of a file."""

from dataclasses import dataclass
from pathlib import Path, PurePath

HEAD_LENGTH = 4096

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EBML_HEADER = b"\x1a\x45\xdf\xa3"
_EBML_DOCTYPE = b"\x42\x82"
_TOP_LEVEL_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"}
# ISO/IEC 23008-12 and AV1 image brands: pictures in the same box structure as MP4.
_PICTURE_BRANDS = {"mif1", "mif2", "msf1", "heic", "heix", "heim", "heis", "avif", "avis"}
_M4V_BRANDS = {"M4V ", "M4VH", "M4VP"}
_MOV_FAMILY_SUFFIXES = {".mp4": "mp4", ".m4v": "m4v", ".mov": "mov"}
_WEBM_CODECS = {"vp8", "vp9", "av1", "opus", "vorbis"}
_BY_DEMUXER = {"avi": "avi", "asf": "wmv", "flv": "flv", "live_flv": "flv"}


# Formats of recorders: Dahua's DAV, Hikvision's own, MPEG program and transport streams, and H.264
# or HEVC without a container (Annex B: a start code, then a parameter set or a delimiter).
_RECORDERS = (
    b"DHAV", b"DAHUA", b"IMKH", b"HKMI", b"\x00\x00\x01\xba",
    *(start + kind for start in (b"\x00\x00\x01", b"\x00\x00\x00\x01")
      for kind in (b"\x67", b"\x27", b"\x09", b"\x40", b"\x42", b"\x46")),
)  # fmt: skip
_TS_PACKETS = (188, 192)


@dataclass(frozen=True)
class Head:
    """The result of the first bytes: the container's family, None if unknown, and its kind.

    ``kind`` is the major brand of the MP4 family (four characters, empty for QuickTime files older
    than brands), the document type of the Matroska family, else empty. ``from_recorder``: a
    recorder's own format, which must be exported before others can read it.
    """

    family: str | None
    kind: str = ""
    from_recorder: bool = False

    @property
    def is_picture(self) -> bool:
        return self.family == "mov" and self.kind in _PICTURE_BRANDS


def read_head(path: Path) -> Head:
    """Recognize the container of a file."""
    with path.open("rb") as file:
        return recognise(file.read(HEAD_LENGTH))


def recognise(head: bytes) -> Head:
    """Recognize the container from these first bytes.

    Sources: ISO/IEC 14496-12 (boxes), RFC 8794 and RFC 9559 (EBML, Matroska), Microsoft's RIFF and
    ASF specifications, Adobe's FLV specification.
    """
    if head.startswith(_EBML_HEADER):
        at = head.find(_EBML_DOCTYPE)
        length = head[at + 2] & 0x7F if 0 <= at < len(head) - 2 else 0
        return Head("matroska", head[at + 3 : at + 3 + length].rstrip(b"\0").decode("latin-1"))
    if head[4:8] in _TOP_LEVEL_BOXES:
        brand = head[8:12].decode("latin-1") if head[4:8] == b"ftyp" else ""
        return Head("mov", brand)
    if head.startswith(b"RIFF") and head[8:11] == b"AVI":
        return Head("avi")
    if head.startswith(_ASF_HEADER):
        return Head("asf")
    if head.startswith(b"FLV"):
        return Head("flv")
    return Head(None, from_recorder=head.startswith(_RECORDERS) or _is_transport_stream(head))


def _is_transport_stream(head: bytes) -> bool:
    """Return whether packets of an MPEG transport stream follow each other (ISO/IEC 13818-1)."""
    return any(
        len(head) > 3 * length + 4
        and all(head[place * length + length % 188] == 0x47 for place in range(4))
        for length in _TS_PACKETS
    )


def short_format(demuxer: str, head: Head, codecs: set[str], filename: str | None) -> str:
    """Return the usual name of a container: mp4, m4v, mov, mkv, webm, avi, wmv or flv.

    ``demuxer`` is ffprobe's ``format_name``. The original file name decides only where the content
    permits several: a branded MP4 may be .mp4, .m4v or .mov, and Matroska with only WebM's codecs
    may be .webm.
    """
    suffix = PurePath(filename).suffix.lower() if filename else ""
    names = demuxer.split(",")
    if "mov" in names:
        if head.kind in ("", "qt  "):
            return "mov"
        return _MOV_FAMILY_SUFFIXES.get(suffix, "m4v" if head.kind in _M4V_BRANDS else "mp4")
    if "matroska" in names:
        may_be_webm = head.kind == "webm" or (suffix == ".webm" and codecs <= _WEBM_CODECS)
        return "webm" if may_be_webm else "mkv"
    return _BY_DEMUXER.get(names[0], names[0])
