"""Sites, cameras and people as CSV: the preview writes nothing, the import does what it showed."""

import csv
import io
import re
import time
from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD
from tests.helpers import Person, csrf_token, renew
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.models import AccountMail, AuditEvent, Camera, LegalRegime, Role, Site, User
from vigint_web.services.accounts import cameras, sites, users
from vigint_web.services.accounts.cameras import CameraFacts, camera_of
from vigint_web.services.accounts.sites import SiteFacts
from vigint_web.services.audit.trail import first_broken_event
from vigint_web.services.core.csv_input import LARGEST, MOST_ROWS

pytestmark = pytest.mark.both_databases(reason="locks, unique names")


@pytest.fixture
def admin(people: Callable[[Role], Person]) -> Person:
    return people(Role.ADMIN).speaking("en")


def _preview(admin: Person, kind: str, table: str | bytes) -> TestResponse:
    page = admin.browser.get(f"/imports/{kind}/")
    assert page.status_code == 200
    data = table if isinstance(table, bytes) else table.encode()
    form = {"csrf_token": csrf_token(page.text), "table": (io.BytesIO(data), "table.csv")}
    return admin.browser.post(
        f"/imports/{kind}/preview", data=form, content_type="multipart/form-data"
    )


def _confirm(admin: Person, kind: str, page: TestResponse) -> TestResponse:
    fields = dict(re.findall(r'name="(digest|content)" value="([^"]*)"', page.text))
    form = {"csrf_token": csrf_token(page.text), **fields}
    return admin.browser.post(f"/imports/{kind}/apply", data=form)


def _counts(page: TestResponse) -> dict[str, int]:
    """Return the numbers that a preview shows, by their titles."""
    found = re.findall(r"<dt>([^<]+)</dt><dd>([\d,]+)</dd>", page.text)
    return {title: int(number.replace(",", "")) for title, number in found}


def _table(admin: Person, kind: str) -> list[list[str]]:
    answer = admin.browser.get(f"/imports/{kind}/table.csv")
    assert answer.mimetype == "text/csv"
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


def _rows() -> dict[str, list[Any]]:
    renew()
    return {
        "sites": [(s.slug, sites.facts_of(s)) for s in db.session.query(Site).order_by(Site.id)],
        "cameras": [
            (c.site_id, c.detector_name, cameras.facts_of(c))
            for c in db.session.query(Camera).order_by(Camera.id)
        ],
        "people": [
            (u.email, u.role, sorted(site.slug for site in u.sites))
            for u in db.session.query(User).order_by(User.id)
        ],
        "audit": [event.id for event in db.session.query(AuditEvent)],
    }


def test_sites_are_added_and_changed_as_previewed(admin: Person) -> None:
    sites.add_site(ACTOR, SiteFacts("Lyon", address="1 rue A", cooldown_seconds=60))
    sites.add_site(ACTOR, "Paris")
    table = (
        "Short name;Name;Address;Time zone;Language;Cool-down in seconds\n"
        "lyon;Lyon Nord;1 rue A;Europe/Paris;fr;0\n"
        ";Paris;;;;\n"
        'reunion;Saint-Denis;"1 rue du Port\n97400";Indian/Reunion;;\n'
        ";Lille;;;;\n"
        ";Lille;;;;\n"
        ";Brest;;Mars/Base;;\n"
        "Not Valid;Rennes;;;;x\n"
    )
    before = _rows()
    page = _preview(admin, "sites", table)
    assert page.status_code == 200
    assert _counts(page) == {"To be added": 2, "To be changed": 1, "Unchanged": 1, "Refused": 3}
    shown = unescape(page.text)
    assert "Line 6 is about the same entry." in shown
    assert "The time zone must be a name such as Europe/Paris." in shown
    assert "“x” is not a whole number." in shown
    assert "<del>Lyon</del> → <ins>Lyon Nord</ins>" in shown
    assert _rows() == before, "a preview writes nothing"
    assert _confirm(admin, "sites", page).status_code == 302
    renew()
    lyon = sites.named_site(ACTOR, "lyon")
    assert sites.facts_of(lyon) == SiteFacts("Lyon Nord", "1 rue A", "Europe/Paris", "fr", 0)
    added = sites.named_site(ACTOR, "reunion")
    assert (added.name, added.address) == ("Saint-Denis", "1 rue du Port\n97400")
    assert sites.named_site(ACTOR, "Lille").slug == "lille"
    actions = [event.action for event in db.session.query(AuditEvent)]
    assert (actions.count("site:added"), actions.count("site:edited")) == (4, 1)
    assert first_broken_event() is None


