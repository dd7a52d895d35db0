"""Describe what a shorter retention would delete, and when."""

from dataclasses import dataclass

import flask_babel

from vigint_web.blueprints.pages.dashboard.words import ngettext
from vigint_web.clock import utcnow
from vigint_web.i18n.formats import date_and_minute
from vigint_web.i18n.formats import number as written
from vigint_web.i18n.retention import days_words, more_losses, no_losses, video_losses
from vigint_web.services.retention.changes import Moving, Waiting
from vigint_web.services.videos.retention_rules import Days, Setting


def _(message: str, **named: object) -> str:
    return str(flask_babel.gettext(message, **named))


@dataclass(frozen=True)
class Notice:
    """A pending shorter retention, as shown to an administrator."""

    setting: str
    days: Days
    title: str
    sentences: tuple[str, ...]
    losses: str
    is_declined: bool
    # Machines disagree: it cannot be decided.
    is_blocked: bool


def waiting_notice(waiting: Waiting) -> Notice:
    """Return the notice for administrators, with the counts of the whole installation."""
    losses = _losses(waiting)
    return Notice(
        setting=waiting.setting.value,
        days=waiting.proposal.days,
        title=_title(waiting.setting),
        sentences=(_changed(waiting), losses, _outlook(waiting)),
        losses=losses,
        is_declined=waiting.proposal.declined,
        is_blocked=bool(waiting.opinions),
    )


def effect_notice(waiting: Waiting) -> str | None:
    """Return the notice for all other users: the effect on them, without counts of other sites."""
    if waiting.setting == Setting.LOG or waiting.proposal.declined or waiting.opinions:
        return None
    named = {
        "time": date_and_minute(utcnow() + waiting.proposal.remaining),
        "days": days_words(waiting.proposal.days),
    }
    if waiting.setting == Setting.SOURCES:
        return _(
            "From %(time)s on, sources are kept for %(days)s only. Tell an administrator if older"
            " ones are still needed.",
            **named,
        )
    return _(
        "From %(time)s on, videos of incidents are kept for %(days)s only. Tell an administrator if"
        " older ones are still needed.",
        **named,
    )


def progress_line(moving: Moving) -> str:
    """Return the progress of moving the stored dates after a change of the retention."""
    return ngettext(
        "The dates of deletion follow [Retention] %(key)s: %(count)s video so far.",
        "The dates of deletion follow [Retention] %(key)s: %(count)s videos so far.",
        moving.videos,
        key=moving.setting.value,
        count=written(moving.videos),
    )


def _title(setting: Setting) -> str:
    return {
        Setting.INCIDENTS: _("Videos of incidents would be kept for a shorter time"),
        Setting.SOURCES: _("Sources would be kept for a shorter time"),
        Setting.LOG: _("Addresses of visitors would be kept for a shorter time"),
    }[setting]


def _changed(waiting: Waiting) -> str:
    return _(
        "[Retention] %(key)s in the configuration: %(new)s, instead of %(old)s.",
        key=waiting.setting.value,
        new=days_words(waiting.proposal.days),
        old=days_words(waiting.in_force),
    )


def _losses(waiting: Waiting) -> str:
    if waiting.setting != Setting.LOG:
        return video_losses(waiting.now, waiting.soon)
    sentences = []
    if waiting.now:
        sentences.append(_visits_now(waiting.now))
    if waiting.soon:
        sentences.append(more_losses(waiting.soon) if waiting.now else _visits_soon(waiting.soon))
    return " ".join(sentences) or no_losses()


def _visits_now(count: int) -> str:
    return ngettext(
        "The address of %(count)s visit would be erased at once.",
        "The addresses of %(count)s visits would be erased at once.",
        count,
        count=written(count),
    )


def _visits_soon(count: int) -> str:
    return ngettext(
        "The address of %(count)s visit would be erased within 7 days.",
        "The addresses of %(count)s visits would be erased within 7 days.",
        count,
        count=written(count),
    )


def _outlook(waiting: Waiting) -> str:
    if waiting.opinions:
        opinions = ", ".join(
            _("%(machine)s: %(days)s", machine=machine, days=days_words(days))
            for machine, days in waiting.opinions.items()
        )
        return _(
            "The machines read different values (%(opinions)s). Nothing is deleted earlier "
            "until they agree: restart Vigint where the configuration is outdated.",
            opinions=opinions,
        )
    if waiting.proposal.declined:
        return _(
            "%(person)s chose to keep the previous retention: nothing is deleted earlier "
            "while the configuration stays as it is.",
            person=waiting.declined_by,
        )
    return _(
        "This takes effect on %(time)s, unless you decide earlier or the configuration is "
        "changed back.",
        time=date_and_minute(utcnow() + waiting.proposal.remaining),
    )
