"""Every command, its module and what `./vigint --help` says of it, which imports none of them."""

from typing import NamedTuple


class Listed(NamedTuple):
    """The module of a command, and its line in the help; none: named in its section's heading."""

    module: str
    summary: str = ""


# The help fits a terminal of 24 lines by 80 columns, the prompt included.
SECTIONS: dict[str, dict[str, Listed]] = {
    "Begin": {
        "demo": Listed("demo", "show everything once, on footage it makes itself"),
        "up": Listed("up", "start everything, and keep it running until Ctrl-C"),
        "doctor": Listed("doctor", "say what would be used here, and what is missing"),
    },
    "People and programs": {
        "create-user": Listed("people", "create a person, print a password once"),
        "reset-password": Listed("people", "give a person a new password, end their sessions"),
        "reset-two-factor": Listed("people", "remove the second factor of a person who lost it"),
        "create-api-key": Listed("people", "print a key for a program, once"),
    },
    "Footage and data": {
        "test-video-processing": Listed("media", "process one file here, print what it found"),
        "media": Listed("media_check", "compare the rows with the stored files"),
        "backup": Listed("backup", "write everything into one file, or check one"),
        "restore": Listed("backup", "restore it into an empty data directory"),
        "retention": Listed("retention", "show or decide what is kept for how long"),
        "verify-audit": Listed("people", "check the audit trail"),
        "rotate-signing-key": Listed("signing", "sign new links with a new key; live ones go on"),
    },
    "One by one, for production": {
        "migrate": Listed("up"),
        "prepare": Listed("prepare"),
        "queue": Listed("parts"),
        "scheduler": Listed("parts"),
        "web": Listed("parts"),
        "worker": Listed("parts"),
    },
}
MODULES = {name: listed.module for section in SECTIONS.values() for name, listed in section.items()}


def overview() -> str:
    """Return what `./vigint --help` prints."""
    width = max(map(len, MODULES)) + 2
    lines = [
        "Vigint: private video links and alerts for security incidents.",
        "Usage: ./vigint COMMAND [OPTIONS]; ./vigint COMMAND --help says more.",
    ]
    for heading, section in SECTIONS.items():
        described = {name: listed.summary for name, listed in section.items() if listed.summary}
        if described:
            lines.append(f"{heading}:")
            lines += [f"  {name:{width}}{summary}" for name, summary in described.items()]
        else:
            lines.append(f"{heading}: {', '.join(section)}.")
    lines.append("./vigint test runs the tests.")
    return "\n".join(lines)
