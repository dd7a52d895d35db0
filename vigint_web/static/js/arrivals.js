// What arrives while the list of incidents is open: it is counted, in the tab's title too, and heard
// where the person wants it, and waits for a press. Until then the rows that are shown stay where
// they are: polls name them, and the server leaves out what would stand between them.

import { toast } from "./app.js";

const inbox = document.querySelector("[data-inbox]");
const list = document.getElementById("list");
const place = document.getElementById("arrivals");
// Of a list that has grown beyond this the first decided rows are left out of the next poll.
const MOST = 200;

let number = 0;
let high = 0;
// While newer rows are asked for: those that were shown, and whether a press asked.
let before = null;
let isPressed = false;
let sound = null;

const rows = () => [...list.querySelectorAll(".inbox-row")];
const part = (of) => of.querySelector("[data-live]").dataset;

function showNumber() {
  const plain = document.title.replace(/^\(\d+\) /, "");
  const title = number ? `(${number}) ${plain}` : plain;
  if (document.title !== title) document.title = title;
}

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

function shownNames() {
  const all = rows();
  const spare = new Set(all.filter((row) => row.classList.contains("decided")).slice(0, Math.max(0, all.length - MOST)));
  return all.filter((row) => !spare.has(row)).map((row) => row.dataset.part);
}

function change(element, values) {
  const address = new URL(element.dataset.liveSrc, location);
  for (const name of ["upto", "shown", "late", "since", "held"]) address.searchParams.delete(name);
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
  const next = address.pathname + address.search;
  if (next === element.dataset.liveSrc) return false;
  element.dataset.liveSrc = next;
  return true;
}

/** Name what is shown in the address of the next poll. */
function keep() {
  const { upto, held } = part(list);
  const late = list.querySelector("#late") ? { late: 1 } : {};
  change(list, { upto, shown: shownNames().join(","), ...late });
  return change(place, held === "0" ? { upto } : { upto, held });
}

function ask(element) {
  element.dispatchEvent(new Event("vigint:ask"));
}

/** Load the list anew, with what arrived. */
function insert(pressed) {
  isPressed = pressed;
  before = new Set(rows().map((row) => row.dataset.part));
  place.querySelector("#arrived")?.setAttribute("aria-busy", "true");
  change(list, { since: part(list).upto });
  ask(list);
}

/** After a press show the first of the rows that were inserted, with the focus. */
function reveal() {
  const first = rows().find((row) => !before.has(row.dataset.part));
  const { further } = part(list);
  if (further) toast(further, "info");
  if (!isPressed) return;
  const scroller = list.closest(".split-list");
  if (scroller && getComputedStyle(scroller).overflowY === "auto") scroller.scrollTop = 0;
  else scrollTo(0, 0);
  first?.querySelector(".inbox-type").focus({ preventScroll: true });
  first?.scrollIntoView({ block: "nearest" });
}

function heed() {
  const now = part(place);
  if (inbox.hasAttribute("data-sound") && Number(now.high) > high) beep();
  high = Number(now.high);
  number = Number(now.arrived);
  showNumber();
  // Nothing can move in an empty list.
  const waits = place.querySelector("button#arrived:not([aria-busy])");
  if (waits && !rows().length && document.visibilityState === "visible") insert(false);
}

function listed() {
  if (before) reveal();
  before = null;
  if (keep()) ask(place);
}

if (inbox && list && place) {
  keep();
  document.addEventListener("vigint:updated", ({ detail }) => {
    if (detail === list) listed();
    else if (detail === place) heed();
  });
  place.addEventListener("click", (event) => event.target.closest("button#arrived:not([aria-busy])") && insert(true));
  document.addEventListener("visibilitychange", heed);
  // An incident that is opened beside the list has the title of its own page.
  document.addEventListener("vigint:changed", ({ detail }) => detail.matches("[data-detail]") && showNumber());
  if (inbox.hasAttribute("data-sound")) {
    for (const kind of ["click", "keydown"]) addEventListener(kind, allowSound);
  }
}
