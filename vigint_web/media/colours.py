"""Keep colours right where a picture is encoded anew: HDR for screens without it, and RGB."""

import logging
from collections.abc import Sequence
from typing import Any

from vigint_web.media.probe import Probe
from vigint_web.media.tools import Tool, has_filters

log = logging.getLogger(__name__)

# Transfer functions of HDR: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67), as ffprobe names them.
_HDR = {"smpte2084", "arib-std-b67"}
_NEEDED = ("zscale", "tonemap")
# What HDR is made with; the first of each where a file tells another or none.
_PRIMARIES = ("bt2020", "bt709", "smpte432")
_MATRICES = ("bt2020nc", "bt709")
# Nits of a white sheet in HDR (ITU-R BT.2408): it stays bright, what is brighter is fitted in.
_WHITE = 203
_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr", "pal8")


def is_hdr(probe: Probe) -> bool:
    """Tell whether a video's brightness goes beyond what ordinary screens show."""
    return probe.colours.get("color_transfer") in _HDR


def for_every_screen(video: Any, probe: Probe, width: int, height: int, tool: Tool) -> Any:
    """Add the filters that make a picture of this size, limited range, 4:2:0 with 8 bits.

    Brightness of HDR is fitted into that of ordinary screens, if the program can; RGB becomes
    BT.709 and says so, for browsers would guess by the height.
    """
    if is_hdr(probe):
        if has_filters(tool, *_NEEDED):
            return _tone_mapped(video, probe, width, height)
        log.warning("this ffmpeg lacks zscale or tonemap: HDR looks pale in the rendition")
    if (probe.pixel_format or "").startswith(_RGB):
        video = video.filter(
            "scale", width, height, out_range="limited", out_color_matrix="bt709"
        ).filter("format", "yuv420p")
        named = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
        return video.filter("setparams", **named)
    return video.filter("scale", width, height, out_range="limited").filter("format", "yuv420p")


def _tone_mapped(video: Any, probe: Probe, width: int, height: int) -> Any:
    told = probe.colours
    # Scaled first: what follows is done in floating point, pixel by pixel.
    video = video.filter("scale", width, height)
    # A combination that zscale does not know makes ffmpeg 5.1 try for ever: no such word of the
    # file's reaches it.
    video = video.filter(
        "setparams",
        color_trc=told["color_transfer"],
        color_primaries=_known(told.get("color_primaries"), _PRIMARIES),
        colorspace=_known(told.get("color_space"), _MATRICES),
    )
    video = video.filter("zscale", transfer="linear", npl=_WHITE)
    video = video.filter("format", "gbrpf32le").filter("zscale", primaries="bt709")
    video = video.filter("tonemap", tonemap="mobius", desat=0)
    video = video.filter("zscale", transfer="bt709", matrix="bt709", range="limited")
    return video.filter("format", "yuv420p")


def _known(word: str | None, known: Sequence[str]) -> str:
    return word if word is not None and word in known else known[0]
