// Scenes and motion: marks on the bar, a strip with the motion over time, a list of scenes with
// thumbnails, and commands for the previous and the next scene.

import { write } from "./player-words.js";

const SVG = "http://www.w3.org/2000/svg";
const HAIR = 0.001; // avoids showing the last picture of the previous scene due to rounding
const AGAIN = 1.5; // seconds into a scene from which "previous" means its start
const BARS = 120;
const MOST_BORDERS = 24; // more would hide the bars between them
const GAP = 0.25;
const NEAR = "200px";

export class Scenes {
  constructor(player, pictures) {
    this.player = player;
    this.pictures = pictures;
    this.starts = [];
    this.current = -1;
    this.buttons = [];
    const { previousScene, nextScene, most, scenes } = player.parts;
    previousScene?.addEventListener("click", () => this.go(-1));
    nextScene?.addEventListener("click", () => this.go(1));
    most?.addEventListener("click", () => this.show(this.peak));
    scenes?.addEventListener("toggle", () => this.fill());
  }

  /** Fetch the video's timeline; without it the player has no scenes. */
  async load() {
    try {
      const response = await fetch(this.player.data.timeline);
      if (!response.ok) throw new Error(response.statusText);
      this.draw(await response.json());
    } catch {
      for (const part of ["strip", "more", "previousScene", "nextScene"]) {
        if (this.player.parts[part]) this.player.parts[part].hidden = true;
      }
    }
  }

  draw({ duration, scenes, motion, motion_interval: interval }) {
    const { parts, length } = this.player;
    const whole = length || duration;
    this.starts = (scenes ?? []).map((scene) => scene.start);
    if (this.starts.length < 2) this.starts = [];
    const marks = this.starts.slice(1).map((start) => `M${round((100 * start) / whole)} 0V100`);
    if (marks.length) parts.bar.append(drawing("vp-marks", 100, marks.join("")));
    if (parts.strip && motion?.length) this.drawMotion(motion, interval, whole, marks.join(""));
    this.fill();
    this.follow(this.player.video.currentTime);
  }

  drawMotion(motion, interval, whole, marks) {
    const { parts, data, words } = this.player;
    this.peak = motion.indexOf(Math.max(...motion)) * interval;
    const share = (motion.length * interval) / whole; // the last step may end after the video
    const step = (100 * share) / BARS;
    const path = heights(motion).map((height, n) => {
      const top = round(100 - Math.max(height, 4));
      return `M${round((n + GAP / 2) * step)} 100V${top}h${round((1 - GAP) * step)}V100z`;
    });
    parts.strip.append(drawing("vp-motion", 100, path.join("")), drawing("vp-motion vp-played", 100, path.join("")));
    if (marks && this.starts.length <= MOST_BORDERS) parts.strip.append(drawing("vp-borders", 100, marks));
    if (!parts.most) return;
    write(parts.most, data.most.replace("{at}", words.short(this.peak)));
    parts.most.hidden = false;
  }

  /** Build the list when it is first visible. */
  fill() {
    const { scenes, list } = this.player.parts;
    if (!scenes?.open || this.buttons.length || !this.starts.length) return;
    this.buttons = this.starts.map((start, n) => this.buttonOf(start, n));
    list.append(...this.buttons.map((button) => wrapped(button)));
    this.mark();
    if (!this.player.data.previews) return;
    const watch = new IntersectionObserver((seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting) continue;
        watch.unobserve(target);
        this.picture(target);
      }
    }, { rootMargin: NEAR });
    for (const button of this.buttons) watch.observe(button);
  }

  buttonOf(start, n) {
    const { data, words } = this.player;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "vp-scene";
    if (data.previews) button.append(document.createElement("canvas"));
    const name = document.createElement("span");
    const sentence = data.scene.replaceAll(" {", "\u00a0{"); // non-breaking: «Scène 3,» «à 0:42»
    name.textContent = sentence.replace("{number}", n + 1).replace("{at}", words.short(start));
    button.append(name);
    button.addEventListener("click", () => this.show(start));
    return button;
  }

  async picture(button) {
    if (navigator.connection?.saveData && !this.pictures.asked) return;
    await loaded();
    if (await this.pictures.load()) {
      this.pictures.draw(button.querySelector("canvas"), this.starts[this.buttons.indexOf(button)] + HAIR);
    }
  }

  at(moment) {
    return this.starts.findLastIndex((start) => start <= moment + HAIR);
  }

  /** «Scène 3», if there are scenes. */
  nameAt(moment) {
    const { data } = this.player;
    return this.starts.length ? data.sceneName.replace("{number}", this.at(moment) + 1) : "";
  }

  show(moment) {
    this.player.parts.big.hidden = true;
    this.player.goTo(moment + (moment ? HAIR : 0));
  }

  /** Go to the next scene, or to the start of this one, or of the previous one. */
  go(direction) {
    if (!this.starts.length) return;
    const { player, starts } = this;
    const now = player.wanted ?? player.video.currentTime;
    const here = this.at(now);
    const again = direction < 0 && now - starts[here] > AGAIN;
    const to = again ? here : Math.min(Math.max(here + direction, 0), starts.length - 1);
    if (to !== here || direction < 0) this.show(starts[to]);
    const words = { number: to + 1, count: starts.length, at: player.words.short(starts[to]) };
    player.hint(this.nameAt(starts[to]));
    player.say(player.data.sceneOf.replace(/\{(\w+)\}/g, (_all, name) => words[name]));
  }

  /** The position changed, and perhaps the current scene. */
  follow(position) {
    const current = this.at(position);
    if (current === this.current) return;
    this.current = current;
    this.mark();
  }

  mark() {
    const { list, now } = this.player.parts;
    if (now && this.starts.length) write(now, this.nameAt(this.starts[this.current] ?? 0));
    for (const [n, button] of this.buttons.entries()) {
      if (n === this.current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    const button = this.buttons[this.current];
    if (!button || list.matches(":hover, :focus-within")) return;
    // Scrolls within the list only, not the page.
    const inner = button.getBoundingClientRect();
    const outer = list.getBoundingClientRect();
    if (inner.left < outer.left || inner.right > outer.right) list.scrollLeft += inner.left - outer.left;
    if (inner.top < outer.top || inner.bottom > outer.bottom) list.scrollTop += inner.top - outer.top;
  }
}

/** One value per bar: the maximum of several, or an interpolation. */
function heights(motion) {
  return Array.from({ length: BARS }, (_one, n) => {
    const [from, to] = [n, n + 1].map((edge) => (edge * motion.length) / BARS);
    if (motion.length > BARS) return Math.max(...motion.slice(Math.floor(from), Math.ceil(to)));
    const place = Math.min(Math.max((from + to) / 2 - 0.5, 0), motion.length - 1);
    const before = motion[Math.floor(place)];
    return before + (motion[Math.ceil(place)] - before) * (place % 1);
  });
}

function drawing(name, size, path) {
  const image = document.createElementNS(SVG, "svg");
  image.setAttribute("class", name);
  image.setAttribute("viewBox", `0 0 ${size} ${size}`);
  image.setAttribute("preserveAspectRatio", "none");
  image.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  image.append(shape);
  return image;
}

function wrapped(button) {
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}

/** Preloaded pictures must not delay the page. */
function loaded() {
  if (document.readyState === "complete") return Promise.resolve();
  return new Promise((resolve) => addEventListener("load", resolve, { once: true }));
}
