// The list and an incident side by side: selecting one, deciding and walking replace the incident
// alone, without loading the page. Where the window is too narrow for both, an incident replaces
// another one so, and links of the list are links.

import { fetchAhead, takeAhead } from "./ahead.js";
import { enhance, toast } from "./app.js";
import { follow } from "./live.js";
import { update } from "./morph.js";

const WIDE = matchMedia("(min-width: 80rem)");
const PART = { "X-Vigint-Part": "detail" };
const split = document.querySelector("[data-split]");
const detail = document.getElementById("detail");
const list = document.getElementById("list");
let loading = null;
// What is shown is the answer to the last request only.
let turn = 0;
// Decisions are sent one after the other: what one answers is in the session of the next.
let sending = Promise.resolve();
// The reasons chosen on this page, by camera: what was loaded ahead may not have them yet.
const reasons = new Map();
// Forms that are not answered yet, and whether undo was pressed meanwhile.
let unanswered = 0;
let undoes = false;

const isIncidentPage = () => document.body.classList.contains("incident-page");
const isSplit = () => Boolean(split && list && (WIDE.matches || isIncidentPage()));
const isOpen = (address) => /^\/incidents\/[^/]+\/$/.test(new URL(address, location).pathname);
const isSame = (one, other) => new URL(one, location).pathname === new URL(other, location).pathname;

/** Mark the row whose incident is shown, and keep it in sight. */
function mark() {
  if (!list) return;
  const here = isOpen(location) ? location.pathname : "";
  for (const link of list.querySelectorAll(".inbox-type")) {
    const current = new URL(link.href).pathname === here;
    if (current === link.hasAttribute("aria-current")) continue;
    if (current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (current) link.closest("li").scrollIntoView({ block: "nearest" });
  }
}

function read() {
  list.querySelector("[aria-current]")?.closest("li").classList.remove("unread");
}

/** The row stays where it is until the list is updated. */
function showDecided(decision) {
  list.querySelector("[aria-current]")?.closest("li").classList.toggle("decided", decision !== "new");
}

/** The video plays once, muted, where the person allows it. */
function play() {
  if (!detail?.querySelector("[data-autoplay]") || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const video = detail.querySelector("[data-player] video");
  if (!video) return;
  video.muted = true;
  video.play().catch(() => {});
}

const following = () => detail.querySelector("[data-following]")?.dataset.following;

function push(address) {
  const { href } = new URL(address, location);
  if (href !== location.href) history.pushState(null, "", href);
}

function show(fresh) {
  detail.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
  detail.scrollTop = 0;
  if (!WIDE.matches) scrollTo(0, 0);
  document.body.classList.add("incident-page");
  document.querySelector("[data-list-title]")?.setAttribute("hidden", "");
  document.title = fresh.dataset.title;
  enhance(detail);
  document.dispatchEvent(new CustomEvent("vigint:changed", { detail }));
  follow(detail.querySelector("[data-live-src]"));
  mark();
  read();
  play();
  if (!detail.contains(document.activeElement)) detail.focus({ preventScroll: true });
  fetchAhead(following());
}

/** Somebody else decided about what follows: the answer to a decision says where to go on. */
function forgetDecided() {
  const next = following();
  const decided = [...list.querySelectorAll(".inbox-row.decided .inbox-type")];
  if (next && decided.some((link) => isSame(link.href, next))) fetchAhead(null);
}

/** Show at once what was loaded before it was asked for, if it was. */
function showAhead(address) {
  const article = address && takeAhead(address);
  if (!article) return false;
  const review = article.querySelector(".review");
  const reason = reasons.get(review?.dataset.camera);
  if (reason) {
    for (const button of review.querySelectorAll("button[name=reason]")) {
      button.toggleAttribute("data-last", button.value === reason);
    }
  }
  push(address);
  show(article);
  return true;
}

/** The answer about an incident that is shown already: what it has beside what was loaded before. */
function settle(fresh) {
  detail.querySelector(".undo")?.remove();
  const [head, undo] = [".detail-head", ".undo"].map((name) => fresh.querySelector(name));
  const shown = detail.querySelector(".detail-head");
  if (head.outerHTML !== shown.outerHTML && !shown.contains(document.activeElement)) shown.replaceWith(document.adoptNode(head));
  if (undo) detail.querySelector(".detail-head").after(document.adoptNode(undo));
  update(detail.querySelector("[data-live]"), fresh.querySelector("[data-live]"));
}

function tell(page, about = "") {
  for (const message of page.querySelectorAll("[data-message]")) {
    toast(about + message.textContent, message.dataset.message);
  }
}

/** Show the answer to a request, in place of what was loaded before it, if anything was. */
function showAnswer(response, page, { pushes, ahead, posted }) {
  const fresh = page.querySelector("[data-detail][data-title]");
  if (!fresh) {
    location.assign(response.redirected || !posted ? response.url : location.href);
    return;
  }
  if (ahead && isSame(response.url, location)) settle(fresh);
  else {
    if (pushes) push(response.url);
    show(fresh);
  }
  tell(page);
  if (undoes) detail.querySelector("#undo")?.click();
  undoes = false;
}

const parse = async (response) => new DOMParser().parseFromString(await response.text(), "text/html");

/** Load an incident into its place; a page that is not one is opened as any other. */
async function load(address, { pushes = true } = {}) {
  const mine = ++turn;
  loading?.abort();
  loading = new AbortController();
  const ahead = pushes && showAhead(address);
  if (!ahead) detail.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(address, { headers: PART, cache: "no-store", signal: loading.signal });
    const page = await parse(response);
    if (mine === turn) showAnswer(response, page, { pushes, ahead, posted: false });
  } catch (error) {
    // A link may be tried again.
    if (error.name !== "AbortError" && mine === turn) location.assign(address);
  } finally {
    if (mine === turn) detail.removeAttribute("aria-busy");
  }
}

/** Send a form. A decision leads on before it is answered, if the next incident was loaded ahead. */
function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const [decision, before] = [form.action.includes("/decide") && body.get("decision"), location.href];
  const mine = ++turn;
  loading?.abort();
  performance.mark("vigint:decision");
  if (decision) showDecided(decision);
  undoes = false;
  const { camera } = detail.querySelector(".review")?.dataset ?? {};
  if (camera && body.get("reason")) reasons.set(camera, body.get("reason"));
  const ahead = Boolean(decision) && decision !== "new" && showAhead(following());
  if (ahead) measure();
  else detail.setAttribute("aria-busy", "true");
  unanswered += 1;
  sending = sending.then(() => post(form.action, body, { mine, ahead, before }));
}

