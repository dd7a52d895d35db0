"""Preserve colours in re-encoded pictures: HDR for screens without it, and RGB."""

import logging
from collections.abc import Sequence
from typing import Any

from vigint_web.media.probe import Probe
from vigint_web.media.tools import Tool, has_filters

log = logging.getLogger(__name__)

# Transfer functions of HDR: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67), as ffprobe names them.
_HDR = {"smpte2084", "arib-std-b67"}
_NEEDED = ("zscale", "tonemap")
# The usual parameters of HDR; the first of each where a file has another or none.
_PRIMARIES = ("bt2020", "bt709", "smpte432")
_MATRICES = ("bt2020nc", "bt709")
# Nits of reference white in HDR (ITU-R BT.2408): it stays bright, brighter parts are compressed.
_WHITE = 203
# The values that scalers support, in ffprobe's names; ffmpeg 9 refuses all others.
_KNOWN_MATRICES = {"bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc", "gbr"}
_KNOWN_TRANSFERS = {
    "bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "linear", "iec61966-2-1",
    "iec61966-2-4", "bt2020-10", "bt2020-12", "smpte2084", "arib-std-b67",
}  # fmt: skip
_KNOWN_PRIMARIES = {
    "bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "bt2020", "smpte431", "smpte432",
}  # fmt: skip
_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr", "pal8")


def is_hdr(probe: Probe) -> bool:
    """Return whether a video's brightness exceeds that of ordinary screens."""
    return probe.colours.get("color_transfer") in _HDR


def colour_correction(probe: Probe) -> str | None:
    """Return a filter that corrects a video's colour metadata; None where it is usable.

    Values that are impossible (a matrix of RGB with another picture) or unknown count as missing,
    so that the picture looks as in players.
    """
    colours, corrected = probe.colours, {}
    matrix = colours.get("color_space")
    if matrix and (matrix not in _KNOWN_MATRICES or (matrix == "gbr" and not _is_rgb(probe))):
        corrected["colorspace"] = _usual_matrix(probe)
    if colours.get("color_transfer", "bt709") not in _KNOWN_TRANSFERS:
        corrected["color_trc"] = "bt709"
    if colours.get("color_primaries", "bt709") not in _KNOWN_PRIMARIES:
        corrected["color_primaries"] = "bt709"
    if not corrected:
        return None
    return "setparams=" + ":".join(f"{name}={value}" for name, value in corrected.items())


def correct_colours(video: Any, probe: Probe) -> Any:
    """Add the filter of `colour_correction` to a stream of ffmpeg-python's, where one is needed."""
    correction = colour_correction(probe)
    if correction is None:
        return video
    pairs = (part.split("=") for part in correction.partition("=")[2].split(":"))
    return video.filter("setparams", **dict(pairs))


def for_every_screen(video: Any, probe: Probe, width: int, height: int, tool: Tool) -> Any:
    """Add the filters that make a picture of this size, limited range, 4:2:0 with 8 bits.

    HDR is tone-mapped for ordinary screens, if the program can; RGB becomes BT.709 and is marked
    so, because browsers would guess by the height.
    """
    if is_hdr(probe):
        if has_filters(tool, *_NEEDED):
            return _tone_mapped(video, probe, width, height)
        log.warning("this ffmpeg lacks zscale or tonemap: HDR looks pale in the rendition")
    if _is_rgb(probe):
        video = video.filter(
            "scale", width, height, out_range="limited", out_color_matrix="bt709"
        ).filter("format", "yuv420p")
        named = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
        return video.filter("setparams", **named)
    return (
        video.filter("scale", **fitted(width, height), eval="frame", out_range="limited")
        .filter("format", "yuv420p")
        .filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2", eval="frame")
    )


def fitted(width: int, height: int) -> dict[str, str]:
    """Return a scale filter's size that fits in pictures, whose size may change within the file.

    A picture with the aspect ratio of the whole, except for a line, fills it.
    """
    alike = f"lte(abs({width}*ih-{height}*iw),2*max(iw,ih))"
    return {
        "w": f"if({alike},{width},2*trunc(min({width},{height}*iw/ih)/2))",
        "h": f"if({alike},{height},2*trunc(min({height},{width}*ih/iw)/2))",
    }


def _tone_mapped(video: Any, probe: Probe, width: int, height: int) -> Any:
    colours = probe.colours
    # Scaled first: the following filters compute in floating point, per pixel.
    video = video.filter("scale", width, height)
    # A combination that zscale does not support makes ffmpeg 5.1 retry for ever: pass none of the
    # file's values to it.
    video = video.filter(
        "setparams",
        color_trc=colours["color_transfer"],
        color_primaries=_known(colours.get("color_primaries"), _PRIMARIES),
        colorspace=_known(colours.get("color_space"), _MATRICES),
    )
    video = video.filter("zscale", transfer="linear", npl=_WHITE)
    video = video.filter("format", "gbrpf32le").filter("zscale", primaries="bt709")
    video = video.filter("tonemap", tonemap="mobius", desat=0)
    video = video.filter("zscale", transfer="bt709", matrix="bt709", range="limited")
    return video.filter("format", "yuv420p")


def _is_rgb(probe: Probe) -> bool:
    return (probe.pixel_format or "").startswith(_RGB)


def _usual_matrix(probe: Probe) -> str:
    # The guess of players for missing values.
    return "bt709" if min(probe.width, probe.height) >= 720 else "smpte170m"


def _known(word: str | None, known: Sequence[str]) -> str:
    return word if word is not None and word in known else known[0]
