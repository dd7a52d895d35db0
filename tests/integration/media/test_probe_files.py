"""probe: facts of real files, and a reason for every other file."""

import os
import struct
from pathlib import Path

import pytest

from tests.integration.media.media_samples import AAC, BOTH_PROGRAMS, H264, MakeClip, picture, remux
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.probe import probe
from vigint_web.media.runner import Limits, Runner
from vigint_web.media.tools import Tool, Tools

MATRIX = [
    ("h264-aac.mp4", (*H264, *AAC), "mp4", "h264", "aac"),
    ("h264-aac.m4v", (*H264, *AAC, "-f", "ipod"), "m4v", "h264", "aac"),
    ("mjpeg-pcm.mov", ("-c:v", "mjpeg", "-c:a", "pcm_s16le"), "mov", "mjpeg", "pcm_s16le"),
    ("h264-opus.mkv", (*H264, "-c:a", "libopus"), "mkv", "h264", "opus"),
    ("vp8-vorbis.webm", ("-c:v", "libvpx", "-c:a", "libvorbis"), "webm", "vp8", "vorbis"),
    ("mpeg4-mp3.avi", ("-c:v", "mpeg4", "-c:a", "libmp3lame"), "avi", "mpeg4", "mp3"),
    ("wmv2-wmav2.wmv", ("-c:v", "wmv2", "-c:a", "wmav2"), "wmv", "wmv2", "wmav2"),
    ("flv1-mp3.flv", ("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"), "flv", "flv1", "mp3"),
]


@pytest.mark.parametrize(
    ("name", "options", "short", "codec", "audio"), MATRIX, ids=[row[0] for row in MATRIX]
)
def test_every_accepted_container(
    make_clip: MakeClip,
    runner: Runner,
    name: str,
    options: tuple[str, ...],
    short: str,
    codec: str,
    audio: str,
) -> None:
    path = make_clip(name, *options, sound=True)
    facts = probe(path, runner, filename=name)
    assert (facts.format, facts.codec, facts.audio_codec) == (short, codec, audio)
    assert facts.resolution == "160x120"
    assert facts.size == path.stat().st_size
    assert facts.duration == pytest.approx(1, abs=0.15)
    assert facts.fps == pytest.approx(25, abs=0.5)
    assert (facts.bitrate or 0) > 1000
    assert facts.audio_channels == 1
    assert facts.audio_sample_rate in (44_100, 48_000)
    assert facts.bit_depth == 8
    assert facts.raw["streams"]
    assert str(path.parent) not in repr(facts.raw)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_picture_has_the_size_it_is_shown_in(
    playable_clip: Path, runner: Runner, turn: int, tmp_path: Path
) -> None:
    # The option counts counter-clockwise.
    path = tmp_path / "turned.mp4"
    remux(playable_clip, path, "-display_rotation:v", str(-turn))
    facts = probe(path, runner)
    assert facts.rotation == turn
    assert facts.resolution == ("160x120" if turn == 180 else "120x160")


@BOTH_PROGRAMS
def test_a_length_that_no_header_tells_is_measured(make_clip: MakeClip, runner: Runner) -> None:
    path = make_clip("live.webm", "-c:v", "libvpx", "-live", "1")
    assert probe(path, runner).duration == pytest.approx(1, abs=0.1)


def test_ten_bits_and_interlacing_are_seen(make_clip: MakeClip, runner: Runner) -> None:
    deep = make_clip("deep.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p10le")
    facts = probe(deep, runner)
    assert (facts.bit_depth, facts.pixel_format) == (10, "yuv420p10le")
    woven = make_clip("woven.mp4", *H264, "-flags", "+ilme+ildct")
    assert probe(woven, runner).interlaced


def test_the_content_decides_and_not_the_name(playable_clip: Path, runner: Runner) -> None:
    assert probe(playable_clip, runner, filename="holiday.avi").format == "mp4"
    assert probe(playable_clip, runner, filename="holiday.MOV").format == "mov"


def refused(path: Path, runner: Runner) -> MediaErrorCode:
    with pytest.raises(MediaError) as caught:
        probe(path, runner, filename=path.name)
    assert str(path.parent) not in caught.value.detail
    return caught.value.code


