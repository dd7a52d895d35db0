"""Choose the language and the time zone of an answer."""

from flask import Flask, g, has_request_context, request, session
from flask_babel import get_locale
from flask_login import current_user

from vigint_web.config import LOCALES, Config
from vigint_web.extensions import babel


def set_up_locale(app: Flask, config: Config) -> None:
    """Tell Flask-Babel how to choose."""

    def choose() -> str:
        if not has_request_context():
            return config.default_locale
        if request.path.startswith(("/api/", "/stream/")):
            # Programs read the code; their developers read English unless they say otherwise.
            return request.accept_languages.best_match(LOCALES) or "en"
        chosen = session.get("locale")
        if chosen in LOCALES:
            return str(chosen)
        # Who asks is in the database; an error page must not ask it again.
        known = not g.get("database_down") and current_user.is_authenticated
        if known and current_user.locale in LOCALES:
            return str(current_user.locale)
        return request.accept_languages.best_match(LOCALES) or config.default_locale

    app.config["BABEL_DEFAULT_LOCALE"] = "en"  # the language of the message ids
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    babel.init_app(app, locale_selector=choose, timezone_selector=lambda: config.timezone.key)
    app.jinja_env.globals["current_locale"] = lambda: str(get_locale())
