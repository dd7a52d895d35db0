"""Where and when an upload was recorded, as its sender says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from vigint_web.clock import utcnow
from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.models import Site
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.videos.filenames import one_line

LONGEST_CAMERA = 200
# A clock may be a little ahead; a video of tomorrow is a typing error.
_AHEAD = timedelta(days=1)
_LONGEST = 40


@dataclass(frozen=True)
class Recording:
    """The camera and the time of the first picture; empty: not known."""

    camera: str = ""
    began: datetime | None = None
    # That of the site, in which names say the time.
    zone: ZoneInfo | None = None

    def name_of(self, name: str) -> str:
        """Return a name that says camera and time, and ends with the given one."""
        local = self.began.astimezone(self.zone) if self.began is not None else None
        parts = (self.camera, f"{local:%Y-%m-%d %H:%M}" if local is not None else "", name)
        return " – ".join(part for part in parts if part)


def read_recording(site: Site, camera: str, recorded_at: str) -> Recording:
    """Return what a sender says about a recording of a site.

    A time without an offset is read on the clock of the site; of an hour that occurs twice, the
    first is meant.

    Raises:
        Invalid: every mistake at once.
    """
    camera, text, mistakes = one_line(camera), recorded_at.strip(), []
    if len(camera) > LONGEST_CAMERA:
        mistakes.append(Mistake(MistakeCode.TOO_LONG, "camera", {"most": LONGEST_CAMERA}))
    began = _moment(text, zone_of(site)) if text else None
    if text and began is None:
        mistakes.append(Mistake(MistakeCode.NOT_A_LOCAL_TIME, "recorded_at"))
    if began is not None and began > utcnow() + _AHEAD:
        mistakes.append(Mistake(MistakeCode.RECORDED_IN_FUTURE, "recorded_at"))
    if mistakes:
        raise Invalid(mistakes)
    return Recording(camera, began, zone_of(site))


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if len(text) > _LONGEST:
        return None
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
