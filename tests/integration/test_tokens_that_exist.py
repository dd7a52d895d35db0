"""What people and programs hold stays good: tokens under a fixed key and moment, byte for byte."""

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import pytest
from flask import Flask, Response
from itsdangerous import TimestampSigner

from tests.library import ACTOR
from vigint_web.clock import utcnow
from vigint_web.crypto import tokens
from vigint_web.crypto.encryption import Seal
from vigint_web.extensions import db
from vigint_web.http.security import devices
from vigint_web.models import AccountMail, AccountMailPurpose, ApiKey, Role, UserSession
from vigint_web.services.accounts import api_keys, password_links, sessions, sites, users
from vigint_web.services.core.actors import Visitor
from vigint_web.services.core.runtime import runtime
from vigint_web.services.links import play_names

NEWEST, OLDER = "a-fixed-key-of-the-tests", "an-older-fixed-key-of-the-tests"
HANDLE = "9f3c1e77b0d84a52c6e5f1029ab7d34e"
MOMENT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WORDS = "a word of the tests"
DIGEST = "975ef949401cc462c669b4bfefa6fbf9cf113a96c33ae39ba45b09142a6bc183"
KEY_IDS = ("7504d70cd480", "82543b38a81b")
LINKS = {
    NEWEST: (
        "IjlmM2MxZTc3YjBkODRhNTJjNmU1ZjEwMjlhYjdkMzRlIg."
        "awGHwA."
        "uFgwvd9Tt5nh5UsHfqK-23HnDhHVi6_aodyRwjqMNS4"
    ),
    OLDER: (
        "IjlmM2MxZTc3YjBkODRhNTJjNmU1ZjEwMjlhYjdkMzRlIg."
        "awGHwA."
        "mRPq1UHu5VCvKvHNt8X2AJmKN0jRicp8Zub53v2_900"
    ),
}
MAILED = {
    AccountMailPurpose.INVITATION: (
        "IjlmM2MxZTc3YjBkODRhNTJjNmU1ZjEwMjlhYjdkMzRlIg.pyQWoWXEsrRvz-v4Rgh5qA-1RBEU7lsLJig6h5FN4yk"
    ),
    AccountMailPurpose.PASSWORD_RESET: (
        "IjlmM2MxZTc3YjBkODRhNTJjNmU1ZjEwMjlhYjdkMzRlIg.zEqY6YzGJ8GQgw9kUELg93-Q2mzEv78w_HNbJUmZcnk"
    ),
}
OF_OLDER_KEY = (
    "IjlmM2MxZTc3YjBkODRhNTJjNmU1ZjEwMjlhYjdkMzRlIg.hcrV6VtHuNOGq2MRYwkMfOTZVO2EXYGwWVyGZyrzUE4"
)
DEVICE = (
    "."
    "eJwNxLsVwCAIAMBdqFPIT2SWvBQisP8I5op7QZGd9UhSBv35kuzGnIvdehY84M0HyyxGLtlKZ5Y2DvIdliwF3wWsgRM0."
    "awGHwA."
    "3Gs9hjWb5HS8is8QBzThGTztPfJLvp2pQ0RA7nGh4JE"
)
COOKIE = "eyJhIjoxfQ.awGHwA.QGeI-sXvMXWKPalNDOS_Dx2ThIo"
SEALED = (
    "gAAAAABrDQ8bDuMCUifo07w7YOQfoJu6P_KeaZZFBzwNg5gREWj0pGyv4psHfIGFnLMCqnVqlX2keevq"
    "Rds1Xli2a5uBzK6J83HbttpQYL48ceEtk8o51VY="
)
PLAY = "vCtedd00_obHrQLL0puynLal-SKCWz4I10DOR12Uh09qe"
MARK, MARK_DIGEST = "A" * 22, "0f8d4a5314957592a3b6d59766ecd95b"


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_SECRET_KEY": NEWEST, "VIGINT_OLD_SECRET_KEYS": OLDER}


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of what is signed now."""
    second = int(MOMENT.timestamp())
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _signer: second)


def test_links(app: Flask) -> None:
    found = runtime().tokens
    assert tuple(found.key_ids) == KEY_IDS
    for key, key_id in zip((NEWEST, OLDER), KEY_IDS, strict=True):
        assert tokens.key_id(key) == key_id
        assert found.mint(HANDLE, MOMENT, key_id) == LINKS[key]
        opened = found.read(LINKS[key])
        assert (opened.handle, opened.minted_at, opened.key_id) == (HANDLE, MOMENT, key_id)


@pytest.mark.parametrize("purpose", list(MAILED))
def test_password_links(app: Flask, purpose: AccountMailPurpose) -> None:
    member = users.create_user(ACTOR, "guest@example.com", "a long enough word", Role.VIEWER)
    mail = AccountMail(
        user_id=member.id,
        recipient=member.email,
        purpose=purpose,
        locale="fr",
        handle=HANDLE,
        expires_at=utcnow() + timedelta(hours=1),
    )
    db.session.add(mail)
    db.session.commit()
    address = f"http://vigint.test/password/set?token={MAILED[purpose]}"
    assert password_links.address_of(mail) == address
    assert password_links.open_token(MAILED[purpose]).id == mail.id
    if purpose == AccountMailPurpose.INVITATION:
        assert password_links.open_token(OF_OLDER_KEY).id == mail.id


def test_known_browsers(app: Flask) -> None:
    given = DEVICE  # read only: libraries of compression write it differently
    for _ in range(2):
        with app.test_request_context(headers={"Cookie": f"vigint_device={given}"}):
            assert devices.device_of("guest@example.com") == HANDLE
            answer = Response()
            devices.remember_device(answer, "guest@example.com")
        [cookie] = SimpleCookie(answer.headers["Set-Cookie"]).values()
        given = cookie.value


def test_sessions(app: Flask) -> None:
    member = users.create_user(ACTOR, "guest@example.com", "a long enough word", Role.VIEWER)
    row = UserSession(
        user_id=member.id, token_hash=DIGEST, factors="password", address="", user_agent=""
    )
    db.session.add(row)
    db.session.commit()
    assert sessions.find_user(WORDS) == member
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    assert signer.dumps({"a": 1}) == COOKIE


def test_api_keys(app: Flask) -> None:
    row = ApiKey(
        site_id=sites.default_site().id,
        name="camera",
        prefix="vgk_",
        key_hash=DIGEST,
        scopes="ingest",
        created_by="tests",
    )
    db.session.add(row)
    db.session.commit()
    assert api_keys.find_api_key(WORDS) == row


def test_plays() -> None:
    visitor = Visitor("192.0.2.7", "Mozilla/5.0 (iPhone)", MARK)
    assert play_names.is_bound((NEWEST,), HANDLE, visitor, PLAY)
    assert play_names.is_bound((NEWEST,), HANDLE, Visitor("192.0.2.7", visitor.user_agent), PLAY)
    assert play_names.mark_digest(visitor) == MARK_DIGEST


def test_what_is_encrypted() -> None:
    assert Seal("vigint.totp.v1", NEWEST, OLDER).open(SEALED) == WORDS
