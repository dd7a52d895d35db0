"""Accepted passwords, and how they are stored."""

import unicodedata

import pytest
from argon2 import PasswordHasher

from vigint_web.errors import MistakeCode
from vigint_web.services.accounts import passwords

GOOD = "quatre mots sans rapport"


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "correct horse battery",
        "le cheval mange la lampe",
        "🐎🔋📎🧷🪣 et quelques mots",
        "мой пароль очень длинный",
        "h7Kq-92xPz.vB-41Lm",
        "x9 " * 5 + "et puis voilà",
        "w" + "".join(chr(0x4E00 + n * 7) for n in range(200)),
    ],
)
def test_length_counts_and_no_character_is_required(password: str) -> None:
    assert passwords.mistakes_in(password) == []


@pytest.mark.parametrize("password", ["", "short", "14 characters!", "x" * 257])
def test_too_short_and_too_long_are_refused(password: str) -> None:
    [mistake] = passwords.mistakes_in(password)
    assert mistake.code == MistakeCode.PASSWORD_LENGTH
    assert mistake.facts == {"least": 15, "most": 256}


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "123456789012345",
        "qwertyuiopasdfgh",
        "aaaaaaaaaaaaaaaaaaaa",
        "password1234567",
        "guard@example.com",
        "Guard@Example.COM",
        "vigintvigintvigint",
    ],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    context = ("guard@example.com", "guard", "example", "com")
    [mistake] = passwords.mistakes_in(password, context)
    assert mistake.code == MistakeCode.PASSWORD_GUESSABLE


def test_characters_are_counted_after_normalising() -> None:
    decomposed = unicodedata.normalize("NFD", "é" * 8)
    assert len(decomposed) == 16
    assert passwords.mistakes_in(decomposed), "eight characters, however they are spelled"


def test_one_password_in_two_spellings_is_one_password() -> None:
    composed, decomposed = (unicodedata.normalize(form, "élève café ﬁn") for form in ("NFC", "NFD"))
    kept = passwords.hash_password(composed)
    assert passwords.verify(kept, decomposed)
    assert passwords.verify(passwords.hash_password(decomposed), composed)
    assert passwords.verify(kept, "élève café fin"), "a ligature is its letters"


def test_what_was_hashed_before_passwords_were_normalised_still_opens() -> None:
    decomposed = unicodedata.normalize("NFD", "élève de terminale")
    old = PasswordHasher().hash(decomposed)
    assert passwords.verify(old, decomposed)
    assert not passwords.verify(old, "élève de terminal")
    assert passwords.is_outdated(old, decomposed), "it is hashed anew, normalised"
    assert not passwords.is_outdated(passwords.hash_password(decomposed), decomposed)


def test_weaker_parameters_are_outdated() -> None:
    assert passwords.is_outdated(PasswordHasher(time_cost=1).hash(GOOD), GOOD)
    assert not passwords.is_outdated(passwords.hash_password(GOOD), GOOD)


@pytest.mark.parametrize("kept", [None, "", "!", "$argon2id$damaged"])
def test_nothing_opens_where_there_is_no_hash(kept: str | None) -> None:
    assert not passwords.verify(kept, GOOD)
    assert not passwords.verify(kept, "!")
    assert not passwords.verify(kept, "lone \ud800 surrogate")


def test_no_account_costs_what_an_account_does() -> None:
    assert not passwords._hasher.check_needs_rehash(passwords._NO_PASSWORD)
    assert not passwords._matches(passwords._NO_PASSWORD, GOOD), "it is a hash, of nothing known"


def test_generated_passwords_pass() -> None:
    assert all(passwords.mistakes_in(passwords.generate_password()) == [] for _ in range(20))
