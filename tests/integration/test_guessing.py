"""Guessing: of ten thousand almost correct tokens none gives access, or reveals why."""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import cycle, islice
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer
from sqlalchemy import update
from werkzeug.test import TestResponse

from tests.helpers import renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.crypto.tokens import LinkTokens, new_handle
from vigint_web.extensions import db
from vigint_web.models import Access, Audience, Link, Playback, Video
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import access, links

ADDRESSES = (
    "/stream/{token}/",
    "/api/video/{token}/",
    "/api/video/{token}/metadata/",
    "/api/video/{token}/download/",
    "/api/video/{token}/thumbnail/",
    "/video/{video}?token={token}",
)
NOT_FOUND, EXPIRED, REVOKED = (404, "not_found"), (410, "link_expired"), (410, "link_revoked")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# The same digits and letters in other alphabets.
WIDE = {ord(c): ord(c) + 0xFEE0 for c in ALPHABET}
DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

TITLES = {
    "not_found": "Ce lien ne fonctionne pas",
    "link_expired": "Ce lien a expiré",
    "link_revoked": "Ce lien a été révoqué",
}

Guess = tuple[str, tuple[int, str]]


@pytest.fixture
def good(library: Library) -> list[Link]:
    """Provide links with all permissions: of two videos, for people and for programs."""
    one, other = library.source(b"one").video, library.source(b"other").video
    with transaction():
        return [
            links.mint_link(ACTOR, video, audience, full_access=True)
            for video in (one, other)
            for audience in (*Audience, *Audience)
        ]


def _mint(video: Video, count: int, **values: object) -> list[str]:
    with transaction() as session:
        made = [
            links.mint_link(ACTOR, video, Audience.PERSON, full_access=True) for _ in range(count)
        ]
        session.execute(
            update(Link).where(Link.id.in_([link.id for link in made])).values(**values)
        )
    return [links.token_of(link) for link in made]


def _mutated(token: str, dice: random.Random) -> str:
    at = dice.randrange(len(token))
    other = dice.choice([c for c in ALPHABET + "." if c != token[at]])
    return dice.choice(
        [
            token[:at] + other + token[at + 1 :],
            token[:at] + token[at + 1 :],
            token[:at] + other + token[at:],
            token[:at],
            token + token[at:],
        ]
    )


def _spellings(token: str) -> Iterator[str]:
    """Yield other spellings of a valid token; a `%` here is literal in the address."""
    payload, moment, signature = token.split(".")
    for padding in ("=", "==", "%3D"):
        yield from (
            f"{token}{padding}",
            f"{payload}{padding}.{moment}.{signature}",
            f"{payload}.{moment}{padding}.{signature}",
        )
    last = ALPHABET.index(token[-1])
    yield from (token[:-1] + ALPHABET[last ^ bits] for bits in (1, 2, 3))
    yield from (token.upper(), token.lower(), token.swapcase(), token.capitalize())
    yield from (f"{token}.", f".{token}", f"{token}..", f"{payload}..{moment}.{signature}")
    yield from (f"{token}%20", f"%20{token}", f"{token}%09", f"{token}%0A", f"{token}%0D%0A")
    yield from (f"{token}%00", f"{token}%E2%80%8B", f"%EF%BB%BF{token}", f"{token};x", f"{token},")
    yield from (f"{token}%2F", f"%2F{token}", f"{token}%5C", f"%2E%2F{token}", f"x%2F..%2F{token}")
    yield from (quote(text.translate(WIDE)) for text in (token, payload) if text)
    yield quote(token.translate(DIGITS))
    yield quote(f"{payload}.{moment}.{signature.translate(DIGITS)}٠")
    # The same characters, percent-encoded: all, some, twice.
    yield "".join(f"%{ord(c):02X}" for c in token)
    yield "".join(f"%{ord(c):02x}" for c in token)
    yield from (token.replace(".", code) for code in ("%2E", "%2e", "%252E"))
    yield from (f"%{ord(token[0]):02X}{token[1:]}", f"%25{ord(token[0]):02X}{token[1:]}")
    yield f"{token[:-1]}%{ord(token[-1]):02x}"
    yield from (
        token.replace("-", plus).replace("_", slash)
        for plus, slash in (("+", "%2F"), ("%2B", "%2F"), ("%2D", "%5F"))
        if "-" in token or "_" in token
    )


def _forged(video: Video, config: Config, dice: random.Random) -> Iterator[str]:
    """Yield tokens not signed here, or signed for another purpose."""
    now = utcnow()
    stranger = LinkTokens("another secret of the tests, long enough")
    real = [link.handle for link in db.session.query(Link).limit(8)]
    for handle in cycle(real):
        yield stranger.mint(handle, now)
        yield runtime().tokens.mint(new_handle(), now)  # validly signed, and of no link
        yield runtime().tokens.mint(handle, now - timedelta(days=dice.randrange(1, 3650)))
        for salt in ("vigint.invitation.v1", "vigint.password-reset.v1", "cookie-session"):
            yield str(URLSafeSerializer(config.secret_key, salt=salt).dumps(handle))
            yield str(URLSafeTimedSerializer(config.secret_key, salt=salt).dumps(handle))
        yield handle
        yield video.public_id
        yield "".join(dice.choices(ALPHABET, k=43))
        yield ".".join("".join(dice.choices(ALPHABET, k=k)) for k in (46, 6, 43))


