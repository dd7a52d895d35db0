// The bar's preview of the position under the pointer, the finger or the keys: a thumbnail, its
// time, and if known the time of day.

import { write } from "./player-words.js";

const THUMB = 18; // pixels; half of it is left free at both ends of the bar
const EDGE = 4;
const STAY = 2500;
const EXACT_BELOW = 60;
const SLOP = 8;
const KEYS = /^(?:Arrow|Page|Home|End)/;

export class Bar {
  constructor(player, pictures) {
    this.player = player;
    this.pictures = pictures;
    this.scenes = null; // set when there are scenes
    this.held = null; // the element held by a finger or the mouse's button
    this.isDragged = false;
    this.isKeyed = false; // moved by keys, so the preview follows the position
    const { bar, seek, strip, preview } = player.parts;
    this.canvas = preview.querySelector("canvas");
    for (const part of [seek, strip]) if (part) this.listen(part);
    // The bar reports its own position while it is dragged.
    seek.addEventListener("input", () => (this.held ? this.show(Number(seek.value)) : this.showKeyed()));
    bar.addEventListener("pointerleave", () => this.held || this.hide());
    // Touch has no hover: a touch of the player may precede seeking.
    player.root.addEventListener("pointerdown", (event) => event.pointerType !== "mouse" && pictures.load());
    seek.addEventListener("focus", () => seek.matches(":focus-visible") && this.showKeyed());
    seek.addEventListener("keydown", (event) => KEYS.test(event.key) && this.showKeyed());
    seek.addEventListener("blur", () => this.hide());
    this.leave = (event) => event.key === "Escape" && this.hide();
    this.move = (event) => this.drag(event);
    this.release = (event) => this.drop(event);
  }

  listen(part) {
    part.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.pictures.load());
    part.addEventListener("pointermove", (event) => {
      if (!this.held && event.pointerType === "mouse") this.show(this.momentAt(event));
    });
    part.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.held = part;
      this.from = event.clientX;
      // A finger on the strip may be about to scroll the page.
      this.isDragged = part === this.player.parts.seek || event.pointerType === "mouse";
      for (const name of ["pointerup", "pointercancel"]) addEventListener(name, this.release);
      addEventListener("pointermove", this.move);
      if (this.isDragged) this.drag(event);
    });
  }

  drag(event) {
    this.isDragged ||= Math.abs(event.clientX - this.from) > SLOP;
    if (!this.isDragged) return;
    const moment = this.momentAt(event);
    if (this.held !== this.player.parts.seek) this.player.goTo(moment);
    else if (event.type === "pointermove") return;
    this.show(moment);
  }

  drop(event) {
    for (const name of ["pointerup", "pointercancel"]) removeEventListener(name, this.release);
    removeEventListener("pointermove", this.move);
    if (!this.isDragged && event.type === "pointerup") this.player.goTo(this.momentAt(event));
    this.held = null;
    if (event.pointerType !== "mouse" || !this.player.parts.bar.matches(":hover")) this.hide();
  }

  momentAt({ clientX }) {
    const { left, width } = this.player.parts.seek.getBoundingClientRect();
    const share = (clientX - left - THUMB / 2) / (width - THUMB);
    return Math.min(Math.max(share, 0), 1) * this.player.length;
  }

  showKeyed() {
    this.isKeyed = true;
    this.show(this.player.wanted ?? this.player.video.currentTime);
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => this.isKeyed && this.hide(), STAY);
  }

  /** The position changed: update a preview moved by keys. */
  follow(at) {
    if (this.isKeyed) this.draw(at);
  }

  show(moment) {
    const wasLoaded = this.pictures.isLoaded;
    this.draw(moment);
    document.addEventListener("keydown", this.leave);
    // Meanwhile it may show another position, or be hidden.
    if (!wasLoaded) this.pictures.load().then((are) => are && this.moment !== null && this.draw(this.moment));
  }

  hide() {
    this.isKeyed = false;
    this.moment = null;
    clearTimeout(this.leaving);
    document.removeEventListener("keydown", this.leave);
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

  /** Place it over the position, but within the player's edges. */
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
    // By transform: without a layout of the page.
    parts.preview.style.transform = `translateX(${Math.max(Math.min(middle - width / 2, most), least)}px)`;
    parts.reach.style.transform = `translateX(${middle}px)`;
  }
}
