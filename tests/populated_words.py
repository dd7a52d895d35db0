"""The content of populated installations: ordinary and odd words, and a picture."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw


@dataclass(frozen=True)
class Words:
    """Names given by people and detectors."""

    names: Sequence[str]
    messages: Sequence[str]
    files: Sequence[str]
    addresses: Sequence[str]


ORDINARY = Words(
    names=("Entrée principale", "Quai 2", "Rayon 4", "Parking", "Caisse 7", "Réserve"),
    messages=(
        "Mouvement suspect au rayon 4",
        "Une personne franchit la clôture nord.",
        "Sac abandonné près de la caisse 7",
    ),
    files=("parking-nord.mp4", "quai 2 – nuit.mkv", "export_2026-11-02.avi"),
    addresses=("garde@example.com", "chef@example.com", "astreinte@example.com"),
)
EXTREME = Words(
    names=(
        ("Caméra du couloir de la réserve derrière le quai de livraison " * 4)[:200].strip(),
        "W" * 200,
        "<script>alert('x')</script> & <b onclick=\"x\">gras</b> </td></html> {{ 7*7 }} %s",
        "🚨🎥👩‍👩‍👧‍👦🇫🇷" * 12,
        "كاميرا المدخل الرئيسي للمستودع رقم ٣ – المراقبة الليلية",
        "מצלמה ראשית ליד שער הכניסה Quai 2 (nord)",
        "_".join(["nom_de_fichier_sans_espace"] * 7)[:200],
        "Ä",
    ),
    messages=(
        "Une personne non identifiée se déplace lentement entre les rayons. " * 12,
        "x" * 600,
        "</main><h1>Pas un titre</h1>\n\n\n&nbsp;&amp;amp; '\"`",
        "شخص مجهول يتحرك ببطء بين الرفوف 🚨",
    ),
    files=("v" * 240 + ".mp4", "видео с камеры наблюдения № 4 🎥.mp4", "<img src=x>.mp4"),
    addresses=(
        "a" * 64 + "@" + "sous-domaine." * 13 + "example.com",
        "garde@example.com",
    ),
)


@dataclass(frozen=True)
class State:
    """The amount of data, and its names."""

    name: str
    count: int
    words: Words = ORDINARY
    accesses: int = 3


STATES = {
    state.name: state
    for state in (
        State("none", 0),
        State("little", 1),
        State("much", 64, accesses=200),
        State("long", 10, EXTREME, accesses=12),
    )
}


AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
    "python-requests/2.32.5",
    "Lavf/62.3.100",
)


def picture(width: int, height: int) -> bytes:
    """Draw a corridor, like a camera at night."""
    picture = Image.new("RGB", (width, height), "#1d2b33")
    draw = ImageDraw.Draw(picture)
    centre = (width * 0.56, height * 0.42)
    for x, y in ((0, 0), (width, 0), (width, height), (0, height)):
        draw.line((x, y, *centre), fill="#43565f", width=max(1, width // 200))
    for part in (0.15, 0.4):
        box = [
            centre[0] * part, centre[1] * part,
            width - (width - centre[0]) * part, height - (height - centre[1]) * part,
        ]  # fmt: skip
        draw.rectangle(box, outline="#5d727c", width=max(1, width // 160))
    draw.ellipse((width * 0.3, height * 0.35, width * 0.36, height * 0.46), fill="#c9d3d8")
    draw.rectangle((width * 0.29, height * 0.46, width * 0.37, height * 0.8), fill="#9fb0b8")
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=80)
    return kept.getvalue()
