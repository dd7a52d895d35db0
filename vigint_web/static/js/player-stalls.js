// A video that stands still although its data is there. Engines exist that miss the end of a fast
// download and wait for ever (WebKit with GStreamer on a busy machine); pausing and playing
// restarts them, at the same position.

const EACH = 500; // ms between two looks
const PATIENCE = 3000; // ms at one position
const SLACK = 0.25; // s: what is buffered at most may end before the stated duration
const AHEAD = 10; // seconds of data beyond it: more than a browser collects before it goes on

/** Restart a playing video that has data but makes no progress. */
export function restartAfterStalls(player) {
  const { video } = player;
  let timer = 0;
  let at = 0;
  let since = 0;

  function look() {
    const waits = video.readyState < 1 || video.seeking || document.hidden || player.isSearching;
    if (waits || video.currentTime !== at) {
      at = video.currentTime;
      since = performance.now();
      return;
    }
    const missing = player.loaded(at) < Math.min(at + AHEAD, video.duration - SLACK);
    if (missing || performance.now() - since < PATIENCE) return;
    since = performance.now();
    video.pause();
    player.play();
  }

  video.addEventListener("play", () => {
    clearInterval(timer);
    since = performance.now();
    timer = setInterval(look, EACH);
  });
  for (const event of ["pause", "ended", "emptied", "error"]) {
    video.addEventListener(event, () => clearInterval(timer));
  }
}
