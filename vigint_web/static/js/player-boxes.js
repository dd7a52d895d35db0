// Boxes around what a detector found: over the poster, and in step with the pictures really shown.
// The server has matched the detector's frames with the times of the clip.

const KEPT = "vigint-boxes";
const MOST = 100; // at once
const ROUNDING = 0.0015; // seconds: times of pictures are fractions, those of frames milliseconds
const LABEL = 22; // pixels
const choices = new Map(); // where storage is not available, a choice lasts as long as the page

export class Boxes {
  constructor(player) {
    const { video, data, parts, root } = player;
    this.player = player;
    this.src = video.getAttribute("src"); // another track has no boxes
    this.kept = "boxesOff" in data ? `${KEPT}-link` : KEPT;
    this.isOn = recall(this.kept, !("boxesOff" in data));
    this.percent = new Intl.NumberFormat(player.words.locale, { style: "percent" });
    this.frames = null;
    this.drawn = null;
    this.layer = document.createElement("div");
    this.layer.className = "vp-boxes";
    this.layer.setAttribute("aria-hidden", "true");
    parts.big.before(this.layer);
    parts.boxes.addEventListener("click", () => this.toggle());
    for (const event of ["loadedmetadata", "resize"]) video.addEventListener(event, () => this.place());
    new ResizeObserver(() => this.place()).observe(video);
    // The last picture is shown, whether the browser has reported it or not.
    video.addEventListener("ended", () => this.draw());
    root.addEventListener("fullscreenchange", () => this.place());
    if (!video.requestVideoFrameCallback) video.addEventListener("play", () => this.run());
    this.show();
  }

  toggle(say = false) {
    this.isOn = !this.isOn;
    keep(this.kept, this.isOn);
    this.show();
    if (say) this.player.say(this.isOn ? this.player.data.boxesShown : this.player.data.boxesHidden);
  }

  show() {
    this.player.parts.boxes.setAttribute("aria-pressed", String(this.isOn));
    this.layer.hidden = !this.isOn;
    if (this.isOn) this.load().then(() => this.draw());
  }

  async load() {
    if (this.frames || this.isLoading) return;
    this.isLoading = true;
    try {
      const response = await fetch(this.player.data.boxes);
      const { frames, poster_at: posterAt } = response.ok ? await response.json() : {};
      this.frames = frames ?? null;
      this.posterAt = posterAt ?? null;
      this.place();
    } catch {
      return; // no network: fetched when they are switched on the next time
    } finally {
      this.isLoading = false;
    }
  }

  /** Without reports of the pictures shown: follow the video's clock while it plays. */
  run() {
    this.draw();
    if (this.player.isMoving) requestAnimationFrame(() => this.run());
  }

  /** Cover the picture alone, without the bars beside it. */
  place() {
    const { video } = this.player;
    const width = video.videoWidth || video.width;
    const height = video.videoHeight || video.height;
    if (!width || !height) return;
    const scale = Math.min(video.clientWidth / width, video.clientHeight / height);
    const { style } = this.layer;
    style.width = `${width * scale}px`;
    style.height = `${height * scale}px`;
    style.left = `${video.offsetLeft + (video.clientWidth - width * scale) / 2}px`;
    style.top = `${video.offsetTop + (video.clientHeight - height * scale) / 2}px`;
    this.drawn = null; // labels are placed anew
    this.draw();
  }

  draw() {
    if (!this.isOn || !this.frames) return;
    const at = this.moment;
    if (at === undefined) return;
    const frame = at === null ? undefined : this.frames.findLast((one) => one.at <= at + ROUNDING);
    const isShown = frame !== undefined && at < frame.held - ROUNDING;
    const isHeld = isShown && at >= frame.until - ROUNDING;
    const name = isShown ? `${frame.at} ${isHeld}` : "";
    if (name === this.drawn) return;
    this.drawn = name;
    this.layer.classList.toggle("vp-boxes-held", isHeld);
    this.write(isShown ? frame.boxes.slice(0, MOST) : []);
  }

  /** The time of the picture on the screen; null: none; undefined: as before. */
  get moment() {
    const { player } = this;
    const { video } = player;
    if (video.getAttribute("src") !== this.src) return null;
    const isPoster = !player.root.classList.contains("vp-begun") && video.currentTime === 0;
    if (isPoster) return video.hasAttribute("poster") ? this.posterAt : null;
    if (player.isSearching || video.seeking) return undefined;
    const at = video.ended ? Infinity : (player.shown ?? video.currentTime);
    // The last picture stays.
    return Math.min(at, (this.player.length || Infinity) - 2 * ROUNDING);
  }

  write(boxes) {
    const { layer } = this;
    while (layer.childElementCount > boxes.length) layer.lastElementChild.remove();
    while (layer.childElementCount < boxes.length) layer.append(element());
    const { clientWidth, clientHeight } = layer;
    boxes.forEach(([x, y, w, h, label, score, track], number) => {
      const box = layer.children[number];
      const says = box.firstElementChild;
      box.style.left = share(x);
      box.style.top = share(y);
      box.style.width = share(w);
      box.style.height = share(h);
      says.textContent = this.words(label, score, track);
      says.hidden = !says.textContent;
      // Within the picture: below the upper side where there is no space above it.
      const isRight = x + w / 2 > 0.5;
      box.classList.toggle("vp-box-low", y * clientHeight < LABEL);
      box.classList.toggle("vp-box-right", isRight);
      says.style.maxWidth = `${(isRight ? x + w : 1 - x) * clientWidth}px`;
    });
  }

  /** personne 3 · 87 % */
  words(label, score, track) {
    const what = [label, track].filter((part) => part !== null).join(" ");
    // The space before the sign as in the page.
    const sure = score === null ? "" : this.percent.format(score).replace("\u00a0", "\u202f");
    return [what, sure].filter(Boolean).join(" · ");
  }
}

function element() {
  const box = document.createElement("div");
  box.className = "vp-box";
  const says = document.createElement("span");
  says.className = "vp-box-label";
  box.append(says);
  return box;
}

function share(part) {
  return `${(100 * part).toFixed(3)}%`;
}

function recall(name, usual) {
  try {
    const kept = localStorage.getItem(name);
    return kept === null ? usual : kept === "on";
  } catch {
    return choices.get(name) ?? usual;
  }
}

function keep(name, on) {
  choices.set(name, on);
  try {
    localStorage.setItem(name, on ? "on" : "off");
  } catch {
    return;
  }
}
