"""Estimate how easily a password is guessed, with zxcvbn, in bounded time.

zxcvbn tries every combination of letters that the characters of a password may stand for («4» and
«@» for «a», …), and for each of them every part of the password: 2 s for 72 chosen characters. A
password is therefore estimated by a prefix of known cost. The rest can only make a password harder
to guess, so no easy one passes.
"""

import threading
from collections.abc import Collection

_MOST_READ = 72
# Combinations times the square of the length; 20,000 takes about 30 ms of CPU.
_BUDGET = 20_000
# The characters that zxcvbn reads as letters, one group per letter.
_STAND_INS = ("4@", "8", "({[<", "3", "69", "1!|", "1|7", "0", "$5", "+7", "%", "2")
# zxcvbn keeps the words of the current call in a table of its module.
_one_at_a_time = threading.Lock()


def is_guessable(password: str, words: Collection[str]) -> bool:
    """Return whether a password takes fewer than about 10^10 guesses.

    Args:
        words: an attacker's first guesses, such as the user's address.
    """
    from zxcvbn import zxcvbn  # its word lists take long to load

    judged_part = affordable_beginning(password)
    with _one_at_a_time:
        judged = zxcvbn(judged_part, user_inputs=list(words), max_length=_MOST_READ)
    # The highest of its five grades: more than 10^10 guesses.
    return int(judged["score"]) < 4


def affordable_beginning(password: str) -> str:
    """Return the longest prefix of a password that zxcvbn estimates within the budget."""
    beginning = password[:_MOST_READ]
    while _cost(beginning) > _BUDGET:
        beginning = beginning[:-1]
    return beginning


def _cost(text: str) -> int:
    present, combinations = set(text), 1
    for group in _STAND_INS:
        combinations *= max(1, len(present.intersection(group)))
    return combinations * len(text) ** 2
