"""The typographic rules: computed texts follow them, and violations are detected."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigint_web.i18n import formats
from vigint_web.i18n.typography import first_of_month, mistakes, unbroken

_READ_ONLY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
_MOMENTS = st.integers(631_152_000, 2_145_830_400).map(  # 1990 to 2037
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Supprimer\u202f?", "Supprimer ?"),
        ("Supprimer\u202f?", "Supprimer?"),
        ("Envoi\u00a0:", "Envoi :"),
        ("Envoi\u00a0:", "Envoi:"),
        ("«\u00a0Prête\u00a0»", "«\u00a0Prête »"),
        ("d’eux\u202f; et", "d’eux ; et"),
        ("«\u00a0vigint up\u00a0»", "“vigint up”"),
        ("«\u00a0vigint up\u00a0»", '"vigint up"'),
        ("l’envoi", "l'envoi"),
        ("Un instant…", "Un instant..."),
        ("50\u00a0%%", "50 %%"),
        ("deux mots", "deux  mots"),
        ("Prête.", "Prête ."),
        ("12\u00a0h", "12 h "),
        ("12\u00a0h", "12 h"),
        ("1er décembre", "1 décembre"),
        ("11 décembre", "1 déc. 2026"),
        ("0,92", "0.92"),
        ("2,3\u00a0Mo", "2,3 Mo"),
        ("2,3\u00a0Mo", "2,3\u00a0MB"),
        ("2,3\u00a0ko", "2,3\u00a0Ko"),
        ("640\u00a0×\u00a0480", "640x480"),
        ("640\u00a0×\u00a0480", "640 × 480"),
        ("%(number)s\u00a0Hz, %(count)d jours", "25 Hz"),
        ("tus 1.0.0", "version 1.0"),
    ],
)
def test_the_rules_of_french_find_what_they_are_for(right: str, wrong: str) -> None:
    assert mistakes(right, "fr") == []
    assert mistakes(wrong, "fr") != []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("the server’s disk", "the server's disk"),
        ("“vigint up”", '"vigint up"'),
        ("Wait…", "Wait..."),
        ("Ready.", "Ready ."),
        ("two words", "two  words"),
        ("704 × 576 pixels", "704x576 pixels"),
    ],
)
def test_the_rules_of_english_find_what_they_are_for(right: str, wrong: str) -> None:
    assert mistakes(right, "en") == []
    assert mistakes(wrong, "en") != []


@given(st.dates())
def test_only_the_first_of_a_month_is_an_ordinal(day: date) -> None:
    for month in ("janvier", "févr.", "août", "décembre"):
        phrase = first_of_month(f"le {day.day} {month} {day.year:04d}")
        assert phrase.startswith("le 1er " if day.day == 1 else f"le {day.day} ")
        assert first_of_month(phrase) == phrase


@_READ_ONLY
@given(
    moment=_MOMENTS,
    seconds=st.floats(0, 1e6),
    size=st.integers(0, 10**15),
    share=st.floats(0, 1),
    width=st.integers(1, 20_000),
    away=st.integers(-(10**9), 10**9),
)
def test_whatever_is_computed_follows_the_rules(
    app: Flask, moment: datetime, seconds: float, size: int, share: float, width: int, away: int
) -> None:
    for locale in ("fr", "en"):
        with force_locale(locale):
            texts = [
                formats.date_and_time(moment),
                formats.date_and_minute(moment),
                formats.day(moment),
                formats.long_day(moment.date()),
                formats.short_day(moment.date()),
                formats.day_and_minute(moment, formats.reader_zone()),
                formats.day_and_second(moment, formats.reader_zone()),
                formats.end_of_span(moment + timedelta(seconds=seconds), moment),
                formats.duration(seconds),
                formats.part_of(seconds / 2, seconds),
                formats.file_size(size),
                formats.share(share),
                formats.number(size),
                formats.resolution(f"{width}x{width}"),
                formats.ago(moment + timedelta(seconds=away), moment),
            ]
        wrong = {text: mistakes(text, locale) for text in texts}
        assert {text: rules for text, rules in wrong.items() if rules} == {}


@_READ_ONLY
@given(start=st.floats(0, 10_000), length=st.floats(0, 10_000))
def test_both_ends_of_a_part_have_seconds_or_neither(
    app: Flask, start: float, length: float
) -> None:
    with force_locale("fr"):
        first, last = formats.part_of(start, start + length).split(" – ")
    assert (":" in first) == (":" in last)
    assert first.endswith("s") == last.endswith("s")


@_READ_ONLY
@given(start=_MOMENTS, seconds=st.integers(0, 200_000))
def test_both_ends_of_a_span_are_to_the_second(app: Flask, start: datetime, seconds: int) -> None:
    end = start + timedelta(seconds=seconds)
    with force_locale("fr"):
        first, last = formats.date_and_time(start), formats.end_of_span(end, start)
        days = [text.rpartition(",")[0] for text in (first, formats.date_and_time(end))]
    assert first.count(":") == last.count(":") == 2
    assert (" " in last) == (days[0] != days[1]), "the date stands only where it is another"


@pytest.mark.parametrize("written", [None, "", "x", "640", "640x", "axb"])
def test_a_size_that_is_not_known_is_a_dash(written: str | None) -> None:
    assert formats.resolution(written) == "–"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("un e-mail, des e-mails", "un e\u2011mail, des e\u2011mails"),
        ("E-mail address", "E\u2011mail address"),
        ("une-mailing, rendez-vous, e-mai", "une-mailing, rendez-vous, e-mai"),
    ],
)
def test_no_line_ends_within_e_mail(written: str, shown: str) -> None:
    assert unbroken(written) == shown


_TEMPLATE = (
    '{{ _("This is not an e-mail address.") }} {{ _("Confirmed by %(who)s", who="my e-mail") }}'
    '{{ ngettext("%(num)d e-mail", "%(num)d e-mails", 2) }}'
)


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_pages_show_every_text_unbroken(app: Flask, locale: str) -> None:
    with app.test_request_context(), force_locale(locale):
        page = app.jinja_env.from_string(_TEMPLATE).render()
        text = app.jinja_env.from_string(
            "{% autoescape false %}" + _TEMPLATE + "{% endautoescape %}"
        ).render()
    assert page.count("e\u2011mail") == 2
    assert "my e-mail" in page, "what a person wrote stays as it is"
    assert "\u2011" not in text, "the text part of a mail"
