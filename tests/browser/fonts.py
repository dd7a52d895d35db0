"""The browser's fonts: selected by the test, independent of the machine."""

import os
from dataclasses import dataclass
from pathlib import Path

_ROOTS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_EMOJI = "NotoColorEmoji.ttf"


@dataclass(frozen=True)
class FontSet:
    """A font for text and one for code, their files, and Debian's package."""

    sans: str
    mono: str
    files: tuple[str, ...]
    package: str


# Lines of text are between 1.12 and 1.36 em high (ascent and descent), and differ in width.
FONT_SETS = {
    "dejavu": FontSet(
        "DejaVu Sans",
        "DejaVu Sans Mono",
        ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
        "fonts-dejavu-core",
    ),
    "liberation": FontSet(  # the metrics of Arial and Helvetica
        "Liberation Sans",
        "Liberation Mono",
        tuple(f"Liberation{kind}.ttf" for kind in ("Sans-Regular", "Sans-Bold", "Mono-Regular")),
        "fonts-liberation",
    ),
    "open-sans": FontSet(  # the metrics of Noto Sans
        "Open Sans", "Open Sans", ("OpenSans-Regular.ttf", "OpenSans-Bold.ttf"), "fonts-open-sans"
    ),
}


class MissingFontError(Exception):
    """A font is missing; names its package."""


def font_environment(folder: Path, chosen: FontSet) -> dict[str, str]:
    """Return the environment of a program with these fonts, and emoji, and no others.

    Args:
        folder: for the fonts and fontconfig's files; must not exist.

    Raises:
        MissingFontError: a font is missing.
    """
    seen = folder / "fonts"
    seen.mkdir(parents=True)
    on_machine = {
        path.name: path for root in _ROOTS for path in Path(root).expanduser().rglob("*.ttf")
    }
    for name in (*chosen.files, _EMOJI):
        package = "fonts-noto-color-emoji" if name == _EMOJI else chosen.package
        if name not in on_machine:
            raise MissingFontError(f"{name} is missing (Debian: apt install {package})")
        (seen / name).symlink_to(on_machine[name])
    meant = {"sans-serif": chosen.sans, "system-ui": chosen.sans, "monospace": chosen.mono}
    aliases = "".join(
        f'<alias binding="same"><family>{generic}</family>'
        f"<prefer><family>{family}</family></prefer></alias>"
        for generic, family in meant.items()
    )
    configuration = folder / "fonts.conf"
    configuration.write_text(
        f"<fontconfig><dir>{seen}</dir><cachedir>{folder / 'cache'}</cachedir>"
        f"{aliases}</fontconfig>\n"
    )
    return {**os.environ, "FONTCONFIG_FILE": str(configuration)}
