"""A sample's placeholder is not a key, and every key is one."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_client.placeholders import is_placeholder

_SAMPLES = [
    None, "", "  ", "your_api_key_here", "your-api-key", "YOUR_KEY", "your_sparse_ai_key", "yours",
    "changeme", "change-me", "CHANGE_ME_PLEASE", "change_this_key", "replace-me",
    "xxx", "XXXXXXXX", "xxxx-xxxx-xxxx", "***", "…", "...", "---", "000000", "?", "<key>",
    "<your key here>", "[api key]", "{{ key }}", "${SPARSE_AI_API_KEY}", "%KEY%", "sk-…example",
    "sk-your-key", "sk-xxxxxxxx", "sk-xxxx", "api_key", "API-KEY", "apikey", "key", "token",
    "my_api_key", "the key", "insert-your-key-here", "put_key_here", "enter your key", "todo",
    "TBD", "none", "null", "placeholder", "example", "example-key", "AKIAIOSFODNN7EXAMPLE",
    '"your_api_key_here"', "dummy", "fake-key", "paste it here",
]  # fmt: skip


@pytest.mark.parametrize("sample", _SAMPLES)
def test_a_sample_is_no_key(sample: str | None) -> None:
    assert is_placeholder(sample)


@given(
    st.sampled_from(["", "sk-", "sk_live_", "vig_", "key-", "token_", "pk."]),
    st.binary(min_size=16, max_size=48),
)
def test_a_random_key_is_none_of_them(prefix: str, random: bytes) -> None:
    if len(set(random)) > 4:  # hypothesis tries zeros, which no generator produces
        assert not is_placeholder(prefix + random.hex())


def test_a_key_that_was_made_is_a_key() -> None:
    for _ in range(2_000):
        assert not is_placeholder(f"vgt_{secrets.token_urlsafe(32)}")
    assert not is_placeholder("an-example-key-of-a-test")
    assert not is_placeholder("x" * 5 + secrets.token_hex(12))
    assert not is_placeholder("a_" * 100_000), "it costs no time either"


@pytest.mark.parametrize("brackets", ["<>", "[]", "{}"])
def test_what_is_in_brackets_is_to_be_filled_in(brackets: str) -> None:
    assert is_placeholder(brackets[0] + secrets.token_hex(8) + brackets[1])
