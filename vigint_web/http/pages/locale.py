"""Choose the language and the time zone of an answer."""

from zoneinfo import ZoneInfo

from flask import Flask, g, has_request_context, request, session
from flask_babel import get_locale, get_timezone, get_translations, refresh
from flask_login import current_user
from jinja2 import pass_context
from jinja2.runtime import Context

from vigint_web.config.config import Config
from vigint_web.config.values import LOCALES
from vigint_web.extensions import babel
from vigint_web.http.base.logged_in import is_logged_in
from vigint_web.http.security.identity import actor
from vigint_web.i18n.timezones import is_zone
from vigint_web.i18n.typography import unbroken
from vigint_web.services.accounts.sites import common_zone

_FOR_PROGRAMS = ("/api/", "/stream/")
# A link's page is the same for all recipients: it uses the time zone of the place.
_PUBLIC = (*_FOR_PROGRAMS, "/video/")
_ZONE = "vigint_zone"


def use_zone(zone: ZoneInfo) -> None:
    """Show the times of this request in a site's zone, unless the reader chose one of their own."""
    setattr(g, _ZONE, zone.key)
    refresh()


def own_zone() -> str | None:
    """Return the zone that the logged-in reader of a page chose."""
    own = current_user.timezone if is_logged_in() else None
    if own is None or request.path.startswith(_PUBLIC):
        return None
    # An update may remove a name from the time zone database.
    return str(own) if is_zone(own) else None


# Sentences for programs, tables and the text parts of mails keep the hyphen of the catalogue.
def _of_page(context: Context, text: str) -> str:
    return unbroken(text) if context.eval_ctx.autoescape else text


@pass_context
def _text_of_template(context: Context, one: str) -> str:
    return _of_page(context, get_translations().ugettext(one))


@pass_context
def _number_of_template(context: Context, one: str, many: str, number: int) -> str:
    return _of_page(context, get_translations().ungettext(one, many, number))


def set_up_locale(app: Flask, config: Config) -> None:
    """Register the selectors with Flask-Babel."""

    def language() -> str:
        if not has_request_context():
            return config.default_locale
        if request.path.startswith(_FOR_PROGRAMS):
            # Programs read the code; their developers read English unless they request another
            # language.
            return request.accept_languages.best_match(LOCALES) or "en"
        if is_logged_in() and current_user.locale in LOCALES:
            return str(current_user.locale)
        chosen = session.get("locale")
        if chosen in LOCALES:
            return str(chosen)
        return request.accept_languages.best_match(LOCALES) or config.default_locale

    def zone() -> str:
        if not has_request_context():
            return config.timezone.key
        own = own_zone()
        if own is not None:
            return own
        of_page: str | None = g.get(_ZONE)
        if of_page is not None:
            return of_page
        if not is_logged_in() or request.path.startswith(_PUBLIC):
            return config.timezone.key
        return common_zone(actor()).key

    app.config["BABEL_DEFAULT_LOCALE"] = "en"  # the language of the message ids
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    babel.init_app(app, locale_selector=language, timezone_selector=zone)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of jinja2.ext.i18n
        gettext=_text_of_template, ngettext=_number_of_template, newstyle=True
    )
    app.jinja_env.filters["unbroken"] = unbroken
    app.jinja_env.globals.update(
        current_locale=lambda: str(get_locale()),
        current_zone=lambda: str(get_timezone()),
        shortcuts_on=lambda: not is_logged_in() or bool(current_user.shortcuts),
    )
