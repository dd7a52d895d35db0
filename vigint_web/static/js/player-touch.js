// Touch and mouse on the picture. Every action here has a button as well.

const TWICE = 280;

/** A tap plays and pauses; two on the left or right jump; a double click toggles full screen. */
export function listenToTouch(player) {
  const { video } = player;
  let kind = "mouse";
  let pending = 0;
  let last = { time: -Infinity, side: 0 };

  video.addEventListener("pointerdown", (event) => (kind = event.pointerType));

  video.addEventListener("click", (event) => {
    if (kind === "mouse") return player.toggle();
    if (player.screen.wasIdle) return; // this tap showed the controls
    const side = sideOf(event, video);
    const now = event.timeStamp;
    const again = side !== 0 && side === last.side && now - last.time < TWICE;
    last = { time: now, side };
    clearTimeout(pending);
    if (again) return player.jump(5 * side);
    // Wait for a second tap only where it has another meaning.
    if (side === 0 || video.currentTime === 0) return player.toggle();
    pending = setTimeout(() => player.toggle(), TWICE);
  });

  video.addEventListener("dblclick", () => kind === "mouse" && player.screen.toggle());
}

/** -1: the left third, 1: the right one, 0: between. */
function sideOf(event, video) {
  const { left, width } = video.getBoundingClientRect();
  const place = (event.clientX - left) / width;
  return place < 1 / 3 ? -1 : place > 2 / 3 ? 1 : 0;
}
