"""List every page for people, and how to open it; a route without an entry fails."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from playwright.sync_api import FilePayload, Page

from tests.populated import Filled
from tests.populated_people import GUARDED, PASSWORD

Address = Callable[[Filled], str]


@dataclass(frozen=True)
class Place:
    """One page in one of its conditions."""

    name: str
    address: Address
    # "admin", "guarded" (by a second factor) or "nobody" (not logged in).
    visitor: str = "admin"
    # Whether it exists in an empty installation.
    always: bool = False
    status: int = 200
    # The action that leads from the address to the intended page.
    act: Callable[[Page], None] | None = None
    # A mail has no heading, no language and no style of this application.
    is_mail: bool = False

    @property
    def complaints(self) -> tuple[str, ...]:
        """Return the expected browser errors: the refusal that the page shows."""
        return () if self.status < 400 else (f"status of {self.status}",)


def _fixed(path: str) -> Address:
    return lambda _: path


def _source(kind: str) -> Address:
    return lambda filled: f"/source-management/{filled.sources[kind]}/"


def _incident(kind: str) -> Address:
    return lambda filled: f"/incidents/{filled.incidents[kind]}/"


def _every_incident(filled: Filled) -> str:
    return urlencode([("incident", name) for name in filled.incidents.values()])


def _chosen(deed: str) -> Address:
    return lambda filled: f"/incidents/chosen?do={deed}&" + _every_incident(filled)


def _link(kind: str) -> Address:
    return lambda filled: f"/links/{filled.links[kind]}/"


def _private(kind: str) -> Address:
    return lambda filled: filled.private[kind]


def _person(kind: str) -> Address:
    return lambda filled: f"/people/{filled.people[kind]}/"


def _mail(after: str = "") -> Address:
    return lambda filled: f"/outbox/{filled.mails[0]}/{after}"


def _wrong_password(page: Page) -> None:
    page.fill("#email", "nobody@example.com")
    page.fill("#password", "not the password")
    page.press("#password", "Enter")
    page.wait_for_selector(".field-error, .notice-bad")


def _create_key(page: Page) -> None:
    page.fill("#name", f"Détecteur {secrets.token_hex(4)}")  # no two valid keys share a name
    if page.locator("#site").count():  # of several sites none is preselected
        page.select_option("#site", index=1)
    page.locator("main form [type=submit]").click()
    page.wait_for_selector("#new-key")


def _first_step(page: Page) -> None:
    page.fill("#email", GUARDED)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("#code")


def _ask_for_password(page: Page) -> None:
    page.fill("#email", "nobody@example.com")
    page.locator("main form [type=submit]").click()
    page.wait_for_selector("main p[role=status]")


def _begin_two_factor(page: Page) -> None:
    begin = page.locator("form[action$='/begin'] [type=submit]")
    if begin.count():  # after the first time the page shows the result
        page.fill("#password", PASSWORD)
        begin.click()
    page.wait_for_selector("#code")


def _press(action: str, then: str) -> Callable[[Page], None]:
    """Return an action that presses a form's button and waits for the next page."""

    def press(page: Page) -> None:
        page.locator(f"form[action$='{action}'] [type=submit]").first.click()
        page.wait_for_selector(then)

    return press


def _choose_files(page: Page) -> None:
    names = ["entrée.mp4", "parking_" * 20 + ".mkv", "notes.txt", ".DS_Store"]
    files = [FilePayload(name=name, mimeType="", buffer=b"x" * 2_000_000) for name in names]
    page.set_input_files("#files", files)
    page.locator("[data-rename]").first.click()
    page.keyboard.type("Entrée nord")
    page.click("#upload-details > summary")


_IMPORTED = ("sites", "cameras", "people")
_TABLE = """site;name;films;most_days
main;Quai 2;open;30
main;Quai nord;closed;thirty
nowhere;Parking;;
main;Entrée de service du bâtiment principal, côté cour;open;7
"""


