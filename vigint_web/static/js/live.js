// Follows work in progress: fetches the changing part of a page while the server says it is busy.

import { enhance } from "./app.js";

const EVERY = 1000;
const AFTER_FAILURE = 3000;
const place = document.getElementById("live");
const says = document.getElementById("live-says");

/** Return a part's HTML without what differs from one answer to the next, or by use. */
function comparable(part) {
  const copy = part.cloneNode(true);
  for (const input of copy.querySelectorAll("input[name=csrf_token]")) input.setAttribute("value", "");
  for (const button of copy.querySelectorAll("[data-copy]")) {
    button.hidden = true;
    button.classList.remove("copied");
  }
  for (const open of copy.querySelectorAll("details[open], dialog[open]")) open.removeAttribute("open");
  return copy.outerHTML.replace(/ class=""/g, "");
}

function isInUse(part) {
  if (part.querySelector("dialog[open], .confirm[open]")) return true;
  return [...part.querySelectorAll("video")].some((video) => !video.paused && !video.ended);
}

function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const opened = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
  old.replaceWith(fresh);
  enhance(fresh);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/** Bring the shown parts up to date one by one, so that what did not change is not touched. */
function update(shown, fresh) {
  let previous = null;
  const kept = new Set();
  for (const part of [...fresh.children]) {
    const name = part.dataset.part;
    const old = shown.querySelector(`:scope > [data-part="${name}"]`);
    kept.add(name);
    if (!old) {
      const added = document.adoptNode(part);
      if (previous) previous.after(added);
      else shown.prepend(added);
      enhance(added);
      previous = added;
    } else if (comparable(old) !== comparable(part) && !isInUse(old)) {
      const added = document.adoptNode(part);
      replace(old, added);
      previous = added;
    } else {
      previous = old;
    }
  }
  for (const part of [...shown.children]) {
    if (!kept.has(part.dataset.part) && !isInUse(part)) part.remove();
  }
  if (shown.dataset.liveSays !== fresh.dataset.liveSays) says.textContent = fresh.dataset.liveSays;
  shown.dataset.liveSays = fresh.dataset.liveSays;
  shown.toggleAttribute("data-live-busy", fresh.hasAttribute("data-live-busy"));
}

async function follow() {
  const shown = place.querySelector("[data-live]");
  if (!shown.hasAttribute("data-live-busy")) return;
  let pause = EVERY;
  try {
    const response = await fetch(place.dataset.liveSrc, { cache: "no-store" });
    if (response.ok && !response.redirected) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      update(shown, page.querySelector("[data-live]"));
    } else if (response.status < 500 && response.status !== 429) {
      location.reload(); // logged out, or gone: the whole page says which
      return;
    } else {
      pause = AFTER_FAILURE;
    }
  } catch {
    pause = AFTER_FAILURE; // no network: what is shown stays
  }
  setTimeout(follow, pause);
}

if (place) setTimeout(follow, EVERY);
