"""Recognize mail addresses that cannot exist, so that none of them counts as delivered. Pure."""

from collections.abc import Iterable

# RFC 6761 reserves these for names that do not resolve. It asks software not to treat "test" and
# "example" as special, and private mail servers have mailboxes under "local": for such an address
# the mail server's own refusal counts.
_LOOPBACK, _RESERVED = "localhost", "invalid"
# The domain of accounts created by Vigint itself, for logging in only.
_MADE_UP = "vigint.local"


def cannot_exist(address: str, own: str | None = None) -> bool:
    """Return whether no mailbox can have this address.

    Args:
        address: `local@domain`, in any case.
        own: the sender's address; the installation's mail server may serve a reserved domain that
        the installation itself uses.
    """
    domain = _domain_of(address)
    ending = domain.rpartition(".")[2]
    if domain == _MADE_UP or ending == _LOOPBACK:
        return True
    return ending == _RESERVED and (own is None or not _is_below(domain, _domain_of(own)))


def reachable(addresses: Iterable[str], own: str | None = None) -> list[str]:
    """Return the addresses that can exist, in their order."""
    return [address for address in addresses if not cannot_exist(address, own)]


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2].strip("> ").rstrip(".").lower()


def _is_below(domain: str, own: str) -> bool:
    return bool(own) and (domain == own or domain.endswith(f".{own}"))
