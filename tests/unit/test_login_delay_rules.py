"""The limits of guessing, and who is delayed by whom: over any order of attempts."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.accounts import login_throttling
from vigint_web.services.accounts.login_throttling import LONGEST_WAIT

DAY = 24 * 3600
ADDRESSES = ["198.51.100.1", "198.51.100.2", "2001:db8::1"]
ACCOUNTS = ["a@example.com", "b@example.com", "c@example.com"]
ATTEMPTS = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ADDRESSES),
        st.sampled_from([0, 0, 0, 1, 60, 900]),
    ),
    max_size=300,
)  # fmt: skip


class Guard:
    """Count like one process while the queue server is unavailable, with its own clock."""

    def __init__(self) -> None:
        self._memory, self.now = login_throttling._Memory(), 0

    def fail(self, account: str, address: str, device: str | None = None) -> int:
        """Fail once; return the delay in seconds if the attempt is refused."""
        network = login_throttling._network(address)
        counted = login_throttling._counted("password", account, network, device)
        return -(-self._memory.take(counted, self.now * 1000) // 1000)


@given(ATTEMPTS)
def test_nobody_waits_for_failures_on_other_accounts(
    attempts: list[tuple[str, str, int]],
) -> None:
    """Two attempts are always free, whatever others did from the same address."""
    guard = Guard()
    for account, address, pause in attempts:
        guard.now += pause
        guard.fail(account, address)
    for _try in range(2):
        assert guard.fail("owner@example.com", ADDRESSES[0]) == 0
    assert guard.fail("owner@example.com", ADDRESSES[0]) <= 60


@given(ATTEMPTS)
def test_a_known_device_waits_for_itself_only(attempts: list[tuple[str, str, int]]) -> None:
    guard = Guard()
    for account, address, pause in attempts:
        guard.now += pause
        guard.fail(account, address)
    for account in ACCOUNTS:
        assert guard.fail(account, ADDRESSES[0], "its own browser") == 0


@given(ATTEMPTS)
def test_no_wait_is_longer_than_the_longest(attempts: list[tuple[str, str, int]]) -> None:
    guard = Guard()
    for account, address, pause in attempts:
        guard.now += pause
        assert guard.fail(account, address) <= LONGEST_WAIT


@pytest.mark.parametrize("addresses", [1, 50])
def test_how_many_guesses_an_account_takes_in_a_day(addresses: int) -> None:
    """The figures of docs/security.md, with an attacker who loses no time."""
    guard, made = Guard(), 0
    while guard.now < DAY:
        waits = []
        for number in range(addresses):
            wait = guard.fail("owner@example.com", f"198.51.100.{number}")
            made += wait == 0
            waits.append(wait)
        guard.now += max(1, min(waits))
    assert made <= (110 if addresses == 1 else 130), made


def test_how_many_guesses_one_address_has_in_a_day() -> None:
    """On a hundred accounts: two for each at once, and one a minute after that."""
    guard, made = Guard(), Counter[str]()
    accounts = [f"person{n}@example.com" for n in range(100)]
    while guard.now < DAY:
        waits = []
        for account in accounts:
            wait = guard.fail(account, "198.51.100.1")
            made[account] += wait == 0
            waits.append(wait)
        guard.now += max(1, min(waits))
    assert sum(made.values()) <= 200 + DAY // 60 + 10, sum(made.values())
    assert max(made.values()) <= 110, max(made.values())
