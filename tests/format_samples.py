"""Files of real cameras, phones and editors: containers, codecs and their oddities.

Every sample lasts three seconds. Its corners are red, green, blue and yellow, clockwise from the
upper left as displayed; at one second its middle turns white for a fifth of a second while a tone
sounds.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from vigint_web.media.rendition import Plan

SECONDS = 3
FLASH_AT = 1.0
FLASH_SECONDS = 0.2
RATE = 25
# Clockwise from the upper left.
CORNERS = {"red": (220, 30, 30), "green": (30, 160, 30), "yellow": (220, 220, 30),
           "blue": (30, 30, 220)}  # fmt: skip

_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
_VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")
_AV1 = ("-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=2")
_MPEG4 = ("-c:v", "mpeg4", "-q:v", "3")
_XVID = ("-c:v", "mpeg4", "-vtag", "XVID", "-bf", "2", "-q:v", "3")
_MSMPEG4 = ("-c:v", "msmpeg4", "-q:v", "3")
_WMV2 = ("-c:v", "wmv2", "-q:v", "3")
_WMV1 = ("-c:v", "wmv1", "-q:v", "3")
_FLV1 = ("-c:v", "flv", "-q:v", "3")
_MJPEG = ("-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p")

_BT2020 = ("-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_range", "tv")

_AAC = ("-c:a", "aac")
_MP3 = ("-c:a", "libmp3lame", "-ar", "44100")
_PCM = ("-c:a", "pcm_s16le")
_AC3 = ("-c:a", "ac3")
_OPUS = ("-c:a", "libopus")
_VORBIS = ("-c:a", "libvorbis")
_WMA = ("-c:a", "wmav2")
_SILENT = ("-an",)

ORIGINAL, REMUX, TRANSCODE = Plan.ORIGINAL, Plan.REMUX, Plan.TRANSCODE


@dataclass(frozen=True)
class Format:
    """One kind of file, and its expected facts.

    ``size`` is as displayed, of square pixels; ``filters`` come before the encoder, ``turn`` is the
    container's rotation for players, in degrees clockwise.
    """

    name: str
    video: tuple[str, ...]
    audio: tuple[str, ...]
    codec: str
    audio_codec: str | None
    plan: Plan
    size: tuple[int, int] = (320, 180)
    coded: tuple[int, int] = (320, 180)
    filters: str = ""
    turn: int = 0
    sample: bool = False
    colour_error: int = 30

    @property
    def short(self) -> str:
        """The container's name, as the file's suffix has it."""
        return self.name.rpartition(".")[2]


FORMATS = [
    Format("h264-aac.mp4", _X264, _AAC, "h264", "aac", ORIGINAL, sample=True),
    Format("h264-mp3.mp4", _X264, _MP3, "h264", "mp3", ORIGINAL),
    Format("h264-ac3.mp4", _X264, _AC3, "h264", "ac3", REMUX),
    Format("h264-silent.mp4", _X264, _SILENT, "h264", None, ORIGINAL),
    Format("h264-index-first.mp4", (*_X264, "-movflags", "+faststart"), _AAC, "h264", "aac",
           ORIGINAL),
    Format("h264-pieces.mp4", (*_X264, "-movflags", "frag_keyframe+empty_moov"), _AAC, "h264",
           "aac", ORIGINAL),
    Format("hevc-aac.mp4", (*_X265, "-tag:v", "hvc1"), _AAC, "hevc", "aac", TRANSCODE, sample=True),
    Format("mpeg4-aac.mp4", _MPEG4, _AAC, "mpeg4", "aac", TRANSCODE),
    Format("vp9-opus.mp4", _VP9, _OPUS, "vp9", "opus", TRANSCODE),
    Format("av1-aac.mp4", _AV1, _AAC, "av1", "aac", TRANSCODE),
    Format("mjpeg-aac.mp4", _MJPEG, _AAC, "mjpeg", "aac", TRANSCODE),
    Format("h264-aac.m4v", _X264, _AAC, "h264", "aac", ORIGINAL),
    Format("mpeg4-aac.m4v", _MPEG4, _AAC, "mpeg4", "aac", TRANSCODE),
    Format("h264-pcm.mov", _X264, _PCM, "h264", "pcm_s16le", REMUX, sample=True),
    Format("h264-aac.mov", _X264, _AAC, "h264", "aac", REMUX),
    Format("hevc-aac.mov", (*_X265, "-tag:v", "hvc1"), _AAC, "hevc", "aac", TRANSCODE),
    Format("mjpeg-pcm.mov", _MJPEG, _PCM, "mjpeg", "pcm_s16le", TRANSCODE),
    Format("mpeg4-pcm.mov", _MPEG4, _PCM, "mpeg4", "pcm_s16le", TRANSCODE),
    Format("prores-pcm.mov", ("-c:v", "prores_ks", "-profile:v", "0"), _PCM, "prores",
           "pcm_s16le", TRANSCODE),
    Format("h264-aac.mkv", _X264, _AAC, "h264", "aac", REMUX),
    Format("h264-vorbis.mkv", _X264, _VORBIS, "h264", "vorbis", REMUX),
    Format("h264-ac3.mkv", _X264, _AC3, "h264", "ac3", REMUX),
    Format("h264-silent.mkv", _X264, _SILENT, "h264", None, REMUX),
    Format("hevc-ac3.mkv", _X265, _AC3, "hevc", "ac3", TRANSCODE),
    Format("mpeg4-mp3.mkv", _MPEG4, _MP3, "mpeg4", "mp3", TRANSCODE),
    Format("mjpeg-pcm.mkv", _MJPEG, _PCM, "mjpeg", "pcm_s16le", TRANSCODE),
    Format("vp9-opus.mkv", _VP9, _OPUS, "vp9", "opus", TRANSCODE),
    Format("av1-opus.mkv", _AV1, _OPUS, "av1", "opus", TRANSCODE),
    Format("vp8-vorbis.webm", _VP8, _VORBIS, "vp8", "vorbis", TRANSCODE, sample=True),
    Format("vp9-opus.webm", _VP9, _OPUS, "vp9", "opus", TRANSCODE),
    Format("av1-opus.webm", _AV1, _OPUS, "av1", "opus", TRANSCODE),
    Format("vp8-recorded-live.webm", (*_VP8, "-live", "1"), _OPUS, "vp8", "opus", TRANSCODE),
    Format("mpeg4-mp3.avi", _MPEG4, _MP3, "mpeg4", "mp3", TRANSCODE),
    Format("xvid-mp3.avi", _XVID, _MP3, "mpeg4", "mp3", TRANSCODE, sample=True),
    Format("msmpeg4-mp3.avi", _MSMPEG4, _MP3, "msmpeg4v3", "mp3", TRANSCODE),
    Format("mjpeg-pcm.avi", _MJPEG, _PCM, "mjpeg", "pcm_s16le", TRANSCODE),
    Format("h264-mp3.avi", (*_X264, "-bf", "0"), _MP3, "h264", "mp3", REMUX),
    Format("h264-reordered.avi", (*_X264, "-preset", "medium"), _AC3, "h264", "ac3", TRANSCODE),
    Format("mpeg4-silent.avi", _MPEG4, _SILENT, "mpeg4", None, TRANSCODE),
    Format("wmv2-wma.wmv", _WMV2, _WMA, "wmv2", "wmav2", TRANSCODE, sample=True),
    Format("wmv1-wma.wmv", _WMV1, _WMA, "wmv1", "wmav2", TRANSCODE),
    Format("msmpeg4-wma.wmv", _MSMPEG4, _WMA, "msmpeg4v3", "wmav2", TRANSCODE),
    Format("h264-aac.flv", _X264, (*_AAC, "-ar", "44100"), "h264", "aac", REMUX),
    Format("h264-mp3.flv", _X264, _MP3, "h264", "mp3", REMUX),
    Format("flv1-mp3.flv", _FLV1, _MP3, "flv1", "mp3", TRANSCODE),
    # Oddities.
    *(
        Format(f"phone-{turn}-{codec}.{suffix}", encoder, _AAC, codec, "aac", wanted,
               size=(320, 180) if turn == 180 else (180, 320), turn=turn,
               sample=(turn, codec, suffix) in {(90, "h264", "mp4"), (270, "hevc", "mov")})
        for codec, suffix, encoder, wanted in (
            ("h264", "mp4", _X264, ORIGINAL),
            ("h264", "mov", _X264, REMUX),
            ("hevc", "mov", (*_X265, "-tag:v", "hvc1"), TRANSCODE),
        )
        for turn in (90, 180, 270)
    ),
    Format("h264-10-bits.mp4", (*_X264, "-pix_fmt", "yuv420p10le"), _AAC, "h264", "aac", TRANSCODE),
    Format("hevc-10-bits.mkv", (*_X265, "-pix_fmt", "yuv420p10le"), _AAC, "hevc", "aac", TRANSCODE),
    Format("h264-422.mp4", (*_X264, "-pix_fmt", "yuv422p"), _AAC, "h264", "aac", TRANSCODE),
    Format("h264-444.mp4", (*_X264, "-pix_fmt", "yuv444p"), _AAC, "h264", "aac", TRANSCODE),
    Format("h264-full-range.mp4", (*_X264, "-pix_fmt", "yuvj420p"), _AAC, "h264", "aac", ORIGINAL),
    Format("woven.mp4", (*_X264, "-flags", "+ilme+ildct"), _AAC, "h264", "aac", TRANSCODE,
           filters="setfield=tff"),
    Format("hdr-pq.mp4", (*_X265, "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", *_BT2020,
           "-color_trc", "smpte2084"), _AAC, "hevc", "aac", TRANSCODE,
           filters="format=gbrp,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr,"
           "zscale=t=linear:npl=203,format=gbrpf32le,"
           "zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=limited,format=yuv420p10le",
           colour_error=70),
    Format("hdr-hlg.mov", (*_X265, "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", *_BT2020,
           "-color_trc", "arib-std-b67"), _AAC, "hevc", "aac", TRANSCODE,
           filters="format=gbrp,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr,"
           "zscale=t=linear:npl=203,format=gbrpf32le,"
           "zscale=p=bt2020:t=arib-std-b67:m=bt2020nc:r=limited,format=yuv420p10le",
           colour_error=70),
    Format("tall-rgb.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp"), _SILENT, "ffv1", None, TRANSCODE,
           size=(1280, 720), coded=(1280, 720)),
    Format("odd.avi", _MPEG4, _MP3, "mpeg4", "mp3", TRANSCODE, size=(320, 180), coded=(321, 181)),
    Format("odd.mkv", ("-c:v", "ffv1"), _PCM, "ffv1", "pcm_s16le", TRANSCODE, size=(320, 180),
           coded=(321, 181)),
    Format("wide-pixels.mp4", _X264, _AAC, "h264", "aac", ORIGINAL, size=(426, 180),
           filters="setsar=4/3"),
    Format("wide-pixels.avi", (*_MPEG4, "-aspect", "64:27"), _MP3, "mpeg4", "mp3", TRANSCODE,
           size=(426, 180), filters="setsar=4/3"),
    Format("uneven.mkv", (*_X264, "-fps_mode", "vfr", "-enc_time_base", "1/1000"), _AAC, "h264",
           "aac", REMUX, filters="settb=1/1000,select='not(between(mod(n,10),6,9))'", sample=True),
    Format("uneven-vp9.webm", (*_VP9, "-fps_mode", "vfr", "-enc_time_base", "1/1000"), _OPUS,
           "vp9", "opus", TRANSCODE, filters="settb=1/1000,select='not(between(mod(n,10),6,9))'"),
    Format("six-channels.mkv", _X264, ("-c:a", "ac3", "-ac", "6"), "h264", "ac3", REMUX),
    Format("fine-sound.mov", _X264, ("-c:a", "pcm_s24le", "-ar", "96000"), "h264", "pcm_s24le",
           REMUX),
]  # fmt: skip

SAMPLES = [form for form in FORMATS if form.sample]


def make(form: Format, folder: Path) -> Path:
    """Write one sample."""
    path = folder / form.name
    upright = folder / f"upright-{form.name}" if form.turn else path
    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y"]
    command += ["-f", "lavfi", "-i", _picture(form)]
    if form.audio != _SILENT:
        command += ["-f", "lavfi", "-i", _tone()]
    command += [*form.video, *form.audio, "-t", str(SECONDS), str(upright)]
    _run(command)
    if form.turn:
        # The option counts counter-clockwise.
        turned = ["-display_rotation:v", str(-form.turn), "-i", str(upright), "-c", "copy"]
        if form.codec == "hevc":
            turned += ["-tag:v", "hvc1"]
        _run([get_ffmpeg_exe(), "-v", "error", "-y", *turned, str(path)])
        upright.unlink()
    return path


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _picture(form: Format) -> str:
    """Return the graph of a picture that is upright after the rotation."""
    width, height = form.coded
    if form.turn in (90, 270):
        width, height = height, width
    across, down = width // 2, height // 2
    places = [(0, 0), (across, 0), (across, down), (0, down)]
    boxes = ",".join(
        f"drawbox={x}:{y}:{width - across + 1}:{height - down + 1}"
        f":0x{red:02x}{green:02x}{blue:02x}:fill"
        for (x, y), (red, green, blue) in zip(places, CORNERS.values(), strict=True)
    )
    flash = f"between(t,{FLASH_AT - 0.001},{FLASH_AT + FLASH_SECONDS - 0.001})"
    white = f"drawbox={width // 4}:{height // 4}:{across}:{down}:white:fill:enable='{flash}'"
    graph = f"color=black:size={width}x{height}:rate={RATE}:duration={SECONDS},format=gbrp"
    graph += f",{boxes},{white}"
    graph += {0: "", 90: ",transpose=cclock", 180: ",hflip,vflip", 270: ",transpose=clock"}[
        form.turn
    ]
    return f"{graph},{form.filters}" if form.filters else graph


def _tone() -> str:
    loud = f"between(t,{FLASH_AT},{FLASH_AT + FLASH_SECONDS})"
    return f"aevalsrc='0.5*sin(2*PI*1000*t)*{loud}':sample_rate=48000:duration={SECONDS}"
