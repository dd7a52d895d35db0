"""Show and print the log of a site's night; set when it is mailed."""

import re
from dataclasses import dataclass, field
from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.clock import utcnow
from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.http.pages.paging import asked_day, asked_number
from vigint_web.http.security.identity import actor, can
from vigint_web.i18n.refusals import error_sentence
from vigint_web.mail.logbook import words_of_night
from vigint_web.models import LogbookSchedule, Site
from vigint_web.permissions import Permission
from vigint_web.services.accounts.sites import find_site, list_sites
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.logbook.nights import Hours, latest_night, night_of
from vigint_web.services.logbook.reading import read_night
from vigint_web.services.logbook.schedule import (
    clock,
    find_schedule,
    hours_of,
    set_schedule,
)

blueprint = Blueprint("logbook", __name__, url_prefix="/incidents/logbook")

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::\d\d)?")


@dataclass(frozen=True)
class _Form:
    """The settings as they are shown: those in force, or refused ones with what is wrong."""

    begins: str
    ends: str
    mailed_at: str
    recipients: str
    mistakes: list[str] = field(default_factory=list)


@blueprint.get("/")
def index() -> str:
    """Show the log of a night: of the requested day, else the one under way or the last one."""
    known, wanted = list_sites(actor()), asked_number("site")
    site = next((one for one in known if one.id == wanted), known[0] if known else None)
    if site is None:
        return render_template("logbook/index.html", site=None, can_set=False)
    return _page(site, known)


@blueprint.post("/<int(max=2147483647):site_id>/schedule")
def save(site_id: int) -> Response | tuple[str, int]:
    """Set the hours of a site's nights, and who is mailed their logs."""
    site = find_site(actor(), site_id)
    begins, ends, mailed_at, recipients = (
        request.form.get(name, "")[:5000] for name in ("begins", "ends", "mailed_at", "recipients")
    )
    try:
        hours = Hours(_minutes(begins), _minutes(ends), _minutes(mailed_at))
        schedule = set_schedule(actor(), site_id, hours, recipients)
    except Invalid as error:
        form = _Form(begins, ends, mailed_at, recipients, [error_sentence(error)])
        return _page(site, list_sites(actor()), form), 422
    flash(
        _("Saved. The next log is mailed at %(time)s.", time=clock(hours.mailed_at))
        if schedule.recipients
        else _("Saved. The log of this site is not mailed."),
        "success",
    )
    return redirect(url_for("logbook.index", site=site_id))


def _page(site: Site, known: list[Site], form: _Form | None = None) -> str:
    zone, now = zone_of(site), utcnow()
    schedule = find_schedule(site.id)
    hours = hours_of(schedule)
    last, day = latest_night(now, hours, zone), asked_day("night")
    night = last if day is None or day > last.day else night_of(day, hours, zone)
    found = read_night(actor(), site, night)
    return render_template(
        "logbook/index.html",
        site=site,
        sites=[(str(one.id), one.name) for one in known],
        night=night,
        log=words_of_night(found),
        is_under_way=night.end > now,
        before=night.day - timedelta(days=1),
        after=night.day + timedelta(days=1) if night.day < last.day else None,
        form=form or _form_of(schedule, hours),
        is_mailed=schedule is not None and bool(schedule.recipients),
        mailed_at=clock(hours.mailed_at),
        can_set=can(Permission.MANAGE_REVIEW),
        printed=now,
    )


def _form_of(schedule: LogbookSchedule | None, hours: Hours) -> _Form:
    addresses = "\n".join(schedule.recipients) if schedule is not None else ""
    return _Form(clock(hours.begins), clock(hours.ends), clock(hours.mailed_at), addresses)


def _minutes(text: str) -> int:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise Invalid([Mistake(MistakeCode.NOT_A_TIME, "begins")])
    return 60 * int(found[1]) + int(found[2])
