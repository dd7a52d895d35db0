// Keys: only while the player or nothing has the focus, and not for users who switched them off. A
// focused button or field keeps its own keys.

const KEPT = "vigint-shortcuts";
const TYPING = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";
const PRESSABLE = "button, a, summary, label, input[type=checkbox]";
const PAGE = 0.1;

const ANYWHERE = {
  " ": (player) => player.toggle(),
  k: (player) => player.toggle(),
  arrowleft: (player) => player.jump(-5),
  arrowright: (player) => player.jump(5),
  j: (player) => player.jump(-10),
  l: (player) => player.jump(10),
  ",": (player) => player.step(-1, true),
  ".": (player) => player.step(1, true),
  ";": (player) => player.step(1, true), // where the full stop needs Shift (AZERTY)
  "<": (player) => player.changeSpeed(-1),
  ">": (player) => player.changeSpeed(1),
  p: (player) => player.scenes?.go(-1),
  n: (player) => player.scenes?.go(1),
  t: (player) => player.toggleStamp(),
  b: (player) => player.boxes?.toggle(true),
  f: (player) => player.screen.toggle(),
  m: (player) => player.toggleSound(true),
  "?": (player) => player.toggleHelp(),
};
// These scroll the page unless the player has the focus.
const WITHIN = {
  home: (player) => player.goTo(0),
  end: (player) => player.goTo(player.length),
  arrowup: (player) => player.parts.mute && player.setVolume(player.video.volume + 0.1),
  arrowdown: (player) => player.parts.mute && player.setVolume(player.video.volume - 0.1),
};
const ON_BAR = {
  arrowleft: ANYWHERE.arrowleft,
  arrowdown: ANYWHERE.arrowleft,
  arrowright: ANYWHERE.arrowright,
  arrowup: ANYWHERE.arrowright,
  pagedown: (player) => player.jump(-PAGE * player.length),
  pageup: (player) => player.jump(PAGE * player.length),
  home: WITHIN.home,
  end: WITHIN.end,
};
let chosenOff = false;

const ONCE = new Set([" ", "k", "f", "m", "t", "b", "?"]); // would flicker when held down

export function listenToKeys(players) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    const player = playerOf(event.target, players);
    if (!player) return;
    const act = actionOf(event, player);
    if (!act) return;
    event.preventDefault();
    if (!event.repeat || !ONCE.has(event.key.toLowerCase())) act(player);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-vp=switch]")) keep(event.target.checked);
  });
  for (const box of document.querySelectorAll("[data-vp=switch]")) box.checked = !isKeptOff();
}

/** The focused player; the page's first one when nothing has the focus. */
function playerOf(target, players) {
  const root = target.closest("[data-player]");
  if (root) return players.get(root);
  const nowhere = target === document.body || target.matches("main, html, [data-detail]");
  if (!nowhere || document.querySelector("dialog[open]")) return undefined;
  return [...players.values()].find((player) => player.root.isConnected && isVisible(player.root));
}

function isVisible(element) {
  const box = element.getBoundingClientRect();
  return box.height > 0 && box.bottom > 0 && box.top < innerHeight;
}

function actionOf(event, player) {
  const { target } = event;
  const key = event.key.toLowerCase();
  if (key === "escape" && !player.parts.panel.hidden) return () => player.toggleHelp(false);
  if (target.matches("[data-vp=seek]") && ON_BAR[key]) return ON_BAR[key];
  if (!isOn(player) || target.closest(TYPING)) return undefined;
  if (key === " " && target.closest(PRESSABLE)) return undefined;
  if (target.matches("[data-vp=volume]") && (key.startsWith("arrow") || key in WITHIN)) return undefined;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && !event.shiftKey) return () => player.goTo((player.length * Number(digit[1])) / 10);
  return ANYWHERE[key] ?? (player.root.contains(target) ? WITHIN[key] : undefined);
}

function isOn(player) {
  const choice = player.data.shortcuts;
  return choice === "choose" ? !isKeptOff() : choice === "on";
}

function isKeptOff() {
  try {
    return localStorage.getItem(KEPT) === "off";
  } catch {
    return chosenOff; // storage is not available: the choice lasts as long as the page
  }
}

function keep(on) {
  chosenOff = !on;
  try {
    if (on) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, "off");
  } catch {
    return;
  }
}
