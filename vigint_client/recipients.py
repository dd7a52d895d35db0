"""Parse a detector's recipients, in any form."""

from collections.abc import Iterable

from vigint_client.plain import to_text

_SEPARATORS = frozenset(",;\r\n")


def read_recipients(value: object, one_more: object = None) -> tuple[str, ...] | None:
    """Return the addresses as given, without duplicates; the server validates them.

    None stands for the recipients configured on the server, an empty tuple for none: only an empty
    list means that, not an empty text or a list of empty texts, which come from missing settings.
    """
    named = _read(value)
    more = _read(one_more) if one_more is not None else None
    if more:
        named = (*(named or ()), *more)
    return tuple(dict.fromkeys(named)) if named is not None else None


def _read(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return _split(to_text(value)) or None
    try:
        items = list(value)
    except Exception:
        items = [value]
    found = tuple(address for item in items for address in _split(to_text(item)))
    return found if found or not items else None


def _split(text: str) -> tuple[str, ...]:
    """Return the addresses in a text; a comma within quotes is part of a name (RFC 5322, 3.4)."""
    parts = [[""]]
    # With an odd number of quotes the last one is literal.
    last = text.rfind('"') if text.count('"') % 2 else -1
    quoted = False
    for place, letter in enumerate(text):
        if letter == '"' and place != last:
            quoted = not quoted
        if letter in _SEPARATORS and not quoted:
            parts.append([])
        else:
            parts[-1].append(letter)
    found = ("".join(part).strip() for part in parts)
    return tuple(part for part in found if part)
