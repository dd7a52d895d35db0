"""Check a page for errors; every function returns sentences, none if there are none."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RULES = {
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "iframes": False,
    "preload": False,
}
WIDTHS = (320, 390, 768, 1280)

_WIDE = """
() => {
  const width = document.documentElement.clientWidth;
  const name = (element) => {
    const told = element.outerHTML.replace(/\\s+/g, " ").slice(0, 120);
    const box = element.getBoundingClientRect();
    return `${Math.round(box.left)}…${Math.round(box.right)}: ${told}`;
  };
  const scrolls = (element) => {
    for (let over = element.parentElement; over; over = over.parentElement) {
      if (over === document.body || over === document.documentElement) return false;
      const style = getComputedStyle(over);
      if (style.overflowX !== "visible" || style.clipPath !== "none") return true;
    }
    return false;
  };
  const found = [];
  if (document.documentElement.scrollWidth > width) {
    found.push(`the document is ${document.documentElement.scrollWidth} wide`);
  }
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const style = getComputedStyle(element);
    if (style.clipPath !== "none" || style.clip !== "auto") continue;
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1) continue;
    if (box.bottom < 0) continue;  // waits above the page until it has the focus
    if ((box.right > width + 1 || box.left < -1) && !scrolls(element)) found.push(name(element));
  }
  return found.slice(0, 5);
}
"""
_CUT_OFF = """
() => [...document.querySelectorAll(".table-card")]
  .filter((card) => card.scrollWidth > card.clientWidth + 1)
  .map((card) => [card.scrollWidth, card.clientWidth, card.textContent.trim().slice(0, 60)].join())
"""
_CLIPPED = """
() => {
  const found = [];
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility({ visibilityProperty: true }) && box.width > 1 && box.height > 1;
  };
  const told = (element) => element.outerHTML.replace(/\\s+/g, " ").slice(0, 120);
  const lines = document.createRange();
  const framed = "button, a.button, summary, .badge-v, label, .stat dd:not(.stat-chart)";
  for (const element of document.querySelectorAll(framed)) {
    if (!seen(element) || !element.textContent.trim()) continue;
    const style = getComputedStyle(element);
    if (style.clipPath !== "none" || style.textOverflow === "ellipsis") continue;
    const box = element.getBoundingClientRect();
    const parts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (parts.nextNode()) {
      const part = parts.currentNode;
      if (!part.data.trim() || !seen(part.parentElement)) continue;
      lines.selectNodeContents(part);
      const text = lines.getBoundingClientRect();
      const out = Math.max(box.left - text.left, text.right - box.right);
      const over = Math.max(box.top - text.top, text.bottom - box.bottom);
      if (out > 1.5 || over > 4) found.push(`text leaves its place: ${told(element)}`);
    }
  }
  for (const link of document.querySelectorAll("main a + a")) {
    const [before, after] = [link.previousElementSibling, link];
    if (![before, after].every((one) => seen(one) && one.textContent.trim())) continue;
    if (getComputedStyle(after).paddingLeft !== "0px") continue;
    const [left, right] = [before, after].map((one) => one.getBoundingClientRect());
    const touch = Math.abs(left.top - right.top) < 2 && Math.abs(right.left - left.right) < 2;
    if (touch) found.push(`no space before the link: ${told(after)}`);
  }
  for (const element of document.querySelectorAll("main *, header *, footer *")) {
    const style = getComputedStyle(element);
    if (!["hidden", "clip"].includes(style.overflowX)) continue;
    if (style.textOverflow === "ellipsis") continue;
    if (style.clipPath !== "none" || style.clip !== "auto" || !seen(element)) continue;
    const own = [...element.childNodes].some(
      (part) => part.nodeType === Node.TEXT_NODE && part.textContent.trim()
    );
    if (own && element.scrollWidth > element.clientWidth + 1) {
      found.push(`text is cut: ${told(element)}`);
    }
  }
  return found.slice(0, 5);
}
"""
# WCAG 2.2, 2.5.8: controls are 24 by 24 pixels, except for links in a sentence. A height that
# depends on a font passes on one machine and fails on another, so the style sheet must set it.
_TARGETS = """
() => {
  const found = [];
  const told = (element) => element.outerHTML.replace(/\\s+/g, " ").slice(0, 140);
  const wanted = "a[href], button, summary, select, textarea, input:not([type=hidden])";
  const words = (text) => /\\p{L}/u.test(text);
  const inSentence = (link) => {
    let block = link.parentElement;
    while (getComputedStyle(block).display === "inline") block = block.parentElement;
    const around = document.createRange();
    around.selectNodeContents(block);
    let text = "";
    const parts = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    while (parts.nextNode()) {
      const over = parts.currentNode.parentElement;
      if (over.closest("a[href], button, .visually-hidden")) continue;
      let level = over;
      while (level !== block && getComputedStyle(level).display === "inline") {
        level = level.parentElement;
      }
      if (level === block) text += parts.currentNode.data;
    }
    return words(text);
  };
  for (const element of document.querySelectorAll(wanted)) {
    const style = getComputedStyle(element);
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: false })) continue;
    if (style.clipPath !== "none" || style.clip !== "auto") continue;
    const sentence = element.matches("a") && inSentence(element);
    if (style.display === "inline" && element.matches("a")) {
      if (!sentence) found.push(`a link that stands alone has no size: ${told(element)}`);
      continue;
    }
    if (sentence && !element.closest(".eyebrow")) {
      found.push(`a link within a sentence does not wrap with it: ${told(element)}`);
    }
    if (!(parseFloat(style.minHeight) >= 24)) {
      found.push(`no style says a height of at least 24px: ${told(element)}`);
    }
    if (element.getBoundingClientRect().width < 24) found.push(`too narrow: ${told(element)}`);
  }
  return found.slice(0, 12);
}
"""
_HEADINGS = """
() => [...document.querySelectorAll("h1")].filter((heading) => heading.checkVisibility()).length
"""


def look(page: Page, scheme: str, width: int) -> None:
    """Show a page in a colour scheme, at a width."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
    page.set_viewport_size({"width": width, "height": 844 if width < 700 else 900})


