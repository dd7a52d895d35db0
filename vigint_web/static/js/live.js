// Updates a page automatically: polls for changes, and applies them.
//
// <div data-live-src="address of the fragment"><div data-live …>parts, see morph.js</div></div>
// `data-live-gone` is the address to go to when the page's subject no longer exists; with
// `data-live-hidden` a hidden page goes on polling, at that interval; `data-live-every` is the
// interval of a visible one, if it is another. The fragment has `data-live-busy` while work is in
// progress, and the latest event in `data-live-says`. A page has several where a list is beside one
// of its things. `vigint:updated` is dispatched after each new fragment; `vigint:ask` on the element
// requests one at once, from the address that it then has.

import { update } from "./morph.js";

const BUSY = 2000;
const QUIET = 10000;
const LONGEST = 60000;
const PATIENCE = 15000;
// The minimum interval of requests, however often a page is shown and hidden.
const LEAST = 1000;
const RELOADED = "vigint-reloaded";

const says = document.getElementById("live-says");
const lost = document.getElementById("live-lost");

function say(text) {
  if (!says || !text) return;
  // The same text again is news only if it was absent in between.
  says.textContent = "";
  requestAnimationFrame(() => (says.textContent = text));
}

// The elements whose last polls were not answered.
const failing = new Set();

function showLost(place, current) {
  failing.add(place);
  if (!lost || !lost.hidden) return;
  const { lang, dataset } = document.documentElement;
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  options.timeZone = dataset.zone || undefined;
  const time = new Intl.DateTimeFormat(lang, options).format(current);
  const text = lost.dataset.says.replace("{time}", time);
  lost.querySelector("[data-words]").textContent = text;
  lost.hidden = false;
  say(text);
}

function showFound(place) {
  failing.delete(place);
  if (!lost || lost.hidden || failing.size) return;
  lost.hidden = true;
  say(lost.dataset.saysFound);
}

/** Reload the page to show the error: logged out, forbidden, gone. Not repeatedly. */
function reload() {
  const before = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (Date.now() - before < LONGEST) return false;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
  return true;
}

/** Update an element automatically, for as long as it is in the page. */
export function follow(place) {
  const end = new AbortController();
  let timer = null;
  let asking = null;
  let tag = "";
  let failures = 0;
  let asked = -LEAST;
  let current = new Date();
  let leaving = false;
  let again = false;

  function canAsk() {
    if (!place.isConnected) {
      end.abort();
      failing.delete(place);
    }
    const seen = document.visibilityState === "visible" || place.hasAttribute("data-live-hidden");
    return !leaving && !end.signal.aborted && seen && navigator.onLine !== false;
  }

  function schedule(pause) {
    clearTimeout(timer);
    if (!canAsk() || asking) return;
    const earliest = asked + LEAST - performance.now();
    timer = setTimeout(ask, Math.max(pause, earliest, 0));
  }

  function pauseAfterSuccess() {
    // Jitter: pages that were opened together do not poll together for ever.
    return interval() * (0.85 + 0.3 * Math.random());
  }

  function interval() {
    const { liveEvery, liveHidden } = place.dataset;
    // Hidden with its window, or by the page.
    const hidden = document.visibilityState !== "visible" || !place.offsetParent;
    if (hidden && liveHidden) return Number(liveHidden);
    if (liveEvery) return Number(liveEvery);
    return place.querySelector("[data-live]").hasAttribute("data-live-busy") ? BUSY : QUIET;
  }

  function pauseAfterFailure() {
    return Math.min(LONGEST, BUSY * 2 ** (failures - 1)) * (0.85 + 0.15 * Math.random());
  }

  /** A form of this page is being sent: a poll's answer about a deletion must not overtake its own. */
  function leave() {
    leaving = true;
    clearTimeout(timer);
    asking?.abort();
    setTimeout(stay, PATIENCE);
  }

  function stay() {
    leaving = false;
    wake();
  }

  /** The subject was deleted: its list shows a message. */
  function go() {
    if (!place.dataset.liveGone) return reload();
    location.replace(place.dataset.liveGone);
    return true;
  }

  async function ask() {
    if (asking || !canAsk()) return;
    asking = new AbortController();
    asked = performance.now();
    const patience = setTimeout(() => asking.abort(), PATIENCE);
    let answered = false;
    try {
      const response = await fetch(place.dataset.liveSrc, {
        cache: "no-store",
        redirect: "manual",
        headers: tag ? { "If-None-Match": tag } : {},
        signal: asking.signal,
      });
      if (response.status === 200) {
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.querySelector("[data-live]");
        if (!place.isConnected) return;
        const told = update(place.querySelector("[data-live]"), fresh);
        tag = response.headers.get("ETag") ?? "";
        showFound(place);
        say(told);
        answered = true;
        document.dispatchEvent(new CustomEvent("vigint:updated", { detail: place }));
      } else if (response.status === 304) {
        showFound(place);
        answered = true;
      } else if (leaving) {
        return;
      } else if ([404, 410].includes(response.status)) {
        if (go()) return;
      } else if (response.type === "opaqueredirect" || [401, 403].includes(response.status)) {
        if (reload()) return;
      }
    } catch {
      // No network, a timeout, or an unreadable answer: keep the current content.
    } finally {
      clearTimeout(patience);
      asking = null;
    }
    if (again) {
      askNow();
      return;
    }
    if (answered) {
      failures = 0;
      current = new Date();
      schedule(pauseAfterSuccess());
    } else if (canAsk()) {
      failures += 1;
      if (failures > 1) showLost(place, current);
      schedule(pauseAfterFailure());
    }
  }

  /** Poll at once: the page is visible again, or the network or the machine is back. */
  function wake() {
    if (canAsk()) schedule(0);
  }

  /** Poll at once, from a new address: the answer to the previous one is not wanted any more. */
  function askNow() {
    again = Boolean(asking);
    asking?.abort();
    asked = -LEAST;
    if (!again) wake();
  }

  const { signal } = end;
  document.addEventListener(
    "visibilitychange",
    () => {
      if (!canAsk()) {
        clearTimeout(timer);
        asking?.abort();
      } else if (document.visibilityState === "visible") wake();
      else schedule(pauseAfterSuccess());
    },
    { signal },
  );
  place.addEventListener("vigint:ask", askNow, { signal });
  addEventListener("online", wake, { signal });
  addEventListener("focus", wake, { signal });
  addEventListener("pageshow", (event) => event.persisted && stay(), { signal });
  addEventListener("submit", (event) => event.defaultPrevented || leave(), { signal });
  addEventListener(
    "offline",
    () => {
      clearTimeout(timer);
      asking?.abort();
      showLost(place, current);
    },
    { signal },
  );
  schedule(pauseAfterSuccess());
}

for (const place of document.querySelectorAll("[data-live-src]")) follow(place);
