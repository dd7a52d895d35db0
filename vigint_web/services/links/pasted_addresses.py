"""Find mail addresses in pasted text: lists of programs, tables, whole sentences. Pure."""

import re
from dataclasses import dataclass

from vigint_web.mail.sanitize import one_line
from vigint_web.net.mailboxes import read_mailbox, split_addresses

# Characters around an address in a sentence that do not belong to it.
_WORD = re.compile(r"""[^\s<>()\[\]{}"«»“”]+""")
_AROUND = ".!?:'’‘…*"
_LONGEST_REST = 120


@dataclass(frozen=True)
class Pasted:
    """The addresses in a text, normalized and without duplicates, and the remaining text."""

    addresses: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def read_pasted(text: str) -> Pasted:
    """Read addresses with or without names, separated by commas, semicolons, tabs or line ends.

    In a part that is not an address, such as a sentence, addresses are searched for; its other
    words are returned as unread, never cut into addresses.
    """
    found: dict[str, None] = {}
    unread: dict[str, None] = {}
    for part in split_addresses(text):
        # A sentence before “<…>” may contain addresses too.
        mailbox = read_mailbox(part) if part.count("@") == 1 else None
        if mailbox is not None:
            found[mailbox.address] = None
            continue
        addresses, rest = _search(part)
        found.update(dict.fromkeys(addresses))
        if rest:
            unread[rest] = None
    return Pasted(tuple(found), tuple(unread))


def _search(sentence: str) -> tuple[list[str], str]:
    """Return the addresses in a sentence, and its other words; names before <…> are not among
    these.
    """
    addresses, rest, end = [], [], 0
    for word in _WORD.finditer(sentence):
        mailbox = read_mailbox(word[0].strip(_AROUND)) if "@" in word[0] else None
        if mailbox is None:
            continue
        addresses.append(mailbox.address)
        before = sentence[end : word.start()].rstrip()
        if not before.endswith("<"):
            rest.append(before)
        end = word.end()
    rest.append(sentence[end:])
    words = (one_line(part.strip(" <>()[],;.:"), _LONGEST_REST) for part in rest)
    return addresses, " … ".join(part for part in words if re.search(r"\w", part or ""))
