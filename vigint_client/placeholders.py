"""Distinguish keys from the placeholders of sample files."""

import re

# Compared in lower case, with each run of spaces, dots and dashes as an underscore.
_SAMPLES = tuple(
    re.compile(sample)
    for sample in (
        r"(change|replace|fill|insert|enter|put|add)_?(me|this|it|in|here|your|the|a)(_.*)?",
        r"yours?(_.*)?",
        r"(my|the|an?|some)_(.*_)?(key|token|secret|password)(_here)?",
        r"(api_?)?(key|token|secret|password)(_here)?",
        r".*_here",
        r".*(example|sample|placeholder)",
        r"(example|sample|placeholder|dummy|fake|todo|to_do|tbd|none|null|nil|n/?a)(_.*)?",
        r"(sk|pk|key|token)_(.*_)?(your|xxx+|x{3,}.*)(_.*)?",
        r"((sk|pk|key|token)_)?[x*_.…0?-]+",
        r"(.)\1*",
    )
)
_BRACKETS = frozenset({"<>", "[]", "{}", "()", "%%", "$}"})
# No placeholder is longer; longer text is not searched.
_LONGEST = 100


def is_placeholder(key: str | None) -> bool:
    """Return whether a key is missing, or a placeholder (`your_api_key_here`)."""
    text = (key or "").strip().strip("\"'").strip()
    if not text or text[0] + text[-1] in _BRACKETS:
        return True
    plain = re.sub(r"[ _.-]+", "_", text.casefold()).strip("_") or "_"
    return len(text) <= _LONGEST and any(sample.fullmatch(plain) for sample in _SAMPLES)
