"""Delay guessing without lockouts: growing delays after failures.

Failures are counted for the pair of an account and an address, for the account alone, and for the
address alone. A browser that has logged in to the account before has a device cookie and a counter
of its own, so that a stranger's failures do not delay the owner (OWASP, Slow Down Online Guessing
Attacks with Device Cookies); an owner in a new browser can log in by a mailed link.

A whole office shares one address. The counter of the address alone therefore delays only pairs that
have failed from there themselves, and for a minute at most: the first attempts on an account are
never delayed by what a colleague or a stranger did to other accounts.
"""

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal, cast

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import digest
from vigint_web.errors import VigintError
from vigint_web.services.core.runtime import runtime

log = logging.getLogger(__name__)

LONGEST_WAIT = 900
_FORGOTTEN_AFTER = 24 * 3_600
_SILENCE_SECONDS = 5.0
_MOST_KEYS = 20_000
_MEMORY = "vigint_login_failures"

# The number of failures without a delay, by counter.
_PAIR, _ACCOUNT, _ADDRESS, _DEVICE = 4, 19, 99, 4
# The address delays a pair after this many failures of that pair, and at most this long.
_OWN_FAILURES, _LONGEST_OF_ADDRESS = 2, 60

# Atomic for all processes: return the remaining delay, or count the attempt before it is made, so
# that parallel guesses are no loophole. Per key: the free failures, the longest delay, and how many
# failures the first key must have for this one to delay.
_TAKE = """
local now, ttl, wait = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
local own = tonumber(redis.call('HGET', KEYS[1], 'n') or '0')
for i, key in ipairs(KEYS) do
  local till = tonumber(redis.call('HGET', key, 'until') or '0')
  local counts = own >= tonumber(ARGV[3 * i + 2])
  -- A wait longer than any was written before the clock was set back.
  if till - now > tonumber(ARGV[3 * i + 1]) * 1000 then counts = false end
  if counts and till - now > wait then wait = till - now end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  local over = redis.call('HINCRBY', key, 'n', 1) - tonumber(ARGV[3 * i])
  if over > 0 then
    local pause = math.min(2 ^ math.min(over - 1, 20), tonumber(ARGV[3 * i + 1]))
    redis.call('HSET', key, 'until', now + pause * 1000)
  end
  redis.call('EXPIRE', key, ttl)
end
return 0
"""

# After a success all failures of the first key were the user's own; they are subtracted from every
# counter. A withdrawn attempt is a single one.
_TAKE_BACK = """
local own = tonumber(redis.call('HGET', KEYS[1], 'n') or '0')
local back = own
if ARGV[1] == 'one' then back = math.min(own, 1) end
for i, key in ipairs(KEYS) do
  local left = tonumber(redis.call('HGET', key, 'n') or '0') - back
  if left <= 0 then
    redis.call('DEL', key)
  else
    redis.call('HSET', key, 'n', left)
    if left <= tonumber(ARGV[i + 1]) then redis.call('HDEL', key, 'until') end
  end
end
"""


class TooSoon(VigintError):
    """The attempt is delayed; carries the seconds until the next one."""

    code = "too_many_requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class _Counted:
    key: str
    free: int
    longest: int = LONGEST_WAIT
    needs: int = 0


@dataclass(frozen=True)
class Attempt:
    """One attempt, counted as a failure until it succeeds; its first counter is its own."""

    counted: tuple[_Counted, ...]

    def succeeded(self) -> None:
        """Subtract it, and the same user's failures before it."""
        self._take_back("all")

    def withdrawn(self) -> None:
        """Subtract this one: it was not made after all."""
        self._take_back("one")

    def _take_back(self, which: Literal["all", "one"]) -> None:
        redis = _server()
        if redis is not None:
            keys = [each.key for each in self.counted]
            limits = [each.free for each in self.counted]
            try:
                redis.register_script(_TAKE_BACK)(keys=keys, args=[which, *limits])
            except RedisError as error:
                _silence(error)
        _memory().take_back(self.counted, which)