@pytest.mark.parametrize(
    "content",
    [b"", b"hello, this is no video\n" * 100, picture(1), picture(1, kind="PNG"), b"\0" * 5000],
    ids=["empty", "text", "jpeg", "png", "zeros"],
)
def test_no_video(runner: Runner, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    assert refused(path, runner) is MediaErrorCode.NOT_A_VIDEO


@pytest.mark.parametrize("name", ["tone.m4a", "tone.mp3", "tone.mkv"])
def test_sound_alone_is_no_video(make_clip: MakeClip, runner: Runner, name: str) -> None:
    path = make_clip(name, "-map", "1:a", sound=True)
    assert refused(path, runner) is MediaErrorCode.NOT_A_VIDEO


def test_a_cover_picture_makes_no_video_of_a_song(make_clip: MakeClip, runner: Runner) -> None:
    options = ("-frames:v", "1", "-c:v", "mjpeg", "-disposition:v", "attached_pic", "-c:a", "aac")
    path = make_clip("cover.m4a", *options, sound=True)
    assert refused(path, runner) is MediaErrorCode.NOT_A_VIDEO


def test_cut_short_before_its_index_is_broken(
    playable_clip: Path, runner: Runner, tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(playable_clip.read_bytes()[:8000])
    assert refused(path, runner) is MediaErrorCode.BROKEN


@pytest.mark.parametrize("kind", ["mpegts", "h264", "hevc", "mpeg"])
def test_what_a_recorder_writes_for_itself_is_named(
    make_clip: MakeClip, runner: Runner, tmp_path: Path, kind: str
) -> None:
    codec = {"hevc": "libx265", "mpeg": "mpeg2video"}.get(kind, "libx264")
    written = make_clip(f"recorder.{kind}", "-c:v", codec, "-pix_fmt", "yuv420p", "-f", kind)
    path = tmp_path / "named.mp4"
    path.write_bytes(written.read_bytes())
    assert refused(path, runner) is MediaErrorCode.FROM_RECORDER
    path.write_bytes(b"DHAV" + os.urandom(5000))
    assert refused(path, runner) is MediaErrorCode.FROM_RECORDER


def test_a_known_beginning_and_nothing_after_is_broken(runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "head.mkv"
    path.write_bytes(b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska" + b"\xff" * 300)
    assert refused(path, runner) is MediaErrorCode.BROKEN


@BOTH_PROGRAMS
def test_too_many_pixels(make_clip: MakeClip, runner: Runner) -> None:
    source = "color=size=8200x4400:rate=1"
    huge = make_clip("huge.mkv", "-frames:v", "1", "-c:v", "mjpeg", source=source)
    assert refused(huge, runner) is MediaErrorCode.TOO_MANY_PIXELS


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile:{secret}\n#EXT-X-ENDLIST\n",
    "hls-http": "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
    "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    "<Period><AdaptationSet><Representation><BaseURL>file:{secret}</BaseURL>"
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\n",
}


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A file that must not be read: a process that opens it blocks until the time is over."""
    path = tmp_path / "secret.mp4"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".avi", ".mpd"])
def test_playlists_are_no_videos_and_open_no_other_file(
    tools: Tools, tmp_path: Path, watched: Path, kind: str, suffix: str
) -> None:
    path = tmp_path / f"list{suffix}"
    path.write_text(PLAYLISTS[kind].format(secret=watched))
    assert refused(path, Runner(tools)) is MediaErrorCode.NOT_A_VIDEO


def chunk(name: bytes, content: bytes) -> bytes:
    padding = b"\0" * (len(content) % 2)
    return name + struct.pack("<I", len(content)) + content + padding


def gab2_avi(secret: Path) -> bytes:
    """An AVI whose subtitle stream (GAB2) contains an HLS playlist that references another file."""
    playlist = PLAYLISTS["hls"].format(secret=secret).encode()
    title = "sub".encode("utf-16le")
    subtitle = b"GAB2\0" + struct.pack("<HI", 2, len(title)) + title
    subtitle += struct.pack("<HI", 4, len(playlist)) + playlist
    main = struct.pack("<14I", 40_000, 0, 0, 0x10, 1, 0, 1, 0, 160, 120, 0, 0, 0, 0)
    text = b"txts" + b"\0" * 16 + struct.pack("<7I", 1, 25, 0, 1, 0, 0, 0) + b"\0" * 8
    stream_list = chunk(b"LIST", b"strl" + chunk(b"strh", text) + chunk(b"strf", b""))
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + stream_list)
    body = header + chunk(b"LIST", b"movi" + chunk(b"00tx", subtitle))
    return chunk(b"RIFF", b"AVI " + body)


@BOTH_PROGRAMS
def test_an_avi_with_a_playlist_for_subtitles_opens_no_other_file(
    tools: Tools, tmp_path: Path, watched: Path
) -> None:
    path = tmp_path / "gab2.avi"
    path.write_bytes(gab2_avi(watched))
    assert refused(path, Runner(tools)) in (MediaErrorCode.NOT_A_VIDEO, MediaErrorCode.BROKEN)


def test_time_out_and_missing_programs_are_not_the_files_fault(
    playable_clip: Path, tmp_path: Path
) -> None:
    program = tmp_path / "slow"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    slow = Tool(program, "1", "test")
    gone = Tool(tmp_path / "gone", "1", "test")
    with pytest.raises(MediaError) as caught:
        probe(playable_clip, Runner(Tools(slow, slow), Limits(seconds=0.3)))
    assert caught.value.code is MediaErrorCode.TIMED_OUT
    with pytest.raises(MediaError) as caught:
        probe(playable_clip, Runner(Tools(gone, gone)))
    assert caught.value.code is MediaErrorCode.TOOL_FAILED
