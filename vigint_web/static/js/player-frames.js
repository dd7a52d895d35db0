// Steps from picture to picture, also at uneven intervals. Uses the time of the picture that the
// browser really shows, not the time that was requested.

const HAIR = 0.0005; // half of the shortest time between two pictures
// Browsers report a picture shortly before or after the end of its seek; if it is the same as
// before, or the page is hidden, some do not report it at all.
const GRACE = 40;
const PATIENCE = 400;
const EVEN_ENOUGH = 0.002;

export class Frames {
  /** `interval`: the mean time between pictures; `even`: whether it is the time between all. */
  constructor(video, { interval, even }) {
    this.video = video;
    this.interval = interval || 0.04;
    this.even = even;
    this.following = new Map(); // results so far, by microseconds
    this.shown = null;
  }

  /** Show the next (1) or the previous (-1) picture; return its time. `shown`: of the current one. */
  async step(direction, shown) {
    if (!this.video.requestVideoFrameCallback) return this.guess(direction);
    this.shown = shown;
    const now = shown ?? (await this.show(this.video.currentTime));
    return direction > 0 ? this.next(now) : this.previous(now);
  }

  async guess(direction) {
    const to = this.video.currentTime + direction * this.interval;
    await this.show(Math.min(Math.max(to, 0), this.video.duration));
    return this.video.currentTime;
  }

  async previous(now) {
    if (now < HAIR) return now;
    const before = await this.show(now - HAIR);
    this.following.set(key(before), now);
    return this.show(before + HAIR);
  }

  async next(now) {
    const known = this.following.get(key(now));
    if (known !== undefined) return this.show(known + HAIR);
    const still = freeze(this.video);
    try {
      let found = await this.later(now);
      if (found === null) return this.show(now + HAIR);
      if (!this.even || Math.abs(found - now - this.interval) > EVEN_ENOUGH) {
        found = await this.earliestAfter(now, found);
      }
      this.following.set(key(now), found);
      return await this.show(found + HAIR);
    } finally {
      still?.remove();
    }
  }

  /** Some later picture; null if this is the last. */
  async later(now) {
    const end = this.video.duration;
    for (let reach = this.interval * 1.25; ; reach *= 2) {
      const found = await this.show(Math.min(now + reach, end - HAIR));
      if (found > now + HAIR) return found;
      if (now + reach >= end - HAIR) return null;
    }
  }

  /** The first picture after this one: up to it only this one is shown. */
  async earliestAfter(now, later) {
    for (let found = later; ; ) {
      const before = await this.show(found - HAIR);
      if (before <= now + HAIR) return found;
      found = before;
    }
  }

  /** Seek; return the time of the picture then shown. */
  show(time) {
    const { video } = this;
    return new Promise((resolve) => {
      let shown = null;
      let sought = false;
      let handle = 0;
      let timer = 0;
      const settle = () => {
        if (video.requestVideoFrameCallback) video.cancelVideoFrameCallback(handle);
        video.removeEventListener("seeked", seeked);
        clearTimeout(timer);
        this.shown = shown ?? this.shown;
        resolve(this.shown ?? video.currentTime);
      };
      const seeked = () => {
        sought = true;
        timer = setTimeout(settle, shown === null ? PATIENCE : GRACE);
        if (!video.requestVideoFrameCallback) settle();
      };
      const presented = (_now, frame) => {
        shown = frame.mediaTime;
        if (sought) settle();
        else handle = video.requestVideoFrameCallback(presented);
      };
      video.addEventListener("seeked", seeked);
      if (video.requestVideoFrameCallback) handle = video.requestVideoFrameCallback(presented);
      video.currentTime = time;
    });
  }
}

function key(time) {
  return Math.round(time * 1e6);
}

/** Cover the video with the current picture, to hide the search. */
function freeze(video) {
  if (!video.videoWidth) return null;
  const still = document.createElement("canvas");
  still.className = "vp-still";
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.setAttribute("aria-hidden", "true");
  try {
    still.getContext("2d").drawImage(video, 0, 0);
  } catch {
    return null;
  }
  video.after(still);
  return still;
}