def test_cameras_are_added_and_changed_as_previewed(admin: Person) -> None:
    here = sites.default_site()
    old = camera_of(here.id, "cam-1")
    db.session.commit()
    table = (
        "Site,Name,Name used by the detector,Filmed area,The authorisation ends on,"
        "Keep for at most (days),Sound\r\n"
        "main,Entrée,cam-1,open to the public,30/11/2031,30,removed\r\n"
        "Vigint,Quai,cam-2,ouvert au public,,,\r\n"
        "main,Entrée,,,,,\r\n"
        "nowhere,Quai,,,,,\r\n"
        "main,Toit,,roof,2026-02-30,0,\r\n"
    )
    page = _preview(admin, "cameras", table)
    assert _counts(page) == {"To be added": 1, "To be changed": 1, "Unchanged": 0, "Refused": 3}
    shown = unescape(page.text)
    for said in (
        "There is no site “nowhere”.",
        "“roof” is not possible here.",
        "“2026-02-30” is not a date.",
        "Line 2 is about the same entry.",
    ):
        assert said in shown
    assert _confirm(admin, "cameras", page).status_code == 302
    renew()
    assert cameras.facts_of(db.session.get_one(Camera, old.id)) == CameraFacts(
        "Entrée", LegalRegime.OPEN, "", date(2031, 11, 30), None, 30, keeps_sound=False
    )
    assert camera_of(here.id, "cam-1").id == old.id
    quay = camera_of(here.id, "cam-2")
    assert (quay.name, quay.legal_regime) == ("Quai", "open")


def test_people_are_invited_and_changed_as_previewed(admin: Person) -> None:
    sites.add_site(ACTOR, "Lyon")
    one = users.create_user(ACTOR, "one@example.com", PASSWORD, Role.VIEWER)
    table = (
        "E-mail address;Role;Sites;Language\n"
        " One@example.com ;Opérateur;main, Lyon;\n"
        "new@example.com;Viewer;lyon;en\n"
        "new@example.com;Viewer;lyon;\n"
        "boss@example.com;admin;;fr\n"
        "nobody;Viewer;lyon;\n"
        "a@example.com;king;lyon;\n"
        "b@example.com;Viewer;;\n"
        "c@example.com;Viewer;Mars;\n"
        f"{admin.email};Viewer;main;\n"
    )
    page = _preview(admin, "people", table)
    assert _counts(page) == {"To be added": 2, "To be changed": 1, "Unchanged": 0, "Refused": 6}
    shown = unescape(page.text)
    for said in (
        "Line 3 is about the same entry.",
        "This is not an e-mail address.",
        "“king” is not possible here.",
        "Name at least one site.",
        "There is no site “Mars”.",
        "You cannot change your own role.",
        "2 people are invited by mail.",
    ):
        assert said in shown, said
    assert db.session.query(AccountMail).count() == 0
    assert _confirm(admin, "people", page).status_code == 302
    renew()
    row = db.session.get_one(User, one.id)
    assert (row.role, {site.slug for site in row.sites}) == ("operator", {"main", "lyon"})
    new = db.session.query(User).filter_by(email="new@example.com").one()
    assert (new.password_hash, new.role, new.locale) == (None, "viewer", "en")
    boss = db.session.query(User).filter_by(email="boss@example.com").one()
    assert boss.role == "admin"
    assert {mail.recipient for mail in db.session.query(AccountMail)} == {
        "new@example.com",
        "boss@example.com",
    }
    me = db.session.query(User).filter_by(email=admin.email).one()
    assert me.role == "admin"


