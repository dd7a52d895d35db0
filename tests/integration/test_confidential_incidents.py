"""A confidential incident does not exist for others: on no page, in no count, by no address."""

import pytest
from flask import Flask

from tests.conftest import PASSWORD
from tests.helpers import Person, log_in
from tests.library import ACTOR, Library
from tests.strangers import UNSAFE, log_in_as, pages_of, routes
from vigint_web.clock import utcnow
from vigint_web.errors import EditedMeanwhile, Invalid, NotFound
from vigint_web.extensions import db
from vigint_web.http.security.rules import RULES, Key
from vigint_web.http.security.rules import Person as People
from vigint_web.models import (
    ActKind,
    Incident,
    Link,
    Mail,
    Notification,
    NotificationKind,
    NotificationState,
    Role,
    Scope,
    User,
    Video,
)
from vigint_web.permissions import may
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.actors import Actor, as_user
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.notifications.named_readers import is_barred
from vigint_web.services.review import acts, assignment, confidentiality

GUARD = "secret-guard@example.com"


class Secret:
    """A confidential incident, with everything there can be about it."""

    def __init__(self, library: Library, reader: Actor) -> None:
        self.video: Video = library.incident(b"secret")
        self.incident: Incident = library.incident_of(self.video)
        self.link: Link = library.person_link(self.video, recipient=GUARD)
        with transaction() as session:
            self.incident.incident_type = "Secret incident"
            self.incident.message = "Secret message"
            self.incident.assignee_id = reader.user_id
            self.link.first_played_at = utcnow()
            notification = Notification(
                incident_id=self.incident.id,
                link_id=self.link.id,
                recipient=GUARD,
                state=NotificationState.FAILED,
                kind=NotificationKind.VIDEO,
                message_id="<secret@vigint.invalid>",
            )
            session.add(notification)
            session.flush()
            mail = Mail(
                site_id=self.incident.site_id,
                alert_id=notification.id,
                link_id=self.link.id,
                recipient=GUARD,
                subject="Secret incident",
                message_id="<secret@vigint.invalid>",
                channel="outbox",
                content=b"Subject: Secret incident\r\n\r\nx",
            )
            session.add(mail)
            session.flush()
            self.alert_id, self.mail_id = notification.id, mail.id
        acts.add_note(reader, self.incident.reference, "Secret note")
        confidentiality.restrict(reader, self.incident.reference, [reader.user_id or 0], seen=0)

    def arguments(self) -> dict[str, object]:
        """Return its arguments, by the names in routes."""
        return {
            "reference": self.incident.reference,
            "public_id": self.video.public_id,
            "video_id": self.video.public_id,
            "alert_id": self.alert_id,
            "link_id": self.link.id,
            "mail_id": self.mail_id,
        }

    def marks(self) -> list[str]:
        """Return words that must not be shown to others."""
        return [
            "Secret incident",
            "Secret message",
            "Secret note",
            GUARD,
            self.incident.reference,
            self.video.public_id,
        ]


@pytest.fixture
def reader(app: Flask) -> Person:
    users.create_user(ACTOR, "reader@example.com", PASSWORD, Role.OPERATOR, sites.default_site())
    browser = app.test_client()
    log_in(browser, "reader@example.com", PASSWORD)
    return Person(browser, "reader@example.com")


def _actor(email: str) -> Actor:
    user = db.session.query(User).filter_by(email=email).one()
    return as_user(user)


@pytest.fixture
def secret(library: Library, reader: Person) -> Secret:
    return Secret(library, _actor(reader.email))


ROLES = [Role.ADMIN, Role.OPERATOR, Role.VIEWER]


def _addresses(app: Flask, secret: Secret, kind: type) -> list[tuple[str, str, str]]:
    """Return endpoint, method and address of every route with an argument of the incident."""
    arguments = {"part": "clip", **secret.arguments()}
    found = []
    for endpoint, method, names in routes(app, with_arguments=True):
        if isinstance(RULES[endpoint], kind) and set(names) & secret.arguments().keys():
            urls = app.url_map.bind("vigint.test")
            given = {name: arguments[name] for name in names}
            found.append((endpoint, method, urls.build(endpoint, given, method=method)))
    return found


@pytest.mark.parametrize("role", ROLES)
def test_no_address_leads_there(app: Flask, secret: Secret, role: Role) -> None:
    stranger = log_in_as(app, role)
    tried = _addresses(app, secret, People)
    for endpoint, method, address in tried:
        answer = stranger.post(address) if method in UNSAFE else stranger.browser.get(address)
        rule = RULES[endpoint]
        assert isinstance(rule, People)
        allowed = rule.permission is None or may(role, rule.permission)
        assert answer.status_code == (404 if allowed else 403), f"{method} {endpoint}"
        assert not [mark for mark in secret.marks() if mark in answer.text], endpoint
    assert len(tried) >= 25


