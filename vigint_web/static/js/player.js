// The player of every page: extends a <video> with the controls below it.

import { listenToKeys } from "./player-keys.js";
import { FullScreen } from "./player-screen.js";
import { restartAfterStalls } from "./player-stalls.js";
import { listenToTouch } from "./player-touch.js";
import { Words, write } from "./player-words.js";

const HINT = 700;
const AWAY = 1; // seconds between a picture and the target of a seek that is not for it
const WIDE = "(min-width: 48rem)";
const players = new Map(); // by element; removed ones are dropped when others are added

class Player {
  constructor(root) {
    this.root = root;
    this.data = root.dataset;
    this.video = root.querySelector("video");
    this.parts = {};
    for (const part of root.querySelectorAll("[data-vp]")) this.parts[part.dataset.vp] = part;
    this.words = new Words(this.data);
    this.toTell = false; // whether the end of the running steps is announced
    this.shown = null; // the time of the picture on the screen, where the browser reports it
    this.wanted = null; // the target of dragging the bar, while the browser still seeks
    this.owed = 0; // pictures still to step
    this.exact = false; // the user steps through single pictures
    this.screen = new FullScreen(this);
    this.video.controls = false;
    this.parts.big.hidden = false;
    // Icons have tooltips.
    for (const control of root.querySelectorAll(".vp-deck [aria-label]")) {
      if (control.type !== "range") control.title = control.getAttribute("aria-label");
    }
    for (const option of this.parts.speed.options) option.text = this.words.speed(Number(option.value));
    this.listen();
    this.followPictures();
    root.classList.add("vp-on");
    this.draw();
    if (this.data.previews || this.data.timeline) this.addScenes();
    if (this.data.boxes) this.addBoxes();
  }

  get length() {
    const { duration } = this.video;
    return Number.isFinite(duration) && duration > 0 ? duration : Number(this.data.duration ?? 0);
  }

  get isSearching() {
    return Boolean(this.frames?.busy);
  }

  get isMoving() {
    return !this.video.paused && !this.video.ended;
  }

  listen() {
    const { video, parts } = this;
    const on = (part, event, action) => parts[part]?.addEventListener(event, action);
    on("play", "click", () => this.toggle());
    on("big", "click", () => this.begin());
    on("back", "click", () => this.jump(-5));
    on("forward", "click", () => this.jump(5));
    on("previous", "click", () => this.step(-1));
    on("next", "click", () => this.step(1));
    on("seek", "input", () => this.goTo(Number(parts.seek.value)));
    on("speed", "change", () => this.setSpeed(Number(parts.speed.value)));
    on("loop", "click", () => this.toggleLoop());
    on("stamp", "click", () => this.toggleStamp());
    on("mute", "click", () => this.toggleSound());
    on("volume", "input", () => this.setVolume(Number(parts.volume.value)));
    on("help", "click", () => this.toggleHelp());
    on("retry", "click", () => this.retry());
    on("pip", "click", () => this.togglePictureInPicture());
    if (parts.pip) parts.pip.hidden = !(document.pictureInPictureEnabled && video.requestPictureInPicture);
    for (const event of ["play", "pause", "ended", "seeked", "timeupdate", "durationchange", "emptied", "progress"]) {
      video.addEventListener(event, () => this.draw());
    }
    video.addEventListener("play", () => {
      this.leaveStart();
      this.exact = false;
      // Chapters are for the browser's own controls, such as an iPhone's full screen.
      for (const track of video.textTracks) track.mode = "hidden";
    });
    video.addEventListener("ended", () => this.offerAgain());
    video.addEventListener("seeking", () => this.leaveStart());
    for (const event of ["loadedmetadata", "seeked"]) video.addEventListener(event, () => this.goOn());
    video.addEventListener("waiting", () => this.busy(true));
    for (const event of ["playing", "canplay", "pause", "error"]) {
      video.addEventListener(event, () => this.busy(false));
    }
    video.addEventListener("ratechange", () => (parts.speed.value = String(video.playbackRate)));
    video.addEventListener("volumechange", () => this.drawSound());
    video.addEventListener("error", () => this.tellFault());
    listenToTouch(this);
    restartAfterStalls(this);
  }

  /** Use the pictures really shown: their time is finer than `timeupdate`. */
  followPictures() {
    const { video } = this;
    if (!video.requestVideoFrameCallback) return;
    const presented = (_now, frame) => {
      // Pictures shown while searching for the next one are ignored, and one of the old position
      // that the browser reports while it seeks: that of the new one may never be reported.
      const isOld = video.seeking && Math.abs(frame.mediaTime - video.currentTime) > AWAY;
      if (!this.isSearching && !isOld) this.shown = frame.mediaTime;
      this.draw();
      video.requestVideoFrameCallback(presented);
    };
    video.requestVideoFrameCallback(presented);
    // Until the browser reports the picture at the new position, a step must not start from the old
    // one.
    video.addEventListener("seeking", () => {
      if (!this.isSearching) this.shown = null;
    });
    video.addEventListener("emptied", () => {
      this.shown = null;
      this.exact = false;
      if (!this.isSearching) this.frames = null; // its results may be of another track
    });
  }

