"""Check the colours of the style sheets for contrast, in every theme and with any colour vision."""

import itertools
import math
import re
from pathlib import Path

import pytest

CSS = Path(__file__).resolve().parents[2] / "vigint_web/static/css"
THEMES = {
    "light": "",
    "dark": "dark",
    "high contrast": "more",
    "high contrast, dark": "dark more",
}
GROUNDS = ("paper", "surface", "sunk")
STATES = ("accent", "good", "warn", "bad")
RISKS = ("risk-low", "risk-medium", "risk-unknown", "risk-high", "risk-critical")

# Linear RGB for eyes without one kind of cone: Machado, Oliveira, Fernandes 2009, severity 1.
EYES = {
    "common": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}

Colours = dict[str, str]


def _theme(wanted: str) -> Colours:
    """Return the tokens under the given preferences, the later rule winning."""
    text = re.sub(r"/\*.*?\*/", "", (CSS / "tokens.css").read_text(), flags=re.DOTALL)
    found: Colours = {}
    for condition, body in re.findall(r"(?:@media ([^{]+)\{\s*)?:root \{([^}]*)\}", text):
        asked = {word for word in ("dark", "more") if word in condition}
        if asked <= set(wanted.split()):
            found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", body))
    return found


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> tuple[bool, Colours]:
    """Provide whether a theme has high contrast, and its colours."""
    wanted = THEMES[request.param]
    return "more" in wanted, _theme(wanted)


def _linear(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _linear_part(red), _linear_part(green), _linear_part(blue)


def _linear_part(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, as WCAG 2.2 defines it."""
    lights = sorted(
        0.2126 * red + 0.7152 * green + 0.0722 * blue
        for red, green, blue in (_linear(one), _linear(other))
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def seen(colour: str, eye: str) -> tuple[float, float, float]:
    """Return a colour's CIELAB coordinates (D65) for an eye."""
    light = _linear(colour)
    red, green, blue = (
        min(1.0, max(0.0, sum(part * weight for part, weight in zip(light, row, strict=True))))
        for row in EYES[eye]
    )
    x = _root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047)
    y = _root(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    z = _root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _root(value: float) -> float:
    return float(value ** (1 / 3)) if value > 0.008856 else 7.787 * value + 16 / 116


def _distance(one: str, other: str, eye: str) -> float:
    pairs = zip(seen(one, eye), seen(other, eye), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


def _words() -> list[tuple[str, str]]:
    """Return every pair of text and background colours in the style sheets."""
    pairs = list(itertools.product(("ink", "muted", *STATES, "accent-hover"), GROUNDS))
    pairs += [(words, f"{state}-soft") for state in STATES for words in ("ink", state)]
    pairs += [("on-accent", "accent"), ("on-accent", "accent-hover")]
    pairs += [("on-bad", "bad"), ("on-bad", "bad-hover")]
    pairs += [(f"on-{risk}", risk) for risk in RISKS]
    sides = ("side-ink", "side-strong", "side-accent")
    return pairs + list(itertools.product(sides, ("side", "side-here")))


@pytest.mark.parametrize(("words", "ground"), _words())
def test_words_can_be_read(theme: tuple[bool, Colours], words: str, ground: str) -> None:
    high, colours = theme
    assert contrast(colours[words], colours[ground]) >= (7 if high else 4.5)


def test_small_words_on_the_side_can_be_read(theme: tuple[bool, Colours]) -> None:
    _, colours = theme
    assert contrast(colours["side-muted"], colours["side"]) >= 4.5


@pytest.mark.parametrize("ground", GROUNDS)
def test_edges_of_controls_and_the_focus_can_be_seen(
    theme: tuple[bool, Colours], ground: str
) -> None:
    high, colours = theme
    for edge in ("line-strong", "focus"):
        assert contrast(colours[edge], colours[ground]) >= (4.5 if high else 3), edge


@pytest.mark.parametrize("eye", EYES)
def test_states_differ_to_every_eye(theme: tuple[bool, Colours], eye: str) -> None:
    _, colours = theme
    for one, other in itertools.combinations(STATES, 2):
        assert _distance(colours[one], colours[other], eye) >= 8, (one, other)
    # Success and failure differ even in a black and white print.
    assert abs(seen(colours["good"], eye)[0] - seen(colours["bad"], eye)[0]) >= 4


@pytest.mark.parametrize("eye", EYES)
def test_the_worse_the_risk_the_heavier_its_fill(theme: tuple[bool, Colours], eye: str) -> None:
    _, colours = theme
    lights = [seen(colours[risk], eye)[0] for risk in RISKS]
    dark = seen(colours["surface"], eye)[0] < 50
    steps = [(after - before) * (1 if dark else -1) for before, after in itertools.pairwise(lights)]
    assert min(steps) >= 7, "each level stands out further from the surface than the one before"


@pytest.mark.parametrize("name", [name for name, wanted in THEMES.items() if "dark" in wanted])
def test_the_worst_risk_is_no_paler_than_the_one_before(name: str) -> None:
    colours = _theme(THEMES[name])
    high, critical = (
        math.hypot(*seen(colours[risk], "common")[1:]) for risk in ("risk-high", "risk-critical")
    )
    assert critical >= high, f"chroma of critical {critical:.0f}, of high {high:.0f}"


def test_the_worse_the_risk_the_more_its_edge_contrasts(theme: tuple[bool, Colours]) -> None:
    _, colours = theme
    levels = ("low", "medium", "unknown", "high", "critical")
    found = [contrast(colours[f"edge-{level}"], colours["surface"]) for level in levels]
    assert found == sorted(found)
    assert found[0] >= 3
    assert found[-1] >= found[-2] * 1.1


def test_every_token_that_is_used_exists() -> None:
    text = "".join(path.read_text() for path in CSS.glob("*.css"))
    declared = set(re.findall(r"(--[\w-]+):", text))
    used = set(re.findall(r"var\((--[\w-]+)", text))
    assert used <= declared, "style sheets use undeclared tokens"


def test_colours_are_chosen_in_one_place() -> None:
    """Only tokens name colours of text and backgrounds; black, white and shadows are exempt."""
    for name in ("frame.css", "forms.css", "pieces.css", "lists.css", "inbox.css"):
        text = (CSS / name).read_text()
        named = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", text))
        assert named <= {"#000", "#fff", "#0b1217a6"}, f"{name} names a colour of its own"
