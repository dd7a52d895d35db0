// The list of incidents: its counts, its filters, selecting by touch, keys that walk through it.

const inbox = document.querySelector("[data-inbox]");
const live = document.getElementById("list");
const filters = document.getElementById("filters");
const count = document.getElementById("undecided");
const WIDE = matchMedia("(min-width: 80rem)");
const off = () => document.documentElement.dataset.shortcuts === "off";

/** The bar is not part of what is updated: an open filter stays as it is. */
function showCount() {
  const now = live.querySelector("[data-live]")?.dataset.undecided;
  if (count && now !== undefined && count.textContent !== now) count.textContent = now;
}

function setSelecting(on) {
  inbox.toggleAttribute("data-selecting", on);
  for (const button of inbox.querySelectorAll("[data-select-mode]")) button.setAttribute("aria-pressed", String(on));
  document.dispatchEvent(new CustomEvent("vigint:selecting"));
}

function closeFilters() {
  if (!filters?.open) return false;
  const inside = filters.contains(document.activeElement);
  filters.open = false;
  if (inside) filters.querySelector("summary").focus();
  return true;
}

function openSearch() {
  if (!filters) return false;
  filters.open = true;
  filters.querySelector("#q").focus();
  return true;
}

const links = () => [...live.querySelectorAll(".inbox-type")];

/** Go to the next or previous row, the first time to the first one; beside an incident open it. */
function step(by) {
  const all = links();
  const open = all.findIndex((link) => link.hasAttribute("aria-current"));
  const here = all.includes(document.activeElement) ? all.indexOf(document.activeElement) : open;
  const next = here === -1 ? all[0] : all[here + by];
  if (!next) return all.length > 0;
  next.focus({ preventScroll: true });
  next.closest("li").scrollIntoView({ block: "nearest" });
  if (WIDE.matches) next.click();
  return true;
}

const known = new Set();
let arrived = [];
let unseen = 0;
let sound = null;

/** Browsers allow sound once the page was used. */
function allowSound() {
  sound ??= new AudioContext();
  sound.resume();
}

function beep() {
  inbox.dataset.sounded = Number(inbox.dataset.sounded ?? 0) + 1;
  if (sound?.state !== "running") return;
  for (const [start, pitch] of [
    [0, 880],
    [0.18, 1175],
  ]) {
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    const at = sound.currentTime + start;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.15, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
    tone.connect(volume).connect(sound.destination);
    tone.start(at);
    tone.stop(at + 0.3);
  }
}

function showUnseen(number) {
  unseen = number;
  const plain = document.title.replace(/^\(\d+\) /, "");
  document.title = unseen ? `(${unseen}) ${plain}` : plain;
}

/** The tab's title counts what arrived while the window was not used. */
function announce() {
  const rows = arrived;
  arrived = [];
  // One below the known ones only fills the page.
  const isBelow = (row) => known.size > 0 && ![...rowsAfter(row)].some((one) => known.has(one.dataset.part));
  const fresh = rows.filter((row) => row.isConnected && !isBelow(row));
  for (const row of rows) known.add(row.dataset.part);
  if (!fresh.length || !live.querySelector("[data-says-one]")) return;
  if (inbox.hasAttribute("data-sound") && fresh.some((row) => row.matches(".edge-high, .edge-critical"))) beep();
  if (!document.hasFocus() || document.visibilityState !== "visible") showUnseen(unseen + fresh.length);
}

function* rowsAfter(row) {
  for (let next = row.nextElementSibling; next; next = next.nextElementSibling) yield next;
}

function notice({ detail }) {
  if (!live.contains(detail)) return;
  const rows = detail.matches(".inbox-row") ? [detail] : [...detail.querySelectorAll(".inbox-row")];
  const unknown = rows.filter((row) => !known.has(row.dataset.part));
  if (!unknown.length) return;
  if (!arrived.length) queueMicrotask(announce);
  arrived.push(...unknown);
}

const KEYS = { j: () => step(1), k: () => step(-1), "/": openSearch };

function isFree(target) {
  if (document.querySelector("dialog[open]")) return false;
  return target === document.body || target.matches("main, html, [data-detail], .inbox-type");
}

if (inbox && live) {
  for (const row of live.querySelectorAll(".inbox-row")) known.add(row.dataset.part);
  document.addEventListener("vigint:changed", notice);
  addEventListener("focus", () => showUnseen(0));
  if (inbox.hasAttribute("data-sound")) {
    for (const kind of ["click", "keydown"]) addEventListener(kind, allowSound);
  }
  new MutationObserver(showCount).observe(live, { attributes: true, attributeFilter: ["data-undecided"], subtree: true });
  for (const button of inbox.querySelectorAll("[data-select-mode]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      closeFilters();
      setSelecting(!inbox.hasAttribute("data-selecting"));
    });
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && closeFilters()) return;
    if (event.ctrlKey || event.altKey || event.metaKey || off()) return;
    if (!(event.target instanceof Element) || !isFree(event.target)) return;
    if (KEYS[event.key]?.()) event.preventDefault();
  });
}