  /** Previews and scenes: their scripts are fetched only for pages that have them. */
  async addScenes() {
    const [{ Bar }, { Pictures }, { Scenes }] = await Promise.all([
      import("./player-bar.js"), import("./player-pictures.js"), import("./player-scenes.js"),
    ]);
    const pictures = new Pictures(this.data.previews);
    this.bar = new Bar(this, pictures);
    if (!this.data.timeline) return;
    this.scenes = this.bar.scenes = new Scenes(this, pictures);
    await this.scenes.load();
  }

  async addBoxes() {
    const { Boxes } = await import("./player-boxes.js");
    this.boxes = new Boxes(this);
  }

  play() {
    return this.video.play().catch(() => {}); // an error event has the reason
  }

  /** The focused element is hidden: focus the next one. */
  begin() {
    const held = document.activeElement === this.parts.big;
    this.play();
    this.leaveStart();
    if (held) this.parts.play.focus({ preventScroll: true });
  }

  /** From now on the controls are used. */
  leaveStart() {
    this.parts.big.hidden = true;
    this.root.classList.add("vp-begun");
  }

  toggle() {
    if (this.isMoving) this.video.pause();
    else this.play();
  }

  jump(seconds) {
    this.goTo((this.wanted ?? this.video.currentTime) + seconds);
    this.hint(`${seconds > 0 ? "+" : "−"}${this.words.plain.format(Math.abs(seconds))} s`);
  }

  goTo(seconds) {
    this.wanted = Math.min(Math.max(seconds, 0), this.length);
    this.draw();
    this.load();
    this.goOn();
  }

  /** Seek to the latest target, once the video can and no earlier seek is running. */
  goOn() {
    if (this.wanted === null || this.video.readyState < 1 || this.video.seeking) return;
    const to = this.wanted;
    this.wanted = null;
    this.video.currentTime = to;
  }

  /** Fetch the video's metadata, which is not done before the first use. */
  load() {
    const { video } = this;
    return new Promise((resolve) => {
      if (video.readyState >= 1) return resolve();
      for (const event of ["loadedmetadata", "error"]) video.addEventListener(event, resolve, { once: true });
      if (video.preload !== "auto") {
        video.preload = "auto";
        video.load();
      }
    });
  }

  /** Step forward or back by one picture; further steps requested meanwhile follow. */
  async step(direction, say = false) {
    const stepping = this.owed !== 0 || this.isSearching;
    this.owed += direction;
    this.toTell ||= say; // also if the running steps were requested by a button
    if (stepping) return;
    this.video.pause();
    this.leaveStart();
    await this.load();
    if (!this.frames) {
      const { Frames } = await import("./player-frames.js");
      const interval = 1 / Number(this.data.fps);
      this.frames = new Frames(this.video, { interval, even: "even" in this.data });
    }
    this.frames.busy = true;
    try {
      while (this.owed !== 0 && !this.video.error) {
        const once = Math.sign(this.owed);
        this.owed -= once;
        this.shown = await this.frames.step(once, this.shown);
        this.exact = true;
        this.draw();
      }
    } finally {
      this.owed = 0;
      this.frames.busy = false;
    }
    this.draw(); // the boxes of that picture: while it was searched for, those before it stayed
    if (this.toTell) this.say(this.data.picture.replace("{at}", this.words.spoken(this.shown, true)));
    this.toTell = false;
  }

  setSpeed(speed, say = false) {
    // A reloaded video would fall back to the default.
    this.video.defaultPlaybackRate = speed;
    this.video.playbackRate = speed;
    if (say) this.say(this.data.faster.replace("{speed}", this.words.speed(speed)));
    if (say) this.hint(this.words.speed(speed));
  }

  changeSpeed(direction) {
    const speeds = [...this.parts.speed.options].map((option) => Number(option.value));
    const place = speeds.indexOf(this.video.playbackRate) + direction;
    if (speeds[place]) this.setSpeed(speeds[place], true);
  }

  toggleLoop() {
    this.video.loop = !this.video.loop;
    this.parts.loop.setAttribute("aria-pressed", String(this.video.loop));
  }

  /** Show or hide the time of recording in the picture; it is fetched only when shown. */
  toggleStamp() {
    if (!this.parts.stamp) return;
    const track = [...this.video.textTracks].find((other) => other.kind === "captions");
    const shows = track.mode !== "showing";
    track.mode = shows ? "showing" : "disabled";
    this.parts.stamp.setAttribute("aria-pressed", String(shows));
  }

  toggleSound(say = false) {
    if (!this.parts.mute) return;
    this.video.muted = !this.video.muted;
    if (say) this.say(this.video.muted ? this.data.soundOff : this.data.soundOn);
  }

  setVolume(volume) {
    this.video.volume = Math.min(Math.max(volume, 0), 1);
    this.video.muted = this.video.volume === 0;
  }