@pytest.mark.parametrize("kind", ["sites", "cameras", "people"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_was_downloaded_changes_nothing(admin: Person, kind: str, language: str) -> None:
    site = sites.add_site(
        ACTOR, SiteFacts("=HYPERLINK(1)", '\'+33 4;\n"x"', "Indian/Reunion", "en", 5)
    )
    camera = camera_of(site.id, "-cam")
    facts = CameraFacts(
        "@Quai; 'Été'", LegalRegime.CLOSED, "+1", date(2030, 1, 2), 7, 30, keeps_sound=False
    )
    cameras.edit_camera(ACTOR, camera.id, facts)
    users.create_user(ACTOR, "one@example.com", PASSWORD, Role.VIEWER, site)
    browser = admin.speaking(language).browser
    table = browser.get(f"/imports/{kind}/table.csv").data
    for row in csv.reader(io.StringIO(table.decode("utf-8-sig")), delimiter=";"):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    reader = admin.speaking("en")
    before = _rows()
    page = _preview(reader, kind, table)
    counts = _counts(page)
    assert counts.pop("Unchanged") > 0
    assert set(counts.values()) == {0}, unescape(page.text)
    assert "There is nothing to import." in page.text
    assert _rows() == before


def test_what_changed_meanwhile_is_previewed_again(admin: Person) -> None:
    page = _preview(admin, "sites", "Name;Address\nVigint;1 rue A\nLyon;\n")
    site = sites.default_site()
    sites.edit_site(ACTOR, site.id, SiteFacts("Vigint", address="2 rue B"))
    again = _confirm(admin, "sites", page)
    assert again.status_code == 409
    assert "The data has changed since the preview." in again.text
    assert "<del>2 rue B</del> → <ins>1 rue A</ins>" in again.text
    renew()
    assert db.session.query(Site).count() == 1
    assert _confirm(admin, "sites", again).status_code == 302
    renew()
    assert sites.default_site().address == "1 rue A"
    repeated = _confirm(admin, "sites", again)
    assert repeated.status_code == 409, "nothing is imported twice"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("Name;Price\nx;1\n", "These columns are unknown: “Price”."),
        ("Address\nx\n", "The column “Name” is missing."),
        ("Name;Nom\nx;y\n", "The column “Name” is there more than once."),
        ("Name\n", "The file has no rows below the column titles."),
        ('Name\nx\n"y\n', "Line 3 cannot be read"),
        (b"\x89PNG\0\0", "This is not a CSV file."),
        ("Name\n" + "x\n" * (MOST_ROWS + 1), f"too many rows: at most {MOST_ROWS}."),
        (b"x" * (LARGEST + 1), "The file is too large: at most 2 MB."),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_sentence(
    admin: Person, table: str | bytes, said: str
) -> None:
    answer = _preview(admin, "sites", table)
    assert (answer.status_code, said in unescape(answer.text)) == (422, True), answer.text


def test_a_forged_confirmation_imports_nothing(admin: Person) -> None:
    before = _rows()["sites"]
    page = admin.browser.get("/imports/sites/")
    for content in ("", "x", "eJwDAAAAAAE=", "AAAA"):
        form = {"csrf_token": csrf_token(page.text), "digest": "x", "content": content}
        answer = admin.browser.post("/imports/sites/apply", data=form)
        assert answer.status_code in {409, 422}, content
    expired = admin.browser.post("/imports/sites/apply", data={"content": "x"})
    assert (expired.status_code, "has expired" in expired.text) == (400, True)
    nothing = admin.post("/imports/sites/preview")
    assert (nothing.status_code, "Choose a file." in nothing.text) == (422, True)
    assert _rows()["sites"] == before


def test_ten_thousand_cameras(app: Flask, admin: Person) -> None:
    table = "Site;Name\n" + "".join(f"main;Caméra {n:05d}\n" for n in range(MOST_ROWS))
    begun = time.monotonic()
    page = _preview(admin, "cameras", table)
    assert _counts(page)["To be added"] == MOST_ROWS
    assert "The first 200 are shown." in page.text
    assert _confirm(admin, "cameras", page).status_code == 302
    print(f"{time.monotonic() - begun:.1f} s")
    renew()
    assert db.session.query(Camera).count() == MOST_ROWS
    assert first_broken_event() is None
    again = _preview(admin, "cameras", table)
    assert _counts(again)["Unchanged"] == MOST_ROWS


def test_only_administrators_import(people: Callable[[Role], Person]) -> None:
    operator = people(Role.OPERATOR)
    for path in ("", "table.csv"):
        assert operator.browser.get(f"/imports/sites/{path}").status_code == 403
    assert operator.post("/imports/sites/preview").status_code == 403


@pytest.mark.parametrize(
    ("kind", "entry"), [("sites", "Sites"), ("cameras", "Sites"), ("people", "People")]
)
def test_the_navigation_shows_what_is_imported(admin: Person, kind: str, entry: str) -> None:
    for page in (admin.browser.get(f"/imports/{kind}/"), _preview(admin, kind, "Name\nx\n")):
        here = re.findall(r'aria-current="\w+">.*?<span>([^<]+)</span>', page.text)
        assert here == [entry]
