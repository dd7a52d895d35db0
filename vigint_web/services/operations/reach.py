"""Find out whether a phone outside reaches the installation by its public address.

A code on the home page contains an address with a signed token. A phone that opens it shows a page
of this installation, which reports back; what counts is that the request named the public host and
came from a public network.
"""

import ipaddress
from datetime import date, timedelta
from urllib.parse import urlsplit

from sqlalchemy import or_

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import BadToken, Purpose, Tokens
from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.models import Reach
from vigint_web.services.core import addresses
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import insert_into, transaction

# A code on a page that stays open works until it is drawn anew, at the next day.
_KEPT = timedelta(days=2)


def address_to_scan() -> str | None:
    """Return the address that a phone opens; None: `base_url` works on this machine only."""
    if config().base_url_is_loopback:
        return None
    return addresses.public(f"/reach?token={token_to_scan()}")


def token_to_scan() -> str:
    """Return the token of the day, so that a page which has not changed is not sent again."""
    return _tokens().mint(utcnow().date().toordinal())


def check_token(token: str) -> None:
    """Raise NotFound unless a token is of a code that was drawn lately."""
    try:
        day = _tokens().read(token)
    except BadToken:
        raise NotFound from None
    today = utcnow().date()
    if not isinstance(day, int) or not today - _KEPT <= date.fromordinal(day) <= today:
        raise NotFound


def record_reach(token: str, host: str, address: str) -> Reach:
    """Record that the code was opened.

    Args:
        host: the host that the request named, perhaps with a port.
        address: the visitor's address, which is not kept.

    Raises:
        NotFound: the token is not of a code that was drawn lately.
    """
    check_token(token)
    outside = is_public(address) and host.lower() == urlsplit(config().base_url).netloc.lower()
    with transaction() as session:
        insert = insert_into(session, Reach).values(
            base_url=config().base_url, at=utcnow(), from_outside=outside
        )
        session.execute(
            insert.on_conflict_do_update(
                index_elements=[Reach.base_url],
                set_={
                    "at": insert.excluded.at,
                    "from_outside": or_(Reach.from_outside, insert.excluded.from_outside),
                },
            )
        )
    return Reach(base_url=config().base_url, at=utcnow(), from_outside=outside)


def last_reach() -> Reach | None:
    """Return the last scan under the present `base_url`, if there was any."""
    return db.session.get(Reach, config().base_url, populate_existing=True)


def is_public(address: str) -> bool:
    """Return whether an address is of a public network (RFC 6890)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global


def _tokens() -> Tokens:
    return Tokens(Purpose.REACH, *config().key_ring)