def take_attempt(kind: str, account: str, address: str, device: str | None) -> Attempt:
    """Count an attempt; the caller reports its success.

    Args:
        kind: what is tried: a password, a code.
        account: the claimed identity, whether or not there is such an account.
        device: the identity of a browser that has logged in to this account before.

    Raises:
        TooSoon: the delay after an earlier failure is not over; this attempt must not be made.
    """
    counted = _counted(kind, _digest(account), _network(address), device)
    milliseconds = _take(counted)
    if milliseconds > 0:
        raise TooSoon(-(-milliseconds // 1000))
    return Attempt(counted)


def _counted(kind: str, account: str, network: str, device: str | None) -> tuple[_Counted, ...]:
    start = f"vigint:failures:{kind}"
    if device is not None:
        return (_Counted(f"{start}:device:{account}:{_digest(device)}", _DEVICE),)
    return (
        _Counted(f"{start}:pair:{account}:{network}", _PAIR),
        _Counted(f"{start}:account:{account}", _ACCOUNT),
        _Counted(f"{start}:address:{network}", _ADDRESS, _LONGEST_OF_ADDRESS, needs=_OWN_FAILURES),
    )


def _take(counted: tuple[_Counted, ...]) -> int:
    redis, now = _server(), int(utcnow().timestamp() * 1000)
    if redis is not None:
        keys = [each.key for each in counted]
        limits = [limit for each in counted for limit in (each.free, each.longest, each.needs)]
        try:
            arguments = [now, _FORGOTTEN_AFTER, *limits]
            return int(redis.register_script(_TAKE)(keys=keys, args=arguments))
        except RedisError as error:
            _silence(error)
    return _memory().take(counted, now)


class _Memory:
    """Count in this process, while the queue server is unavailable."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def take(self, counted: tuple[_Counted, ...], now: int) -> int:
        with self._lock:
            own = self._rows.get(counted[0].key, (0, 0))[0]
            waits = [
                (self._rows.get(each.key, (0, 0))[1] - now, each.longest * 1000)
                for each in counted
                if own >= each.needs
            ]
            # As above: none is longer than the maximum.
            waiting = [wait for wait, longest in waits if 0 < wait <= longest]
            if waiting:
                return max(waiting)
            for each in counted:
                failures, until = self._rows.get(each.key, (0, 0))
                over = failures + 1 - each.free
                if over > 0:
                    until = now + min(2 ** min(over - 1, 20), each.longest) * 1000
                self._rows[each.key] = (failures + 1, until)
                self._rows.move_to_end(each.key)
            while len(self._rows) > _MOST_KEYS:
                self._rows.popitem(last=False)
        return 0

    def take_back(self, counted: tuple[_Counted, ...], which: Literal["all", "one"]) -> None:
        with self._lock:
            own = self._rows.get(counted[0].key, (0, 0))[0]
            back = min(own, 1) if which == "one" else own
            for each in counted:
                failures, until = self._rows.get(each.key, (0, 0))
                left = failures - back
                if left > 0:
                    self._rows[each.key] = (left, until if left > each.free else 0)
                else:
                    self._rows.pop(each.key, None)


def _memory() -> _Memory:
    return cast(_Memory, current_app.extensions.setdefault(_MEMORY, _Memory()))


def _server() -> Redis | None:
    here = runtime()
    return None if time.monotonic() < here.queue_silent_until else here.redis


def _silence(error: RedisError) -> None:
    # A silent server costs every caller its timeout: retry it only after a while.
    runtime().queue_silent_until = time.monotonic() + _SILENCE_SECONDS
    log.warning("failed logins are counted in this process only: %s", type(error).__name__)


def _digest(text: str) -> str:
    return digest(text)[:32]


def _network(address: str) -> str:
    """Return the network of an address: an IPv6 household has a /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return f"{int(parsed) >> 64:x}"
    return str(parsed)