def _preview_import(page: Page) -> None:
    page.set_input_files(
        "#table", FilePayload(name="cameras.csv", mimeType="text/csv", buffer=_TABLE.encode())
    )
    page.locator("main form [type=submit]").first.click()
    page.wait_for_selector("#result-title")


def _nothing_chosen(page: Page) -> None:
    form = page.locator("main form[method=post]").first
    form.evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    page.wait_for_selector("main .field-error, main .notice-bad")


@dataclass
class Places:
    """All pages, by the endpoint that answers them."""

    by_endpoint: dict[str, list[Place]] = field(default_factory=dict)

    def add(self, endpoint: str, *places: Place) -> None:
        """Add the pages of an endpoint."""
        self.by_endpoint.setdefault(endpoint, []).extend(places)

    @property
    def all(self) -> list[Place]:
        """Return every page."""
        return [place for places in self.by_endpoint.values() for place in places]


PLACES = Places()
PLACES.add("dashboard.home", Place("home", _fixed("/"), always=True))
PLACES.add(
    "auth.login",
    Place("login", _fixed("/login"), visitor="nobody", always=True),
    Place(
        "login-refused", _fixed("/login"), visitor="nobody", always=True, status=401,
        act=_wrong_password,
    ),
)  # fmt: skip
PLACES.add(
    "dashboard.reached",
    Place("reach", lambda filled: filled.reach, visitor="nobody"),
    Place(
        "reach-unknown", _fixed("/reach?token=none"), visitor="nobody", always=True, status=404,
    ),
)  # fmt: skip
PLACES.add("auth.account", Place("account", _fixed("/account"), always=True))
PLACES.add("auth.code", Place("login-code", _fixed("/login"), visitor="nobody", act=_first_step))
PLACES.add(
    "auth.forgot",
    Place("password-forgot", _fixed("/password/forgot"), visitor="nobody", always=True),
    Place(
        "password-asked", _fixed("/password/forgot"), visitor="nobody", always=True,
        act=_ask_for_password,
    ),
)  # fmt: skip
PLACES.add(
    "auth.set_password",
    Place("password-set", lambda filled: filled.invitation, visitor="nobody"),
    Place(
        "password-set-unknown", _fixed("/password/set?token=none"), visitor="nobody", always=True,
        status=404,
    ),
)  # fmt: skip
PLACES.add(
    "auth.security",
    Place("security", _fixed("/account/security"), always=True),
    Place("security-guarded", _fixed("/account/security"), visitor="guarded"),
)
PLACES.add(
    "auth.two_factor_setup",
    Place("two-factor", _fixed("/account/security/two-factor"), always=True),
    Place(
        "two-factor-begun", _fixed("/account/security/two-factor"), always=True,
        act=_begin_two_factor,
    ),
)  # fmt: skip
PLACES.add(
    "auth.recovery_codes",
    Place("recovery-codes", _fixed("/account/security/recovery-codes"), visitor="guarded"),
)
PLACES.add(
    "auth.two_factor_off",
    Place("two-factor-off", _fixed("/account/security/two-factor/off"), visitor="guarded"),
)
PLACES.add("incidents.index", Place("incidents", _fixed("/incidents/"), always=True))
PLACES.add(
    "incidents.show",
    *(
        Place(f"incident-{kind}", _incident(kind))
        for kind in ("ready", "processing", "failed", "text_only", "unsent", "revoked", "test")
    ),
)
PLACES.add(
    "review.restriction",
    Place("incident-readers", lambda filled: f"/incidents/{filled.incidents['ready']}/readers"),
)
PLACES.add(
    "incidents.show",
    Place("incident-beside", lambda filled: f"{_incident('ready')(filled)}?list=1"),
)
PLACES.add(
    "incidents.tests_to_delete",
    Place("tests-delete", _fixed("/incidents/delete-tests?tests=1")),
)
PLACES.add(
    "review.chosen_incidents",
    Place("incidents-chosen", lambda filled: "/incidents/chosen?" + _every_incident(filled)),
    *(
        Place(f"incidents-{deed}", _chosen(deed))
        for deed in ("confirmed", "false_alarm", "closed", "new", "assign")
    ),
)
PLACES.add(
    "logbook.index",
    Place("night-log", _fixed("/incidents/logbook/"), always=True),
    Place("night-log-quiet", _fixed("/incidents/logbook/?night=2020-01-01"), always=True),
)
PLACES.add(
    "numbers.index",
    Place("numbers", _fixed("/incidents/numbers/"), always=True),
    Place(
        "numbers-dates", _fixed("/incidents/numbers/?from=2026-11-20&to=2020-01-01"), always=True
    ),
)
PLACES.add("sources.index", Place("sources", _fixed("/source-management/"), always=True))
PLACES.add(
    "sources.show",
    *(
        Place(f"source-{kind}", _source(kind))
        for kind in ("ready", "processing", "failed", "uploading")
    ),
)
PLACES.add("sources.edit", Place("source-edit", lambda filled: _source("failed")(filled) + "edit"))
PLACES.add(
    "sources.accesses",
    Place("source-readers", lambda filled: _source("ready")(filled) + "accesses"),
)
PLACES.add(
    "sources.chosen_sources",
    Place(
        "sources-delete",
        lambda filled: (
            "/source-management/chosen?do=delete&"
            + urlencode([("source", name) for name in filled.sources.values()])
        ),
    ),
)
PLACES.add(
    "sources.add",
    Place("source-add", _fixed("/source-management/add/?type=file"), always=True),
    Place("source-add-chosen", _fixed("/source-management/add/?type=file"), act=_choose_files),
)
PLACES.add("links.index", Place("links", _fixed("/links/"), always=True))
PLACES.add(
    "links.show",
    *(Place(f"link-{kind}", _link(kind)) for kind in ("live", "revoked", "expired", "program")),
)
PLACES.add(
    "incidents.preview",
    Place("mail-preview", lambda filled: f"/incidents/{filled.incidents['ready']}/mail"),
    Place(
        "mail-preview-english",
        lambda filled: f"/incidents/{filled.incidents['text_only']}/mail?lang=en",
    ),
    Place(
        "mail-preview-refused",
        lambda filled: f"/incidents/{filled.incidents['ready']}/mail?to=nobody",
    ),
)
PLACES.add(
    "incidents.preview_html",
    Place(
        "mail-preview-html",
        lambda filled: f"/incidents/{filled.incidents['ready']}/mail/html",
        is_mail=True,
    ),
)
PLACES.add("outbox.index", Place("outbox", _fixed("/outbox/"), always=True))
PLACES.add("outbox.show", Place("mail", _mail()))
PLACES.add("outbox.html", Place("mail-html", _mail("html"), is_mail=True))
PLACES.add("keys.index", Place("keys", _fixed("/keys/"), always=True))
PLACES.add(
    "keys.add",
    Place("key-add", _fixed("/keys/add/"), always=True),
    Place("key-created", _fixed("/keys/add/"), always=True, act=_create_key),
    Place(
        "key-add-refused", _fixed("/keys/add/"), always=True, status=422, act=_nothing_chosen
    ),
)  # fmt: skip
PLACES.add(
    "sharing.new",
    Place("share", lambda filled: f"/videos/{filled.videos['incident_ready']}/share"),
)
PLACES.add(
    "links.show",
    Place("link-address", _link("live"), act=_press("/address", "main svg, main .copyable")),
)
PLACES.add(
    "sharing.revocation",
    Place("links-revoke", lambda filled: f"/links/revoke?video={filled.videos['incident_ready']}"),
)
PLACES.add("people.index", Place("people", _fixed("/people/"), always=True))
PLACES.add("people.invite", Place("invite", _fixed("/people/invite/"), always=True))
PLACES.add(
    "people.show",
    Place("person-self", _fixed("/people/1/"), always=True),
    Place("person-guarded", _person("guarded")),
    Place("person-invited", _person("invited")),
    Place("person-link", _person("invited"), act=_press("/link", "main .copyable")),
)
PLACES.add("sites.index", Place("sites", _fixed("/sites/"), always=True))
PLACES.add("sites.new", Place("site-add", _fixed("/sites/add"), always=True))
PLACES.add("sites.show", Place("site", _fixed("/sites/1/"), always=True))
PLACES.add("sites.edit", Place("site-edit", _fixed("/sites/1/edit"), always=True))
PLACES.add(
    "imports.new",
    *(Place(f"import-{kind}", _fixed(f"/imports/{kind}/"), always=True) for kind in _IMPORTED),
    Place("import-preview", _fixed("/imports/cameras/"), always=True, act=_preview_import),
)
PLACES.add("cameras.index", Place("cameras", _fixed("/cameras/"), always=True))
PLACES.add("cameras.new", Place("camera-add", _fixed("/cameras/add?site=1"), always=True))
PLACES.add("cameras.show", Place("camera", _fixed("/cameras/1/")))
PLACES.add("cameras.edit", Place("camera-edit", _fixed("/cameras/1/edit")))
PLACES.add("review.reason_list", Place("reasons", _fixed("/review/reasons/"), always=True))
PLACES.add("developers.page", Place("developers", _fixed("/developers/"), always=True))
PLACES.add(
    "player.page",
    Place("public-live", _private("live"), visitor="nobody"),
    Place("public-granted", _private("granted"), visitor="nobody"),
    Place("public-processing", _private("processing"), visitor="nobody", status=409),
    Place("public-failed", _private("failed"), visitor="nobody", status=409),
    Place("public-expired", _private("expired"), visitor="nobody", status=410),
    Place("public-revoked", _private("revoked"), visitor="nobody", status=410),
    Place("public-used_up", _private("used_up"), visitor="nobody", status=410),
    Place("public-not_yet", _private("not_yet"), visitor="nobody", status=403),
    Place(
        "public-unknown", _fixed("/video/vid_0?token=none"), visitor="nobody", always=True,
        status=404,
    ),
)  # fmt: skip
# Not the answer of the page's own address.
ELSEWHERE = [
    Place("nowhere", _fixed("/nowhere"), always=True, status=404),
    Place("nowhere-nobody", _fixed("/nowhere"), visitor="nobody", always=True, status=404),
]
# GET routes without a page, with their purpose.
NO_PAGES = {
    "static": "style sheets and scripts",
    "bootstrap.static": "style sheets and scripts",
    "health.health": "JSON",
    "health.healthz": "JSON",
    "health.readyz": "JSON",
    "metrics.show": "figures for a monitor",
    "dashboard.live": "a part of its page",
    "sources.live": "a part of its page",
    "sources.live_list": "a part of its page",
    "incidents.live": "a part of its page",
    "incidents.live_list": "a part of its page",
    "incidents.arrivals": "a part of the list's page",
    "incidents.export": "a file",
    "imports.export": "a file",
    "numbers.export": "a file",
    "incident_review.reason_list": "JSON",
    "links.live": "a part of its page",
    "links.live_list": "a part of its page",
    "outbox.live": "a part of its page",
    "outbox.download": "a file",
    "videos.stream": "bytes",
    "videos.download": "a file",
    "videos.poster": "a picture",
    "videos.thumbnail": "a picture",
    "videos.sprite": "a picture",
    "videos.previews": "WebVTT",
    "videos.chapters": "WebVTT",
    "videos.clock": "WebVTT",
    "hosting.verify": "JSON",
    "uploads.index": "JSON",
    "uploads.show": "JSON",
    "videos.timeline": "JSON",
    "videos.boxes": "JSON",
    "player.state": "JSON",
    "player.stream": "bytes",
    "api.video": "JSON",
    "api.metadata": "JSON",
    "api.download": "bytes",
    "api.thumbnail": "a picture",
    "ingest.status": "JSON",
    "records.sources": "JSON",
    "records.source": "JSON",
    "records.incidents": "JSON",
    "records.link_list": "JSON",
    "records.link": "JSON",
    "records.accesses": "JSON",
    "developers.openapi": "JSON",
}