def _swapped(tokens: list[str], dice: random.Random) -> Iterator[str]:
    """Yield the parts of one token combined with those of another."""
    while True:
        parts = [token.split(".") for token in dice.sample(tokens, 2)]
        mixed = [dice.choice(parts)[n] for n in range(3)]
        if mixed in parts:
            mixed.reverse()
        yield ".".join(mixed)


def _guesses(good: list[Link], config: Config, dice: random.Random) -> Iterator[Guess]:
    """Yield ten thousand invalid tokens, each with its expected answer."""
    video = good[0].video
    tokens = [links.token_of(link) for link in good]
    # Different seconds, so that parts can be swapped.
    for token, shift in zip(tokens, range(len(tokens)), strict=True):
        link = access.find_link(token)
        assert link is not None
        with transaction():
            link.minted_at -= timedelta(minutes=shift)
    tokens = [links.token_of(link) for link in good]
    expired = _mint(video, 50, expires_at=utcnow() - timedelta(seconds=1))
    revoked = _mint(video, 50, revoked_at=utcnow())
    both = _mint(video, 50, revoked_at=utcnow(), expires_at=utcnow() - timedelta(days=9))
    spelled = [other for token in tokens for other in _spellings(token)]
    for found, answer, count in (
        (iter(spelled), NOT_FOUND, len(spelled)),
        (cycle(expired), EXPIRED, 300),
        (cycle(revoked), REVOKED, 300),
        (cycle(both), REVOKED, 100),
        (_swapped(tokens, dice), NOT_FOUND, 1500),
        (_forged(video, config, dice), NOT_FOUND, 2500),
    ):
        yield from ((token, answer) for token in islice(found, count))
    for _ in range(10_000 - 4700 - len(spelled)):
        yield _mutated(dice.choice(tokens + expired + revoked), dice), NOT_FOUND


def test_of_ten_thousand_guesses_none_opens_anything(
    good: list[Link], client: FlaskClient, config: Config
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)
    names = [link.video.public_id for link in good]
    guesses = list(_guesses(good, config, dice))
    genuine = {links.token_of(link) for link in good}
    minted = {links.token_of(link) for link in db.session.query(Link)}  # including ended ones
    asked: Counter[tuple[int, str]] = Counter()
    for number, (token, wanted) in enumerate(guesses):
        assert token not in genuine, f"{token!r} (seed {seed}) is a good token"
        address = ADDRESSES[number % len(ADDRESSES)]
        url = address.format(token=token, video=dice.choice(names))
        answer = client.get(url, headers={"Range": "bytes=0-9"})
        outcome = _outcome(answer)
        if answer.status_code == 302:
            # A page's address extended by mail programs leads to the page itself.
            assert url.startswith("/video/"), url
            meant = answer.headers["Location"].partition("?token=")[2]
            assert meant in minted, f"{url} (seed {seed})"
            assert url.partition("?token=")[2] != meant, url
            continue
        if wanted != NOT_FOUND and url.startswith("/video/") and outcome == NOT_FOUND:
            continue  # the page of another video
        assert outcome == wanted, f"{url} (seed {seed})"
        assert "Content-Range" not in answer.headers
        asked[wanted] += 1
    assert len(guesses) == 10_000
    assert asked[NOT_FOUND] > 9000
    assert asked[EXPIRED] >= 250
    assert asked[REVOKED] >= 330
    renew()
    sent = db.session.query(Access).filter(Access.status < 400).count()
    assert (sent, db.session.query(Playback).count()) == (0, 0)
    # The checks were valid: the correct spelling gives access to everything.
    for link in good:
        for address in ADDRESSES:
            url = address.format(token=links.token_of(link), video=link.video.public_id)
            assert client.get(url).status_code == 200, url


def _outcome(answer: TestResponse) -> tuple[int, str]:
    if answer.is_json:
        return answer.status_code, answer.get_json()["code"]
    assert "<video" not in answer.text
    codes = [code for code, words in TITLES.items() if f">{words}</h1>" in answer.text]
    return answer.status_code, codes[0] if codes else "no page of ours"


def _median_times(client: FlaskClient, kinds: dict[str, Callable[[], str]]) -> dict[str, float]:
    """Return the time of each kind of request; they are interleaved, so that noise affects all."""
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(250):
        for name, make in kinds.items():
            address = f"/stream/{make()}/"
            began = time.perf_counter()
            answer = client.get(address)
            times[name].append(time.perf_counter() - began)
            assert answer.status_code == 404
    return {name: statistics.median(found) for name, found in times.items()}


def test_the_time_of_an_answer_does_not_tell_a_forged_token_from_an_unknown_one(
    app: Flask, library: Library, client: FlaskClient
) -> None:
    token = library.person_token(library.incident())
    payload, moment, signature = token.split(".")
    now = utcnow()
    stranger = LinkTokens("another secret of the tests, long enough")
    kinds: dict[str, Callable[[], str]] = {
        "unknown": lambda: runtime().tokens.mint(new_handle(), now),
        "forged": lambda: stranger.mint(new_handle(), now),
        "mutated": lambda: (
            f"{payload}.{moment}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
        ),
        "misspelt": lambda: f"{token}=",
    }
    slowest: dict[str, float] = {}
    # Other load on this machine may slow one down by chance, but not repeatedly.
    for _ in range(10):
        times = _median_times(client, kinds)
        print({name: f"{seconds * 1000:.2f} ms" for name, seconds in times.items()})
        slowest = {name: max(times.values()) / seconds for name, seconds in times.items()}
        if max(slowest.values()) < 1.2:
            return
    raise AssertionError(f"the time tells them apart: {slowest}")
