"""List every command with its module and its line in `./vigint --help`, importing none of them."""

from typing import NamedTuple


class Listed(NamedTuple):
    """The module of a command, and its line in the help; None: it is in its section's heading."""

    module: str
    summary: str = ""


# The help fits a terminal of 24 lines by 80 columns, the prompt included.
SECTIONS: dict[str, dict[str, Listed]] = {
    "Begin": {
        "demo": Listed("demo", "run the whole workflow once, on generated footage"),
        "up": Listed("up", "start everything, and keep it running until Ctrl-C"),
        "doctor": Listed("doctor", "report what would be used here, and what is missing"),
    },
    "People and programs": {
        "create-user": Listed("people", "create a user, print a password once"),
        "reset-password": Listed("people", "set a user's new password, end their sessions"),
        "reset-two-factor": Listed("people", "remove a user's lost second factor"),
        "confidential": Listed("confidential", "list confidential incidents, name a reader"),
        "create-api-key": Listed("people", "print a key for a program, once"),
    },
    "Footage and data": {
        "test-video-processing": Listed("media", "process one file here, print its metadata"),
        "media": Listed("media_check", "compare the database with the stored files"),
        "backup": Listed("backup", "write everything into one file, or check one"),
        "restore": Listed("backup", "restore it into an empty data directory"),
        "retention": Listed("retention", "show or decide what is kept for how long"),
        "verify-audit": Listed("people", "check the audit trail"),
        "rotate-signing-key": Listed(
            "signing", "sign new links with a new key; old ones stay valid"
        ),
    },
    "One by one, for production": {
        "migrate": Listed("up"),
        "prepare": Listed("prepare"),
        "queue": Listed("single_process"),
        "scheduler": Listed("single_process"),
        "web": Listed("single_process"),
        "worker": Listed("single_process"),
    },
}
MODULES = {name: listed.module for section in SECTIONS.values() for name, listed in section.items()}


def overview() -> str:
    """Return the text of `./vigint --help`."""
    width = max(map(len, MODULES)) + 2
    lines = [
        "Vigint: private video links and alerts for security incidents.",
        "Usage: ./vigint COMMAND [OPTIONS]; ./vigint COMMAND --help describes one.",
    ]
    for heading, section in SECTIONS.items():
        described = {name: listed.summary for name, listed in section.items() if listed.summary}
        if described:
            lines.append(f"{heading}:")
            lines += [f"  {name:{width}}{summary}" for name, summary in described.items()]
        else:
            lines.append(f"{heading}: {', '.join(section)}.")
    lines.append("./vigint test runs the tests, ./vigint bench the benchmarks.")
    return "\n".join(lines)
