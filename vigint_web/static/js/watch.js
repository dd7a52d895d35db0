// Polls whether the link of this page is valid. A short clip is soon completely in the browser, so
// refusing bytes would not stop it: this does.
//
// Every two seconds while it plays, also in the background, where sound and picture-in-picture
// continue. Slowly while it is paused and visible; not at all while it is paused and hidden.

const PLAYING = 2000;
const STILL = 10000;
const PATIENCE = 8000;
const MOST_RECOVERIES = 5;

const watch = document.getElementById("watch");
const video = document.getElementById("video");
const trouble = document.getElementById("trouble");
const unreachable = document.getElementById("away");

let timer = 0;
let asking = false;
let dead = false;
let broken = false; // a media error that was not recovered from yet
let away = false; // the server could not read the footage when it was last asked
let wanted = false; // the viewer pressed play and neither paused nor reached the end
let recoveries = 0;
let asked = -Infinity;

async function ask() {
  const control = new AbortController();
  const late = setTimeout(() => control.abort(), PATIENCE);
  try {
    const response = await fetch(watch.dataset.state, { cache: "no-store", signal: control.signal });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // no network, or a timeout: neither means that the link has ended
  } finally {
    clearTimeout(late);
  }
}

function silence() {
  video.pause();
  video.removeAttribute("src");
  for (const source of video.querySelectorAll("source")) source.removeAttribute("src");
  video.removeAttribute("poster");
  video.load();
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  if (video.webkitDisplayingFullscreen) video.webkitExitFullscreen();
  if (document.pictureInPictureElement) document.exitPictureInPicture().catch(() => {});
}

/** Replace the whole page by the current one of this address. */
function end(page) {
  dead = true;
  clearTimeout(timer);
  if (video) silence();
  // A process of the previous version does not send the page.
  if (!page) return location.reload();
  const fresh = new DOMParser().parseFromString(page, "text/html");
  document.title = fresh.title;
  // The emptied element stays, hidden, for references such as a system's media controls.
  watch.hidden = true;
  document.body.replaceChildren(...fresh.body.children, watch);
  document.querySelector("h1").focus();
}

/** Return whether the server has the bytes; a media error does not tell why there were none. */
async function isReachable() {
  const control = new AbortController();
  const late = setTimeout(() => control.abort(), PATIENCE);
  try {
    const asking = { headers: { Range: "bytes=0-0" }, cache: "no-store", signal: control.signal };
    const response = await fetch(video.src, asking);
    return response.status < 500 && response.status !== 429;
  } catch {
    return false;
  } finally {
    clearTimeout(late);
  }
}

/** Reload at the position: the network or the storage failed, not the link. */
async function recover() {
  away = !(await isReachable());
  unreachable.hidden = !away;
  if (away) {
    trouble.hidden = true;
    return;
  }
  broken = false;
  if (recoveries >= MOST_RECOVERIES) {
    trouble.hidden = true;
    const unplayable = document.getElementById("unplayable");
    unplayable.hidden = false;
    return;
  }
  recoveries += 1;
  const at = video.currentTime;
  video.load();
  if (at > 0) video.addEventListener("loadedmetadata", () => (video.currentTime = at), { once: true });
  if (wanted) video.play().catch(() => {});
  else trouble.hidden = true;
}

/** Milliseconds until the next poll; null: none until an event. */
function pauseBefore() {
  if (!away && (broken || (video && !video.paused && !video.ended))) return PLAYING;
  if (document.visibilityState !== "visible") return null;
  // Jitter: pages opened together, by one mail to many, do not poll together for ever.
  return video ? STILL * (0.85 + 0.3 * Math.random()) : PLAYING;
}

function schedule() {
  clearTimeout(timer);
  if (dead || asking) return;
  const pause = pauseBefore();
  if (pause !== null) timer = setTimeout(check, pause);
}

async function check() {
  clearTimeout(timer);
  if (asking || dead) return;
  asking = true;
  asked = performance.now();
  const state = await ask();
  if (state && !state.alive) {
    asking = false;
    end(state.page);
    return;
  }
  if (state && !video && state.status !== watch.dataset.status && isSettled(state.status)) {
    location.reload();
    return;
  }
  if (state && broken) await recover();
  asking = false;
  schedule();
}

function isSettled(status) {
  return status === "ready" || status === "failed";
}

if (video) {
  video.addEventListener("play", () => {
    wanted = true;
    check();
  });
  video.addEventListener("playing", () => {
    trouble.hidden = true;
  });
  video.addEventListener("timeupdate", () => {
    if (video.currentTime > 0 && !video.error) recoveries = 0;
  });
  video.addEventListener("pause", () => {
    if (!video.error) wanted = false;
    check();
  });
  video.addEventListener("ended", check);
  // Stepping through a paused video uses data that the browser already has.
  video.addEventListener("seeking", () => {
    if (performance.now() - asked >= PLAYING) check();
  });
  video.addEventListener("error", () => {
    if (dead || !video.hasAttribute("src")) return;
    broken = true;
    trouble.hidden = away;
    check();
  });
}
addEventListener("pageshow", (event) => event.persisted && check());
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.visibilityState === "visible" && performance.now() - asked >= PLAYING) {
    timer = setTimeout(check, 0);
  } else {
    schedule();
  }
});
schedule();