def test_no_key_leads_there(app: Flask, secret: Secret) -> None:
    key = api_keys.create_api_key(ACTOR, "everything", sites.default_site(), set(Scope))
    headers, browser = {"Authorization": f"Bearer {key}"}, app.test_client()
    for endpoint, method, address in _addresses(app, secret, Key):
        answer = browser.open(address, method=method, headers=headers)
        assert answer.status_code == 404, endpoint
    shown = 0
    for endpoint, method, _names in routes(app, with_arguments=False):
        if isinstance(RULES[endpoint], Key) and method == "GET":
            address = app.url_map.bind("vigint.test").build(endpoint, {}, method="GET")
            text = browser.get(address, headers=headers).text
            assert not [mark for mark in secret.marks() if mark in text], endpoint
            shown += 1
    assert shown >= 3


@pytest.mark.usefixtures("clock")  # pages print the minute they are made in
@pytest.mark.parametrize("role", ROLES)
def test_no_page_changes_by_it(app: Flask, library: Library, reader: Person, role: Role) -> None:
    """Not a line, not a count, not a chart: as if it had never been received."""
    library.incident(b"ours")  # the camera and the lists are there before
    stranger = log_in_as(app, role)
    before = pages_of(app, stranger, role)
    secret = Secret(library, _actor(reader.email))
    after = pages_of(app, stranger, role)
    for endpoint, text in after.items():
        assert not [mark for mark in secret.marks() if mark in text], endpoint
        # The key of its detector is a thing of the site, and shown.
        if endpoint not in {"keys.index", "sites.index"}:
            assert text == before[endpoint], endpoint


@pytest.mark.parametrize("role", ROLES)
def test_no_search_finds_it(app: Flask, secret: Secret, role: Role) -> None:
    stranger = log_in_as(app, role)
    for address, typed in [
        (f"/incidents/?q={secret.incident.reference}", secret.incident.reference),
        ("/incidents/?q=Secret", ""),
        ("/incidents/?state=new", ""),
        ("/incidents/export?q=Secret", ""),
        (f"/links/?q={GUARD}", GUARD),
        ("/outbox/?q=Secret", ""),
    ]:
        shown = stranger.browser.get(address).text
        found = [mark for mark in secret.marks() if mark != typed and mark in shown]
        assert not found, address


def test_its_readers_find_it(secret: Secret, reader: Person) -> None:
    page = reader.browser.get(f"/incidents/{secret.incident.reference}/").text
    assert "Secret message" in page
    assert "reader@example.com" in page
    listed = reader.browser.get("/incidents/").text
    assert secret.incident.reference in listed
    assert "Secret incident" in reader.browser.get("/links/").text


def test_its_links_go_on_working_unless_they_are_revoked(
    app: Flask, library: Library, secret: Secret, reader: Person
) -> None:
    """A recipient of a link is not a reader of the dashboard."""
    token = library.person_token(secret.video)
    address = f"/stream/{token}/?view={library.view(token)}"
    stranger = log_in_as(app, Role.ADMIN)
    for browser in (app.test_client(), stranger.browser):
        assert browser.get(address).status_code in {200, 206}
    version = confidentiality.restriction_of(secret.incident.id).version
    me = _actor(reader.email)
    revoked = confidentiality.restrict(
        me, secret.incident.reference, [me.user_id or 0], seen=version, revoke_links=True
    )
    assert revoked == 3, "the detector’s own, and two of recipients"
    assert app.test_client().get(address).status_code == 410


def test_a_repeat_is_not_shown_under_it(app: Flask, library: Library, reader: Person) -> None:
    head = library.incident_of(library.incident(b"one"))
    repeat = library.incident_of(library.incident(b"two"))
    me = _actor(reader.email)
    with transaction() as session:
        repeat.grouped_under_id = head.id
        for incident, kind, state in [
            (head, NotificationKind.REPEATS, NotificationState.PENDING),
            (repeat, NotificationKind.VIDEO, NotificationState.GATHERED),
        ]:
            row = Notification(
                incident_id=incident.id, recipient=GUARD, state=state, kind=kind,
                message_id=f"<{kind.value}@vigint.invalid>",
            )  # fmt: skip
            session.add(row)
            session.flush()
            if kind == NotificationKind.REPEATS:
                covering = row.id
            else:
                row.told_by_id = covering
    confidentiality.restrict(me, head.reference, [me.user_id or 0], seen=0)
    stranger = log_in_as(app, Role.ADMIN)
    page = stranger.browser.get(f"/incidents/{repeat.reference}/").text
    assert head.reference not in page
    db.session.expire_all()
    states = {row.kind: (row.state, row.told_by_id) for row in db.session.query(Notification)}
    assert states[NotificationKind.VIDEO] == (NotificationState.PENDING, None)
    assert states[NotificationKind.REPEATS][0] == NotificationState.FAILED


@pytest.mark.parametrize(
    ("recipient", "kind", "barred"),
    [
        (GUARD, NotificationKind.VIDEO, True),
        (GUARD, NotificationKind.UNDELIVERABLE, True),
        ("Reader@example.com", NotificationKind.VIDEO, False),
        (GUARD, NotificationKind.SHARED, False),
    ],
)
def test_mails_about_it_go_to_its_readers(
    secret: Secret, recipient: str, kind: NotificationKind, barred: bool
) -> None:
    with transaction() as session:
        row = Notification(
            incident_id=None if kind == NotificationKind.SHARED else secret.incident.id,
            link_id=secret.link.id,
            recipient=recipient,
            state=NotificationState.PENDING,
            kind=kind,
            message_id="<later@vigint.invalid>",
        )
        session.add(row)
    assert is_barred(row) is barred


