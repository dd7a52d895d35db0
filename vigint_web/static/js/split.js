// The list and an incident side by side: selecting one, deciding and walking replace the incident
// alone, without loading the page. Where the window is too narrow for both, links are links.

import { enhance, toast } from "./app.js";
import { follow } from "./live.js";

const WIDE = matchMedia("(min-width: 80rem)");
const PART = { "X-Vigint-Part": "detail" };
const split = document.querySelector("[data-split]");
const detail = document.getElementById("detail");
const list = document.getElementById("list");
let loading = null;

const isSplit = () => Boolean(split && list && WIDE.matches);
const isOpen = (address) => /^\/incidents\/[^/]+\/$/.test(new URL(address, location).pathname);

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

function show(fresh, page) {
  detail.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
  detail.scrollTop = 0;
  document.body.classList.add("incident-page");
  document.querySelector("[data-list-title]")?.setAttribute("hidden", "");
  document.title = fresh.dataset.title;
  enhance(detail);
  document.dispatchEvent(new CustomEvent("vigint:changed", { detail }));
  follow(detail.querySelector("[data-live-src]"));
  for (const message of page.querySelectorAll("[data-message]")) toast(message.textContent, message.dataset.message);
  mark();
  read();
  play();
}

/** Load an incident into its place; a page that is not one is opened as any other. */
async function load(address, { pushes = true, ...sent } = {}) {
  loading?.abort();
  loading = new AbortController();
  const { signal } = loading;
  detail.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(address, { headers: PART, cache: "no-store", signal, ...sent });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("[data-detail][data-title]");
    if (!fresh) {
      location.assign(response.redirected || !sent.method ? response.url : location.href);
      return;
    }
    if (pushes && response.url !== location.href) history.pushState(null, "", response.url);
    show(fresh, page);
    if (!detail.contains(document.activeElement)) detail.focus({ preventScroll: true });
  } catch (error) {
    if (error.name === "AbortError") return;
    // Without the network a form must say so, and a link may be tried again.
    location.assign(sent.method ? location.href : address);
  } finally {
    if (loading?.signal === signal) detail.removeAttribute("aria-busy");
  }
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
    if (form.action.includes("/decide")) showDecided(new FormData(form).get("decision"));
    load(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, event.submitter)) });
  });
  addEventListener("popstate", () => {
    if (isOpen(location) && isSplit()) load(location.href, { pushes: false });
    else location.reload();
  });
  document.addEventListener("vigint:changed", (event) => list.contains(event.detail) && mark());
  mark();
}
play();