  toggleHelp(open = this.parts.panel.hidden) {
    this.parts.panel.hidden = !open;
    this.parts.help.setAttribute("aria-expanded", String(open));
    if (open) this.parts.panel.scrollIntoView({ block: "nearest" });
    if (!open && this.parts.panel.contains(document.activeElement)) this.parts.help.focus();
  }

  togglePictureInPicture() {
    const leave = document.pictureInPictureElement === this.video;
    const done = leave ? document.exitPictureInPicture() : this.load().then(() => this.video.requestPictureInPicture());
    done.catch(() => {}); // refused: the video stays where it is
  }

  retry() {
    const at = this.video.currentTime;
    this.parts.fault.hidden = true;
    this.video.load();
    if (at > 0) this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = at), { once: true });
    this.play();
  }

  tellFault() {
    if (!this.parts.fault || !this.video.hasAttribute("src")) return;
    this.parts.big.hidden = true;
    this.parts.fault.hidden = false;
  }

  offerAgain() {
    this.data.seen = "";
    this.parts.invitation.textContent = this.data.again;
    this.parts.big.hidden = false;
  }

  busy(is) {
    this.parts.busy.hidden = !is || this.video.paused;
  }

  hint(text) {
    const { hint } = this.parts;
    clearTimeout(this.hinting);
    hint.textContent = text;
    hint.hidden = false;
    this.hinting = setTimeout(() => (hint.hidden = true), HINT);
  }

  /** Announce a text to screen readers; a repeated text is announced again. */
  say(text) {
    const { says } = this.parts;
    says.textContent = says.textContent === text ? `${text}\u00a0` : text;
  }

  draw() {
    const { video, parts, words, length } = this;
    const now = this.isSearching ? (this.shown ?? video.currentTime) : video.currentTime;
    const at = Math.min(this.wanted ?? now, length || Infinity);
    const moving = this.isMoving;
    write(parts.at, words.position(this.exact ? (this.wanted ?? this.shown ?? at) : at, this.exact));
    write(parts.length, words.position(length));
    parts.seek.max = String(length || 1);
    parts.seek.value = String(at);
    parts.bar.style.setProperty("--at", share(at, length));
    parts.bar.style.setProperty("--loaded", share(this.loaded(at), length));
    this.bar?.follow(at);
    this.scenes?.follow(at);
    this.boxes?.draw();
    // A focused slider would be read out with every change during playback.
    if (!moving || document.activeElement !== parts.seek) {
      const said = { at: words.spoken(at), length: words.spoken(length) };
      const text = this.data.position.replace(/\{(at|length)\}/g, (_all, name) => said[name]);
      if (parts.seek.getAttribute("aria-valuetext") !== text) parts.seek.setAttribute("aria-valuetext", text);
    }
    if (words.knowsClock) {
      const pictured = this.wanted ?? this.shown ?? at;
      write(parts.clock, words.clock(pictured, this.exact));
      parts.clock.dateTime = words.moment(pictured).toISOString();
    }
    if (this.root.classList.toggle("vp-moving", moving) !== this.wasMoving) {
      this.wasMoving = moving;
      const label = moving ? this.data.pause : this.data.play;
      parts.play.setAttribute("aria-label", label);
      parts.play.title = label;
    }
  }

  loaded(at) {
    const { buffered } = this.video;
    for (let place = 0; place < buffered.length; place += 1) {
      if (buffered.start(place) <= at + 0.1 && at <= buffered.end(place)) return buffered.end(place);
    }
    return at;
  }

  drawSound() {
    const { mute, volume } = this.parts;
    if (!mute) return;
    mute.setAttribute("aria-pressed", String(this.video.muted));
    volume.value = String(this.video.muted ? 0 : this.video.volume);
  }
}

function share(part, whole) {
  return whole ? `${((100 * part) / whole).toFixed(2)}%` : "0%";
}

/** Initialize the players in a part of the page, or that part itself. */
export function enhance(root) {
  const found = [...root.querySelectorAll("[data-player]")];
  if (root.matches?.("[data-player]")) found.unshift(root);
  for (const element of found) {
    if (element.classList.contains("vp-on")) continue;
    const player = new Player(element);
    for (const before of players.keys()) if (!before.isConnected) players.delete(before);
    players.set(element, player);
    showLargePoster(player);
  }
}

/** A large poster is loaded last, so that it delays nothing. */
function showLargePoster({ data, video }) {
  if (!data.largePoster || !matchMedia(WIDE).matches || navigator.connection?.saveData) return;
  const fetchPoster = () => {
    const picture = new Image();
    picture.onload = () => video.hasAttribute("poster") && (video.poster = data.largePoster);
    picture.src = data.largePoster;
  };
  if (document.readyState === "complete") fetchPoster();
  else addEventListener("load", fetchPoster, { once: true });
}

listenToKeys(players);
enhance(document);
document.addEventListener("vigint:changed", (event) => enhance(event.detail));
