"""The author of an action on pages: no label of the code reaches a reader."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

import vigint_web
from vigint_web.i18n.sentences import author_words
from vigint_web.models import ApiKey
from vigint_web.services.core.actors import SYSTEM, as_key, command_line

_NAMED = re.compile(r'command_line\("([^"]+)"\)')


def _labels() -> set[str]:
    """Return the labels of all actors that are no person."""
    folder = Path(vigint_web.__file__).parent
    found = {
        name
        for path in folder.rglob("*.py")
        for name in _NAMED.findall(path.read_text(encoding="utf-8"))
    }
    assert found, "the calls cannot be read"
    return {*found, command_line().label, SYSTEM.label, as_key(ApiKey(prefix="vgk_x")).label}


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_every_actor_that_is_no_person_has_words(app: Flask, locale: str) -> None:
    with app.test_request_context(), force_locale(locale):
        for label in _labels():
            assert author_words(label) != label, f"readers see the label {label!r}"
        assert author_words("a@example.com") == "a@example.com"
