"""Say for how long footage is kept, and what a shorter time would delete."""

import flask_babel

from vigint_web.i18n.formats import number as written


def _(message: str, **named: object) -> str:
    return str(flask_babel.gettext(message, **named))


def ngettext(one: str, many: str, number: int, **named: object) -> str:
    """Return the sentence for a number, typed as Flask-Babel leaves it untyped."""
    return str(flask_babel.ngettext(one, many, number, **named))


def days_words(days: int | None) -> str:
    """Return a time of keeping; None: without an end."""
    if days is None:
        return _("until they are deleted by hand")
    return ngettext("%(count)s day", "%(count)s days", days, count=written(days))


def video_losses(now: int, soon: int) -> str:
    """Return how many videos would be deleted at once, and how many more within a week."""
    sentences = []
    if now:
        sentences.append(
            ngettext(
                "%(count)s video would be deleted at once.",
                "%(count)s videos would be deleted at once.",
                now,
                count=written(now),
            )
        )
    if soon and now:
        sentences.append(more_losses(soon))
    elif soon:
        sentences.append(
            ngettext(
                "%(count)s video would be deleted within 7 days.",
                "%(count)s videos would be deleted within 7 days.",
                soon,
                count=written(soon),
            )
        )
    return " ".join(sentences) or no_losses()


def more_losses(soon: int) -> str:
    """Return how many more would follow within a week."""
    return ngettext(
        "%(count)s more would follow within 7 days.",
        "%(count)s more would follow within 7 days.",
        soon,
        count=written(soon),
    )


def no_losses() -> str:
    """Return that nothing would be deleted within a week."""
    return _("Nothing would be deleted within 7 days.")