def accessibility(page: Page, *, is_mail: bool = False) -> Iterator[str]:
    """Run axe-core; a mail has no landmarks, which are best practice on pages."""
    yield from _axe(page, _STANDARDS if is_mail else [*_STANDARDS, "best-practice"])


def sizes_of_targets(page: Page) -> Iterator[str]:
    """Run axe-core's check of target sizes only."""
    yield from _axe(page, {"type": "rule", "values": ["target-size"]})


def _axe(page: Page, what: object) -> Iterator[str]:
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    rules = {**_RULES, "runOnly": what}
    result: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", rules)
    for violation in result["violations"]:
        for node in violation["nodes"][:3]:
            element = " ".join(node["html"].split())[:160]
            why = " ".join(node["failureSummary"].split()).partition(": ")[2][:200]
            yield f"{violation['id']}: {element} – {why}"


def layout(page: Page) -> Iterator[str]:
    """Check for overflow."""
    for found in page.evaluate(_WIDE):
        yield f"too wide: {found}"
    for found in page.evaluate(_CLIPPED):
        yield found


def tables(page: Page) -> Iterator[str]:
    """Check for tables that are cut off, which only extreme words may cause in a wide window."""
    yield from page.evaluate(_CUT_OFF)


def targets(page: Page) -> Iterator[str]:
    """Check for controls whose size the style sheet leaves to fonts."""
    yield from page.evaluate(_TARGETS)


def structure(page: Page, language: str) -> Iterator[str]:
    """Check heading, language and title."""
    headings = page.evaluate(_HEADINGS)
    if headings != 1:
        yield f"{headings} headings h1"
    found = page.locator("html").get_attribute("lang")
    if found != language:
        yield f"lang is {found}, not {language}"
    if not page.title().strip():
        yield "no title"


_MARK = """
() => {
  const choices = new Map();
  const wanted = "a[href], button, input, select, textarea, summary, video[controls], [tabindex]";
  const reached = [...document.querySelectorAll(wanted)].filter((element) => {
    if (element.tabIndex < 0 || element.disabled || element.type === "hidden") return false;
    if (!element.checkVisibility({ visibilityProperty: true })) return false;
    if (element.closest("[inert]")) return false;
    if (element.type !== "radio") return true;
    const group = choices.get(element.name) ?? element;  // the arrows lead to the others
    choices.set(element.name, group);
    return element.checked || (group === element && !document.querySelector(
      `input[type=radio][name="${CSS.escape(element.name)}"]:checked`));
  });
  const look = (element) => {
    if (!element) return "";
    const style = getComputedStyle(element);
    return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor,
      style.backgroundColor, style.textDecorationLine].join();
  };
  const around = (element) =>
    [element, element.parentElement, element.nextElementSibling].map(look).join("|");
  const before = new Map(reached.map((element) => [element, around(element)]));
  window.whereTheFocusIs = () => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const box = element.getBoundingClientRect();
    return {
      number: reached.indexOf(element),
      shown: around(element) !== before.get(element),
      inside: box.bottom > 0 && box.right > 0 && box.left < innerWidth && box.top < innerHeight,
    };
  };
  return reached.map((element) => element.outerHTML.replace(/\\s+/g, " ").slice(0, 120));
}
"""


def keyboard(page: Page, most: int = 300) -> Iterator[str]:
    """Press Tab through the page: every control is reached, visible, and shows its focus."""
    expected: list[str] = page.evaluate(_MARK)
    focused = page.evaluate("() => window.whereTheFocusIs()")
    # A page that starts in its first field has elements before it, which come last.
    seen: set[int] = {focused["number"]} if focused else set()
    rounds = 2 if focused else 1
    for _ in range(most):
        page.keyboard.press("Tab")
        place = page.evaluate("() => window.whereTheFocusIs()")
        if place is None:
            rounds -= 1
            if rounds:
                continue
            break
        number = place["number"]
        if number in seen or number < 0:
            continue
        seen.add(number)
        if not place["shown"]:
            yield f"the focus does not show: {expected[number]}"
        if not place["inside"]:
            yield f"the focus is outside the window: {expected[number]}"
    for number in sorted(set(range(len(expected))) - seen):
        yield f"the tabulator does not lead to: {expected[number]}"
