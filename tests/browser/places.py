"""Name every page that a person can open, and how to get there; a route without a word fails."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

from tests.populated import Filled

Address = Callable[[Filled], str]


@dataclass(frozen=True)
class Place:
    """One page in one of its conditions."""

    name: str
    address: Address
    logged_in: bool = True
    # Whether it exists in an installation that nothing was put into.
    always: bool = False
    status: int = 200
    # What leads from the page at the address to the page that is meant.
    act: Callable[[Page], None] | None = None
    # A mail has no heading, no language and no style of this application.
    is_mail: bool = False

    @property
    def complaints(self) -> tuple[str, ...]:
        """Return what the browser may complain of here: a refusal that is the page's point."""
        return () if self.status < 400 else (f"status of {self.status}",)


def _fixed(path: str) -> Address:
    return lambda _: path


def _source(kind: str) -> Address:
    return lambda filled: f"/source-management/{filled.sources[kind]}/"


def _incident(kind: str) -> Address:
    return lambda filled: f"/incidents/{filled.incidents[kind]}/"


def _link(kind: str) -> Address:
    return lambda filled: f"/links/{filled.links[kind]}/"


def _private(kind: str) -> Address:
    return lambda filled: filled.private[kind]


def _mail(after: str = "") -> Address:
    return lambda filled: f"/outbox/{filled.mails[0]}/{after}"


def _wrong_password(page: Page) -> None:
    page.fill("#email", "nobody@example.com")
    page.fill("#password", "not the password")
    page.press("#password", "Enter")
    page.wait_for_selector(".field-error, .notice-bad")


def _create_key(page: Page) -> None:
    page.fill("#name", "Détecteur du quai 2")
    page.locator("main form [type=submit]").click()
    page.wait_for_selector("main .copyable, main .field-error")


def _nothing_chosen(page: Page) -> None:
    form = page.locator("main form[method=post]").first
    form.evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    page.wait_for_selector("main .field-error, main .notice-bad")


@dataclass
class Places:
    """All pages, by the endpoint that answers them."""

    by_endpoint: dict[str, list[Place]] = field(default_factory=dict)

    def add(self, endpoint: str, *places: Place) -> None:
        """Tell the pages of an endpoint."""
        self.by_endpoint.setdefault(endpoint, []).extend(places)

    @property
    def all(self) -> list[Place]:
        """Return every page."""
        return [place for places in self.by_endpoint.values() for place in places]


PLACES = Places()
PLACES.add("dashboard.home", Place("home", _fixed("/"), always=True))
PLACES.add(
    "auth.login",
    Place("login", _fixed("/login"), logged_in=False, always=True),
    Place(
        "login-refused", _fixed("/login"), logged_in=False, always=True, status=401,
        act=_wrong_password,
    ),
)  # fmt: skip
PLACES.add("auth.account", Place("account", _fixed("/account"), always=True))
PLACES.add("incidents.index", Place("incidents", _fixed("/incidents/"), always=True))
PLACES.add(
    "incidents.show",
    *(
        Place(f"incident-{kind}", _incident(kind))
        for kind in ("ready", "processing", "failed", "text_only", "unsent", "revoked")
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
PLACES.add(
    "sources.add",
    Place("source-add", _fixed("/source-management/add/?type=file"), always=True),
)
PLACES.add("links.index", Place("links", _fixed("/links/"), always=True))
PLACES.add(
    "links.show",
    *(Place(f"link-{kind}", _link(kind)) for kind in ("live", "revoked", "expired", "program")),
)
PLACES.add("outbox.index", Place("outbox", _fixed("/outbox/"), always=True))
PLACES.add("outbox.show", Place("mail", _mail()))
PLACES.add("outbox.html", Place("mail-html", _mail("html"), is_mail=True))
PLACES.add("keys.index", Place("keys", _fixed("/keys/"), always=True))
PLACES.add(
    "keys.add",
    Place("key-add", _fixed("/keys/add/"), always=True),
    Place(
        "key-add-refused", _fixed("/keys/add/"), always=True, status=422, act=_nothing_chosen
    ),
)  # fmt: skip
PLACES.add(
    "sharing.new",
    Place("share", lambda filled: f"/videos/{filled.videos['incident_ready']}/share"),
)
PLACES.add(
    "player.page",
    Place("public-live", _private("live"), logged_in=False),
    Place("public-granted", _private("granted"), logged_in=False),
    Place("public-processing", _private("processing"), logged_in=False, status=409),
    Place("public-failed", _private("failed"), logged_in=False, status=409),
    Place("public-expired", _private("expired"), logged_in=False, status=410),
    Place("public-revoked", _private("revoked"), logged_in=False, status=410),
    Place("public-used_up", _private("used_up"), logged_in=False, status=410),
    Place("public-not_yet", _private("not_yet"), logged_in=False, status=403),
    Place(
        "public-unknown", _fixed("/video/vid_0?token=none"), logged_in=False, always=True,
        status=404,
    ),
)  # fmt: skip
# Not the answer of a page's own address.
ELSEWHERE = [
    Place("nowhere", _fixed("/nowhere"), always=True, status=404),
    Place("nowhere-nobody", _fixed("/nowhere"), logged_in=False, always=True, status=404),
]
# GET routes that show no page, and what they are instead.
NO_PAGES = {
    "static": "style sheets and scripts",
    "bootstrap.static": "style sheets and scripts",
    "health.healthz": "JSON",
    "health.readyz": "JSON",
    "metrics.show": "figures for a monitor",
    "dashboard.live": "a part of its page",
    "sources.live": "a part of its page",
    "sources.live_list": "a part of its page",
    "incidents.live": "a part of its page",
    "incidents.live_list": "a part of its page",
    "links.live": "a part of its page",
    "links.live_list": "a part of its page",
    "outbox.live": "a part of its page",
    "outbox.download": "a file",
    "videos.stream": "bytes",
    "videos.poster": "a picture",
    "videos.thumbnail": "a picture",
    "player.state": "JSON",
    "player.stream": "bytes",
    "api.video": "JSON",
    "api.metadata": "JSON",
    "api.download": "bytes",
    "api.thumbnail": "a picture",
    "ingest.status": "JSON",
}
