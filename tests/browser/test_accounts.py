"""From an invitation to a protected account, as the invited person."""

import re
import time
from dataclasses import dataclass

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Windows
from tests.functional.installation import Installation, read_mails, text_of
from tests.functional.processes import wait_until

CHOSEN = "quatre mots sans rapport"
FIRST_IS_WRONG = ("422", "401")


def _mailed_link(vigint: Installation, email: str) -> str:
    """Return the link of the last mail to an address; it is a secret from then on."""
    found: list[str] = []

    def came() -> bool:
        mails = [mail for mail in read_mails(vigint.data_dir / "outbox") if mail["To"] == email]
        found[:] = [
            link
            for mail in mails
            for link in re.findall(r"http\S+/password/set\?token=\S+", text_of(mail))
        ]
        return bool(found)

    wait_until(came, f"the mail to {email}")
    token = found[-1].partition("token=")[2]
    vigint.secrets.add(token)
    return f"/password/set?token={token}"


def _log_in(page: Page, email: str, password: str) -> None:
    page.goto("/login")
    page.fill("#email", email)
    page.fill("#password", password)
    page.press("#password", "Enter")


@dataclass
class Phone:
    """An authenticator application, whose codes are used once each."""

    secret: str
    _used: int = 0

    def code(self) -> str:
        """Return the next unused code; it is valid for a step of 30 seconds.

        A code of the previous step may expire while it is typed.
        """

        def now() -> int:
            return int(time.time()) // 30

        step = max(self._used + 1, now())
        wait_until(lambda: step <= now() + 1, "the next code")
        self._used = step
        return pyotp.TOTP(self.secret).generate_otp(step)


@pytest.fixture
def invited(vigint: Installation, window: Windows, request: pytest.FixtureRequest) -> str:
    """Provide the address of a person invited by the form."""
    name = re.sub(r"[^a-z]+", "-", request.node.originalname)[-40:]
    email = f"{name}@example.com"
    admin = window(logged_in=True)
    admin.goto("/people/invite/")
    admin.fill("#email", email)
    admin.get_by_label("Opérateur").check()
    admin.locator("main form button[type=submit]").click()
    # Without a mail server the link to pass on is in the answer.
    shown = admin.input_value("#account-link")
    vigint.secrets.update({shown.partition("token=")[2], CHOSEN})
    admin.get_by_role("link", name="Retour").click()
    expect(admin.locator("h1")).to_have_text(email)
    return email


def test_an_invited_person_sets_a_guarded_account_up(
    vigint: Installation, window: Windows, invited: str
) -> None:
    page = window(expected=FIRST_IS_WRONG)
    page.goto(_mailed_link(vigint, invited))
    assert "token" not in page.url, "the visible address contains no token"
    page.fill("#new", "trop court")
    page.fill("#repeated", "trop court")
    page.press("#repeated", "Enter")
    expect(page.locator(".field-error")).to_contain_text("15")
    page.fill("#new", CHOSEN)
    page.fill("#repeated", CHOSEN)
    page.press("#repeated", "Enter")
    page.wait_for_url("**/login")
    _log_in(page, invited, CHOSEN)
    page.wait_for_url(re.compile(r"/$"))

    page.goto("/account/security")
    page.get_by_role("link", name="Activer la double authentification").click()
    page.fill("#password", CHOSEN)
    page.get_by_role("button", name="Commencer").click()
    drawing = page.locator(".qr svg")
    expect(drawing).to_be_visible()
    box = drawing.bounding_box()
    assert box is not None
    assert box["width"] > 120, "telephones read it from the screen"
    phone = Phone(page.inner_text("#totp-key"))
    vigint.secrets.add(phone.secret)
    page.fill("#code", phone.code())
    page.press("#code", "Enter")
    shown = page.locator("#codes")
    expect(shown).to_be_visible()
    codes = shown.inner_text().split()
    assert len(codes) == 10
    vigint.secrets.update(codes)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Enregistrer dans un fichier").click()
    kept = saved.value.path().read_text(encoding="utf-8")
    assert all(code in kept for code in codes)
    assert invited in kept

    page.click(".account > summary")
    page.click("form[action$='/logout'] button")
    page.wait_for_url("**/login")
    _log_in(page, invited, CHOSEN)
    page.wait_for_url("**/login/code")
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.locator(".field-error")).to_be_visible()
    page.fill("#code", phone.code())
    page.press("#code", "Enter")
    page.wait_for_url(re.compile(r"/$"))

    elsewhere = window(size=PHONE)
    _log_in(elsewhere, invited, CHOSEN)
    elsewhere.wait_for_url("**/login/code")
    elsewhere.fill("#code", codes[0].lower())
    elsewhere.press("#code", "Enter")
    elsewhere.wait_for_url(re.compile(r"/$"))
    page.goto("/account/security")
    expect(page.locator("main")).to_contain_text("9 codes de secours")
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(2)
    rows.filter(has=page.get_by_role("button", name="Mettre fin")).get_by_role("button").click()
    expect(rows).to_have_count(1)
    elsewhere.goto("/account")
    expect(elsewhere.locator("#email")).to_be_visible()


def test_a_forgotten_password_is_replaced_on_a_phone_without_scripts(
    vigint: Installation, window: Windows
) -> None:
    email = "forgetful@example.com"
    vigint.command("create-user", email, "--role", "viewer", "--password-stdin", given=CHOSEN)
    fresh = "cinq autres mots sans aucun rapport"
    vigint.secrets.add(fresh)
    page = window(size=PHONE, java_script_enabled=False)
    page.goto("/login")
    page.get_by_role("link", name="Mot de passe oublié").click()
    page.fill("#email", email)
    page.locator("main form button[type=submit]").click()
    expect(page.locator("[role=status]", has_text="Si un compte existe")).to_be_visible()
    page.goto(_mailed_link(vigint, email))
    page.fill("#new", fresh)
    page.fill("#repeated", fresh)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/login")
    _log_in(page, email, fresh)
    page.wait_for_url(re.compile(r"/$"))


def test_an_administrator_keeps_somebody_out_after_a_question(
    vigint: Installation, window: Windows, invited: str
) -> None:
    admin = window(logged_in=True)
    admin.goto("/people/")
    admin.get_by_role("link", name=invited).click()
    admin.click("#deactivate > summary")
    dialog = admin.locator("dialog[open]")
    expect(dialog).to_contain_text(invited)
    admin.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert vigint.sql("SELECT active FROM users WHERE email = ?", invited) == [(1,)]
    admin.click("#deactivate > summary")
    dialog.locator("button[type=submit]").click()
    expect(admin.get_by_role("button", name="Réactiver")).to_be_visible()
    assert vigint.sql("SELECT active FROM users WHERE email = ?", invited) == [(0,)]
    page = window(expected=("404",))
    page.goto(_mailed_link(vigint, invited))
    expect(page.locator("#new")).to_have_count(0)


def test_waiting_is_told_before_the_next_try(vigint: Installation, window: Windows) -> None:
    email = "guessed@example.com"
    vigint.command("create-user", email, "--role", "viewer", "--password-stdin", given=CHOSEN)
    page = window(expected=("401", "429"))
    error = page.locator(".field-error")
    deadline = time.monotonic() + 60
    while "Patientez" not in ((error.text_content() or "") if error.count() else ""):
        assert time.monotonic() < deadline, "guessing went on for a minute"
        _log_in(page, email, "not the password at all")
        expect(error).to_be_visible()
    expect(error).to_contain_text(re.compile(r"\d+ (seconde|minute)"))
