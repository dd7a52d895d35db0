// The switch between the tracks of a file, such as of a front and a rear camera: the video changes
// in place and continues at the same position. Without this script each track is a page of its own.

const SAME_LENGTH = 1; // seconds; beyond this tracks have separate time lines

const tracks = document.getElementById("tracks");
const video = document.getElementById("video");
const player = video.closest("[data-player]");
const says = player.querySelector("[data-vp=says]");

let awaited = null; // the start position of the loading track, until the browser knows its length

function show(chosen) {
  const before = tracks.querySelector("[aria-current]");
  const { stream, width, height, duration, poster } = chosen.dataset;
  const together = Math.abs(before.dataset.duration - duration) <= SAME_LENGTH;
  const at = together ? (awaited ?? video.currentTime) : 0;
  const plays = !video.paused && !video.ended;
  const speed = video.playbackRate;
  before.removeAttribute("aria-current");
  chosen.setAttribute("aria-current", "page");
  player.dataset.duration = duration;
  // These describe the page's initial track; without them every step is searched for.
  delete player.dataset.fps;
  delete player.dataset.even;
  video.width = width;
  video.height = height;
  if (poster && at === 0) video.poster = poster;
  else video.removeAttribute("poster");
  awaited = at;
  // A started video is shown at its position, even while it is paused.
  if (at > 0) video.preload = "auto";
  video.src = stream;
  video.playbackRate = speed;
  if (plays) video.play().catch(() => {});
  says.textContent = chosen.textContent;
  history.replaceState(null, "", chosen.href);
}

video.addEventListener("loadedmetadata", () => {
  if (awaited) video.currentTime = awaited;
  awaited = null;
});
tracks.addEventListener("click", (event) => {
  const chosen = event.target.closest("a");
  // With these keys the page opens in another window.
  if (!chosen || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (!chosen.hasAttribute("aria-current")) show(chosen);
});
