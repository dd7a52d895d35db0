// Keys of an incident's review. They come before those of the player, which has other meanings for
// some of them, and work only while nothing has the focus; a user may switch all single keys off.

const DIGIT = /^(?:Digit|Numpad)([1-9])$/;
const off = () => document.documentElement.dataset.shortcuts === "off";

const KEYS = {
  c: () => press("#confirm"),
  x: openReasons,
  u: undo,
  n: () => focus("#note"),
  a: () => further("#assignee"),
  r: () => further("#police-called"),
  j: () => press(".walk [rel=next]"),
  k: () => press(".walk [rel=prev]"),
};

function press(selector) {
  const target = document.querySelector(selector);
  target?.click();
  return Boolean(target);
}

function focus(selector) {
  const target = document.querySelector(selector);
  target?.focus();
  return Boolean(target);
}

/** Undo the decision just made; one that is not answered yet is undone once it is. */
function undo() {
  if (!press("#undo")) document.dispatchEvent(new CustomEvent("vigint:undo"));
  return true;
}

/** Open the further actions, with the focus on one of them. */
function further(selector) {
  const place = document.getElementById("review-further");
  if (!place) return false;
  place.open = true;
  return focus(selector);
}

/** Open or close the reasons; the last one of the camera has the focus, so that Enter chooses it. */
function openReasons() {
  const reasons = document.getElementById("false-alarm");
  if (!reasons) return false;
  reasons.open = !reasons.open;
  if (reasons.open) (reasons.querySelector("[data-last]") ?? reasons.querySelector("button")).focus();
  return true;
}

/** Press the record of a digit, while one has the focus, or the reason, while the reasons are open. */
function choose(number) {
  const records = document.querySelectorAll(".review-records:focus-within button[name=kind]");
  const reasons = document.querySelectorAll("#false-alarm[open] button[name=reason]");
  const button = (records.length ? records : reasons)[number - 1];
  button?.click();
  return Boolean(button);
}

function isFree(target) {
  if (document.querySelector("dialog[open]")) return false;
  return target === document.body || target.matches("main, html, [data-detail], .inbox-type") || Boolean(target.closest("#false-alarm, .review-records"));
}

addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || off()) return;
    if (!(event.target instanceof Element) || !isFree(event.target)) return;
    const digit = DIGIT.exec(event.code);
    const done = digit && !event.shiftKey ? choose(Number(digit[1])) : KEYS[event.key.toLowerCase()]?.();
    if (!done) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  { capture: true },
);
