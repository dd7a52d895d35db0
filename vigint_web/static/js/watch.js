// Asks, while the video plays, whether its link still lives. A short clip is wholly in the browser
// after a moment, so refusing bytes would not stop it: this does.

const EVERY = 2000;
const PATIENCE = 8000;
const MOST_RECOVERIES = 5;

const watch = document.getElementById("watch");
const video = document.getElementById("video");
const trouble = document.getElementById("trouble");

let timer = 0;
let asking = false;
let dead = false;
let broken = false; // a media error that was not recovered from yet
let wanted = false; // the viewer pressed play and neither paused nor came to the end
let recoveries = 0;
let asked = -Infinity;

async function ask() {
  const control = new AbortController();
  const late = setTimeout(() => control.abort(), PATIENCE);
  try {
    const response = await fetch(watch.dataset.state, { cache: "no-store", signal: control.signal });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // no network, or no answer in time: neither says that the link is dead
  } finally {
    clearTimeout(late);
  }
}

function end(sentence) {
  dead = true;
  clearTimeout(timer);
  if (video) {
    video.pause();
    video.removeAttribute("src");
    for (const source of video.querySelectorAll("source")) source.removeAttribute("src");
    video.removeAttribute("poster");
    video.load();
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    if (document.pictureInPictureElement) document.exitPictureInPicture().catch(() => {});
    document.getElementById("stage").hidden = true;
  }
  trouble.hidden = true;
  for (const part of watch.querySelectorAll(".waiting")) part.hidden = true;
  const ended = document.getElementById("ended");
  ended.hidden = false;
  ended.textContent = sentence;
}

/** Load again where it stopped: what failed was the network, not the link. */
function recover() {
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

function isNeeded() {
  if (dead) return false;
  return !video || broken || (!video.paused && !video.ended);
}

async function check() {
  clearTimeout(timer);
  if (asking || dead) return;
  asking = true;
  asked = performance.now();
  const state = await ask();
  asking = false;
  if (state && !state.alive) {
    end(state.sentence);
    return;
  }
  if (state && !video && state.status !== watch.dataset.status && isSettled(state.status)) {
    location.reload();
    return;
  }
  if (state && broken) recover();
  if (isNeeded()) timer = setTimeout(check, EVERY);
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
    check(); // once more; what comes back decides nothing further while paused
  });
  video.addEventListener("ended", check);
  // Stepping through a paused video reads on in what the browser holds already.
  video.addEventListener("seeking", () => {
    if (performance.now() - asked >= EVERY) check();
  });
  video.addEventListener("error", () => {
    if (dead || !video.hasAttribute("src")) return;
    broken = true;
    trouble.hidden = false;
    check();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) check();
  });
} else {
  timer = setTimeout(check, EVERY);
}
