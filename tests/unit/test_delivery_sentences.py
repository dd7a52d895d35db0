"""What is kept of a delivery is a code of ours, said in words, or another's words."""

import pytest
from flask import Flask
from flask_babel import force_locale

from vigint_web.i18n import deliveries
from vigint_web.i18n.deliveries import delivery_sentence


@pytest.mark.parametrize("code", deliveries._SENTENCES)
def test_every_code_is_a_sentence_in_both_languages(app: Flask, code: str) -> None:
    with app.app_context():
        with force_locale("en"):
            english = delivery_sentence(f"{code}:hooks.example.com:443")
        with force_locale("fr"):
            french = delivery_sentence(f"{code}:hooks.example.com:443")
    assert english not in {french, code}
    assert "%(" not in english + french
    if "%(fact)s" in str(deliveries._SENTENCES[code]):
        assert "hooks.example.com:443" in english
        assert "hooks.example.com:443" in french


@pytest.mark.parametrize(
    "kept",
    [
        "550 5.1.1 no such user",
        "TimeoutError: timed out",
        "The link was revoked or deleted before the mail could be sent.",
        "100 % full: %(fact)s",
    ],
)
def test_the_words_of_others_are_repeated(kept: str) -> None:
    assert delivery_sentence(kept) == kept


def test_who_is_not_mailed_is_said_as_everywhere(app: Flask) -> None:
    with app.app_context(), force_locale("fr"):
        assert "adresse e-mail" in delivery_sentence("not_an_address")


def test_nothing_kept_is_nothing_said() -> None:
    assert delivery_sentence(None) == delivery_sentence("") == ""