async function post(address, body, { mine, ahead, before }) {
  try {
    const response = await fetch(address, { method: "POST", headers: PART, cache: "no-store", body });
    const page = await parse(response);
    if (mine === turn) showAnswer(response, page, { pushes: true, ahead, posted: true });
    // Another incident is shown by now: the message says which one it is about.
    else tell(page, `${new URL(address).pathname.split("/")[2]} – `);
    if (!ahead && mine === turn) measure();
  } catch {
    // Without the network a form must say so: its incident is opened again.
    location.assign(before);
  } finally {
    unanswered -= 1;
    if (mine === turn) detail.removeAttribute("aria-busy");
  }
}

/** Measure the time from a decision to the picture of what follows. */
function measure() {
  requestAnimationFrame(() => setTimeout(() => performance.measure("vigint:decided", "vigint:decision")));
}

if (split && list && detail) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || !isSplit() || event.defaultPrevented || event.button) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (!link.closest("#list, .walk, .undo") || !isOpen(link.href)) return;
    event.preventDefault();
    load(link.href);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !isSplit() || form.method !== "post") return;
    if (!detail.contains(form) || !/^\/incidents\/[^/]+\/(decide|assign|record|note)$/.test(new URL(form.action).pathname)) return;
    event.preventDefault();
    send(form, event.submitter);
  });
  addEventListener("popstate", () => {
    if (isOpen(location) && isSplit()) load(location.href, { pushes: false });
    else location.reload();
  });
  document.addEventListener("vigint:undo", () => (undoes = unanswered > 0));
  document.addEventListener("vigint:changed", (event) => list.contains(event.detail) && mark());
  document.addEventListener("vigint:updated", (event) => event.detail === list && forgetDecided());
  mark();
  if (isOpen(location)) fetchAhead(following());
}
play();
