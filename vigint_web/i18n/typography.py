"""Implement the typographic rules of both languages, for computed and written text. Pure.

Those of French are the “Lexique des règles typographiques en usage à l'Imprimerie nationale”.
"""

import re

NO_BREAK = "\N{NO-BREAK SPACE}"
_MONTHS = r"(?:janv|févr|mars|avr|mai|juin|juil|août|sept|oct|nov|déc)"
NO_BREAK_HYPHEN = "\N{NON-BREAKING HYPHEN}"
_FIRST = re.compile(rf"(?<!\d)1(?=[ \u00a0\u202f]{_MONTHS})")
_MAIL = re.compile(r"\b(e)-mail", re.IGNORECASE)
# Code is exempt: a header, a command, an address, a time, a placeholder.
_CODE = re.compile(
    r"Authorization: Bearer(?: <key>)?|Tus-Resumable: 1\.0\.0|tus 1\.0\.0|Upload-[A-Z]\w+"
    r"|https?://\S+|%\(\w+\)[a-z]|\{\w+\}|\[\w+\]|\d{1,4}(?::\d\d)+|\w{1,40}_\w+|\w{1,40}/[\w-]{1,80}\.\w+"
)
_FRENCH = {
    "a straight apostrophe": re.compile(r"'"),
    "straight or English quotation marks": re.compile(r'["“”]'),
    "three dots": re.compile(r"\.\.\."),
    "no narrow no-break space before ; ! or ?": re.compile(r"[^\u202f][;!?]"),
    # Before a colon and within « » the space is a full one; both are non-breaking.
    "no no-break space before a colon": re.compile(r"[^\u00a0\u202f]:|^:"),
    "no no-break space within « »": re.compile(r"«[^\u00a0\u202f]|[^\u00a0\u202f]»"),
    "no no-break space before %": re.compile(r"[^\u00a0\u202f]%%|\d%"),
    "a space before a point or comma": re.compile(r"\s[.,)](?:\s|$)"),
    "two spaces": re.compile(r"[ \u00a0\u202f]{2}"),
    "a space at an end": re.compile(r"^ | $"),
    "a decimal point": re.compile(r"\d\.\d"),
    "a unit of bytes that is not French": re.compile(r"\b[KMGT]i?B\b|\bKo\b"),
    "an x between figures": re.compile(r"\d\s?x\s?\d"),
    "a × that a line may end at": re.compile(r"\d ?×|× ?\d"),
    "a figure that a line may part from its unit": re.compile(
        r"\d (?:[kMGT]?o|[KMGT]io|s|h|min|Hz|kbit/s|pixels)(?!\w)"
    ),
    "a first of a month without its ordinal": re.compile(rf"(?<!\d)1[ \u00a0]{_MONTHS}"),
}
_ENGLISH = {
    "a straight apostrophe": re.compile(r"'"),
    "straight quotation marks": re.compile(r'"'),
    "three dots": re.compile(r"\.\.\."),
    "a space before punctuation": re.compile(r"\s[.,;:!?)](?:\s|$)"),
    "two spaces": re.compile(r"[ \u00a0]{2}"),
    "a space at an end": re.compile(r"^ | $"),
    "an x between figures": re.compile(r"\d\s?x\s?\d"),
}


def first_of_month(text: str) -> str:
    """Return a French date with 1er for the first day of a month; all others unchanged."""
    return _FIRST.sub("1er", text)


def unbroken(text: str) -> str:
    """Return a text of a page in which no line ends within “e-mail”."""
    return _MAIL.sub(rf"\1{NO_BREAK_HYPHEN}mail", text)


def dimensions(width: int, height: int) -> str:
    """Return the size of a picture on one line, such as 640 × 480."""
    return f"{width}{NO_BREAK}×{NO_BREAK}{height}"


def without_code(text: str) -> str:
    """Return a text with each placeholder and piece of code replaced by a one-letter word."""
    return _CODE.sub("x", text)


def mistakes(text: str, locale: str) -> list[str]:
    """Return the rules that a text breaks.

    Args:
        text: a sentence or less; placeholders and code in it are not checked.
        locale: fr or en.
    """
    plain = without_code(text)
    rules = _FRENCH if locale == "fr" else _ENGLISH
    return [rule for rule, pattern in rules.items() if pattern.search(plain)]