def test_a_call_about_it_is_barred(secret: Secret) -> None:
    with transaction() as session:
        row = Notification(
            incident_id=secret.incident.id,
            recipient="reader@example.com",
            channel="webhook",
            state=NotificationState.PENDING,
            kind=NotificationKind.VIDEO_READY,
            message_id="dlv_later",
        )
        session.add(row)
    assert is_barred(row)


def test_unsent_mails_to_others_are_settled(library: Library, reader: Person) -> None:
    incident = library.incident_of(library.incident(b"x"))
    me = _actor(reader.email)
    with transaction() as session:
        for recipient in (GUARD, reader.email):
            session.add(
                Notification(
                    incident_id=incident.id,
                    recipient=recipient,
                    state=NotificationState.WAITING,
                    kind=NotificationKind.VIDEO,
                    message_id=f"<{recipient}>",
                )
            )
    confidentiality.restrict(me, incident.reference, [me.user_id or 0], seen=0)
    db.session.expire_all()
    found = {row.recipient: (row.state, row.error) for row in db.session.query(Notification)}
    assert found == {
        GUARD: (NotificationState.FAILED, "incident_confidential"),
        reader.email: (NotificationState.WAITING, None),
    }


def test_of_two_changes_the_first_counts(secret: Secret, reader: Person) -> None:
    me = _actor(reader.email)
    reference, own = secret.incident.reference, me.user_id or 0
    with pytest.raises(EditedMeanwhile):
        confidentiality.restrict(me, reference, [own], seen=0)
    confidentiality.restrict(me, reference, [own], seen=1)
    with pytest.raises(EditedMeanwhile):
        confidentiality.restrict(me, reference, [own], seen=1)
    with pytest.raises(EditedMeanwhile):
        confidentiality.lift(me, reference, seen=1)
    assert confidentiality.restriction_of(secret.incident.id).version == 2


def test_somebody_who_may_lift_it_remains(app: Flask, secret: Secret, reader: Person) -> None:
    viewer = _actor(log_in_as(app, Role.VIEWER).email)
    me, reference = _actor(reader.email), secret.incident.reference
    for chosen in ([], [viewer.user_id or 0], [me.user_id or 0, 10**6]):
        with pytest.raises(Invalid):
            confidentiality.restrict(me, reference, chosen, seen=1)


def test_only_readers_are_assigned(app: Flask, secret: Secret, reader: Person) -> None:
    other = _actor(log_in_as(app, Role.OPERATOR).email)
    me = _actor(reader.email)
    with pytest.raises(Invalid):
        assignment.assign(me, secret.incident.reference, other.user_id, seen=me.user_id)
    db.session.expire_all()
    confidentiality.lift(me, secret.incident.reference, seen=1)
    assignment.assign(me, secret.incident.reference, other.user_id, seen=me.user_id)
    confidentiality.restrict(me, secret.incident.reference, [me.user_id or 0], seen=0)
    assert get_incident(me, secret.incident.reference).assignee_id is None
    kinds = [act.kind for act in acts.acts_of(secret.incident.id)]
    assert kinds[-2:] == [ActKind.UNASSIGNED, ActKind.RESTRICTED]


def test_the_page_restricts_and_lifts(app: Flask, library: Library, reader: Person) -> None:
    incident = library.incident_of(library.incident(b"x"))
    stranger = log_in_as(app, Role.ADMIN)
    me, shown = _actor(reader.email), f"/incidents/{incident.reference}/"
    assert stranger.browser.get(shown).status_code == 200
    page = reader.browser.get(f"{shown}readers")
    assert page.status_code == 200
    assert f'value="{me.user_id}" checked' in page.text
    refused = reader.post(f"{shown}readers/restrict", seen="0")
    assert refused.status_code == 422
    answer = reader.post(f"{shown}readers/restrict", seen="0", reader=str(me.user_id))
    assert answer.status_code == 302
    assert stranger.browser.get(shown).status_code == 404
    assert stranger.browser.get(f"{shown}readers").status_code == 404
    late = reader.post(f"{shown}readers/restrict", seen="0", reader=str(me.user_id))
    assert late.status_code == 409
    assert reader.post(f"{shown}readers/lift", seen="1").status_code == 302
    assert stranger.browser.get(shown).status_code == 200


def test_a_hidden_incident_is_not_restricted_by_others(app: Flask, secret: Secret) -> None:
    """By services too: they are called with what a request may see."""
    stranger = _actor(log_in_as(app, Role.ADMIN).email)
    from vigint_web.services.core.hidden_rows import hidden_from

    with hidden_from(stranger.user_id), pytest.raises(NotFound):
        get_incident(stranger, secret.incident.reference)
