"""Parse the contact of an installation. Pure."""

import re
from urllib.parse import urlsplit

from vigint_web.config.values import is_mailbox

# Digits grouped as usual in France and elsewhere: 01 23 45 67 89, +33 (0)1.23.45.67.89.
_TELEPHONE = re.compile(r"\+?[\d(][\d\s().-]{4,24}\d")


def contact_url(contact: str) -> str | None:
    """Return the URL of a contact: mailto:, tel: or its own address; None if there is none."""
    if is_mailbox(contact):
        return f"mailto:{contact}"
    if urlsplit(contact).scheme == "https":
        return contact if " " not in contact else None
    if _TELEPHONE.fullmatch(contact):
        # The trunk prefix in brackets is not dialled after the code of the country (RFC 3966).
        number = contact.replace("(0)", "") if contact.startswith("+") else contact
        return "tel:" + re.sub(r"[^\d+]", "", number)
    return None
