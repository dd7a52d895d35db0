"""Tokens: one spelling each, under one secret, and no other."""

import base64
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer

from vigint_web.crypto.tokens import BadToken, LinkTokens, key_id, new_handle

TOKENS = LinkTokens("a secret of the tests, long enough")
MOMENT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANDLE = "0123456789abcdef0123456789abcdef"
TOKEN = TOKENS.mint(HANDLE, MOMENT)
URL_SAFE = string.ascii_letters + string.digits + "-_"


def _opens(token: str) -> bool:
    try:
        TOKENS.read(token)
    except BadToken:
        return False
    return True


@given(
    handle=st.text("0123456789abcdef", min_size=32, max_size=32),
    seconds=st.integers(0, 4_000_000_000),
)
def test_a_link_has_the_same_token_for_ever_and_it_opens(handle: str, seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    token = TOKENS.mint(handle, moment)
    assert token == TOKENS.mint(handle, moment + timedelta(microseconds=999_999))
    opened = LinkTokens("a secret of the tests, long enough").read(token)
    assert (opened.handle, opened.minted_at) == (handle, moment)


@settings(max_examples=400)
@given(
    position=st.integers(0, len(TOKEN) - 1),
    change=st.one_of(
        st.sampled_from(["delete", "double", "swapcase"]), st.characters(max_codepoint=0x2FF)
    ),
)
def test_no_mutation_of_a_token_opens(position: int, change: str) -> None:
    old = TOKEN[position]
    new = {"delete": "", "double": old * 2, "swapcase": old.swapcase()}.get(change, change)
    mutated = TOKEN[:position] + new + TOKEN[position + 1 :]
    if mutated != TOKEN:
        assert not _opens(mutated), f"{mutated!r} opens what {TOKEN!r} opens"


@given(cut=st.integers(0, len(TOKEN) - 1), tail=st.text(max_size=5))
def test_no_piece_of_a_token_opens(cut: int, tail: str) -> None:
    if TOKEN[:cut] + tail != TOKEN:
        assert not _opens(TOKEN[:cut] + tail)
    if tail:
        assert not _opens(TOKEN + tail)
        assert not _opens(tail + TOKEN)


def test_only_one_of_the_last_characters_opens() -> None:
    """Some bits of a signature's last character have no meaning in base64."""
    accepted = [c for c in URL_SAFE if _opens(TOKEN[:-1] + c)]
    assert accepted == [TOKEN[-1]]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_padding_is_another_spelling(part: int) -> None:
    for padding in ("=", "=="):
        parts = TOKEN.split(".")
        parts[part] += padding
        assert not _opens(".".join(parts))


def test_the_other_alphabet_is_another_spelling() -> None:
    tried = 0
    for number in range(200):
        token = TOKENS.mint(f"{number:032x}", MOMENT)
        other = token.replace("-", "+").replace("_", "/")
        if other != token:
            tried += 1
            assert not _opens(other)
    assert tried > 20


def test_space_and_case_around_a_token_are_refused() -> None:
    for other in (f" {TOKEN}", f"{TOKEN}\n", f"{TOKEN}\x00", TOKEN.upper(), TOKEN.lower(), "", "."):
        assert not _opens(other)


def test_another_secret_salt_or_kind_of_payload_is_refused() -> None:
    secret = "a secret of the tests, long enough"
    assert not _opens(LinkTokens("another secret, long enough too").mint(HANDLE, MOMENT))
    for salt in ("itsdangerous", "vigint.link.v2", "cookie-session"):
        assert not _opens(str(URLSafeTimedSerializer(secret, salt=salt).dumps(HANDLE)))
    assert not _opens(str(URLSafeSerializer(secret, salt="vigint.link.v1").dumps(HANDLE)))
    for payload in (7, None, [HANDLE], {"handle": HANDLE}):
        token = URLSafeTimedSerializer(secret, salt="vigint.link.v1").dumps(payload)
        assert not _opens(str(token)), f"{payload!r} is no handle"


def test_an_endless_token_is_refused_before_any_work() -> None:
    bomb = base64.urlsafe_b64encode(b"x" * 5_000_000).decode()
    assert not _opens(f".{bomb}.a.b")


def test_handles_are_128_random_bits() -> None:
    handles = {new_handle() for _ in range(1000)}
    assert len(handles) == 1000
    assert all(len(handle) == 32 and int(handle, 16) >= 0 for handle in handles)


def test_after_a_rotation_old_tokens_open_and_new_ones_are_the_new_keys() -> None:
    old, new = "a secret of the tests, long enough", "a newer secret, long enough too"
    ring = LinkTokens(new, old)
    assert ring.read(TOKEN).key_id == key_id(old)
    assert ring.mint(HANDLE, MOMENT, key_id(old)) == TOKEN
    fresh = ring.mint(HANDLE, MOMENT)
    assert ring.read(fresh).key_id == ring.newest == key_id(new)
    assert not _opens(fresh), "an installation without the new key knows nothing of it"


def test_a_forgotten_key_opens_nothing() -> None:
    ring = LinkTokens("a newer secret, long enough too")
    with pytest.raises(BadToken):
        ring.read(TOKEN)
    assert ring.mint(HANDLE, MOMENT, "no such key") == ring.mint(HANDLE, MOMENT)
