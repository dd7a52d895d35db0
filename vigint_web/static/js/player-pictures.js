// Thumbnails of any position of a video, cut from one large picture that is fetched when the first
// of them is needed.

import { cueAt, readCues } from "./player-cues.js";

export class Pictures {
  /** `address`: of the WebVTT that maps positions to parts of the picture. */
  constructor(address) {
    this.address = address;
    this.cues = [];
    this.sheet = null;
    this.asked = null;
  }

  get isLoaded() {
    return this.sheet !== null;
  }

  /** Fetch once; return whether there are pictures. A failed fetch may be retried. */
  async load() {
    if (!this.address) return false;
    this.asked ??= this.fetch();
    try {
      await this.asked;
    } catch {
      this.asked = null; // no network: times are shown without pictures
    }
    return this.isLoaded;
  }

  async fetch() {
    const response = await fetch(this.address);
    if (!response.ok) return;
    const cues = readCues(await response.text(), response.url);
    if (!cues.length) return;
    this.cues = cues.filter((cue) => cue.source === cues[0].source);
    const sheet = new Image();
    sheet.src = cues[0].source;
    await sheet.decode();
    this.sheet = sheet;
  }

  /** Draw the picture of a position; return false if there is none. */
  draw(canvas, moment) {
    if (!this.isLoaded) return false;
    const { x, y, width, height } = cueAt(this.cues, moment);
    const shown = `${x},${y},${width},${height}`;
    if (canvas.dataset.shown === shown) return true;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    canvas.getContext("2d").drawImage(this.sheet, x, y, width, height, 0, 0, width, height);
    canvas.dataset.shown = shown;
    return true;
  }
}
