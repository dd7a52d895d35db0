// What the bar shows of the moment under the pointer, the finger or the keys: a small picture, its
// time, and where it is known the time of day.

import { write } from "./player-words.js";

const THUMB = 18; // pixels; half of it is left free at both ends of the bar
const EDGE = 4;
const STAY = 2500;
const EXACT_BELOW = 60;

export class Bar {
  constructor(player, pictures) {
    this.player = player;
    this.pictures = pictures;
    this.scenes = null; // set when there are some
    this.dragged = null; // the part that a finger or a button holds
    this.keyed = false; // the keys move, so the picture follows the position
    const { bar, seek, strip, preview } = player.parts;
    this.canvas = preview.querySelector("canvas");
    for (const part of [seek, strip]) if (part) this.listen(part);
    // By touch nothing hovers: whoever touches the player may soon look for a moment.
    player.root.addEventListener("pointerdown", () => pictures.load(), { once: true });
    bar.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.hide());
    seek.addEventListener("focus", () => seek.matches(":focus-visible") && this.showKeyed());
    seek.addEventListener("keydown", (event) => event.key !== "Tab" && event.key !== "Escape" && this.showKeyed());
    seek.addEventListener("blur", () => this.hide());
    player.root.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
    for (const event of ["pointerup", "pointercancel"]) addEventListener(event, (happened) => this.drop(happened));
    addEventListener("pointermove", (event) => this.drag(event));
  }

  listen(part) {
    const { player } = this;
    const { seek } = player.parts;
    part.addEventListener("pointerenter", () => this.pictures.load());
    part.addEventListener("pointermove", (event) => {
      if (!this.dragged && event.pointerType === "mouse") this.show(this.momentAt(event));
    });
    part.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.dragged = part;
      this.show(this.momentAt(event));
      if (part !== seek) player.goTo(this.momentAt(event));
    });
    // The bar itself says what it is dragged to; where its handle was taken hold of is its affair.
    if (part === seek) seek.addEventListener("input", () => this.show(Number(seek.value)));
  }

  drag(event) {
    if (!this.dragged || this.dragged === this.player.parts.seek) return;
    const moment = this.momentAt(event);
    this.player.goTo(moment);
    this.show(moment);
  }

  drop(event) {
    if (!this.dragged) return;
    this.dragged = null;
    if (event.pointerType !== "mouse" || !this.player.parts.bar.matches(":hover")) this.hide();
  }

  momentAt({ clientX }) {
    const { left, width } = this.player.parts.seek.getBoundingClientRect();
    const share = (clientX - left - THUMB / 2) / (width - THUMB);
    return Math.min(Math.max(share, 0), 1) * this.player.length;
  }

  showKeyed() {
    this.keyed = true;
    this.show(this.position);
    this.pictures.load().then(() => this.follow());
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => this.keyed && this.hide(), STAY);
  }

  get position() {
    return this.player.wanted ?? this.player.video.currentTime;
  }

  /** The position changed: what the keys show changes with it. */
  follow() {
    if (this.keyed) this.draw(this.position);
  }

  show(moment) {
    const wasLoaded = this.pictures.isLoaded;
    this.draw(moment);
    if (!wasLoaded) this.pictures.load().then((are) => are && this.moment === moment && this.draw(moment));
  }

  hide() {
    this.keyed = false;
    this.moment = null;
    clearTimeout(this.leaving);
    this.player.parts.preview.hidden = true;
    this.player.parts.reach.hidden = true;
  }

  draw(moment) {
    const { words, length, parts } = this.player;
    this.moment = moment;
    this.canvas.hidden = !this.pictures.draw(this.canvas, moment);
    write(parts.moment, length < EXACT_BELOW ? words.position(moment) : words.short(moment));
    const more = [this.scenes?.nameAt(moment), words.knowsClock && words.timeOfDay(moment)];
    write(parts.circumstance, more.filter(Boolean).join(" · "));
    parts.preview.hidden = false;
    parts.reach.hidden = false;
    this.place(moment);
  }

  /** Put it over the moment, but not over the player's edges. */
  place(moment) {
    const { root, length, parts } = this.player;
    const whole = root.getBoundingClientRect();
    const bar = parts.bar.getBoundingClientRect();
    const seek = parts.seek.getBoundingClientRect();
    const share = length ? Math.min(moment / length, 1) : 0;
    const middle = seek.left - bar.left + THUMB / 2 + share * (seek.width - THUMB);
    const { width } = parts.preview.getBoundingClientRect();
    const least = whole.left - bar.left + EDGE;
    const most = whole.right - bar.left - EDGE - width;
    // By transform: nothing on the page moves for it.
    parts.preview.style.transform = `translateX(${Math.max(Math.min(middle - width / 2, most), least)}px)`;
    parts.reach.style.transform = `translateX(${middle}px)`;
  }
}
