// Polls the state of uploaded files until they are ready or failed: one request at a time, at
// increasing intervals per file.

import { Gone, LoggedOut } from "./upload-tus.js";

const FIRST = 700;
const LONGEST = 12_000;
const GROWTH = 1.4;

export class Follower {
  #tus;
  #queue;
  #told;
  #next = new Map();
  #timer = 0;

  /** `told(item, before)` is called when the server reports a change of a file. */
  constructor(tus, queue, told) {
    this.#tus = tus;
    this.#queue = queue;
    this.#told = told;
  }

  /** Poll soon: the page is visible again. */
  hurry() {
    for (const plan of this.#next.values()) Object.assign(plan, { at: Date.now(), pause: FIRST });
    this.wake();
  }

  /** Track all uploaded files; called whenever there may be new ones. */
  wake() {
    clearTimeout(this.#timer);
    const now = Date.now();
    const followed = this.#queue.items.filter((item) => item.isFollowed);
    for (const item of followed) {
      if (!this.#next.has(item)) this.#next.set(item, { at: now + FIRST, pause: FIRST });
    }
    const isSeen = document.visibilityState !== "hidden";
    if (!followed.length || this.#queue.isLoggedOut || !isSeen) return;
    const item = followed.reduce((one, other) => (this.#at(other) < this.#at(one) ? other : one));
    this.#timer = setTimeout(() => this.#ask(item), Math.max(250, this.#at(item) - now));
  }

  #at(item) {
    return this.#next.get(item).at;
  }

  async #ask(item) {
    const plan = this.#next.get(item);
    try {
      const told = await this.#tus.read(item.url);
      const before = item.told;
      item.told = told;
      item.source = told.source_id ?? item.source;
      // Files with progress are polled again soon.
      if (told.progress !== before.progress || told.status !== before.status) plan.pause = FIRST;
      if (["processing", "ready", "failed"].includes(told.status)) item.state = told.status;
      this.#told(item, before);
    } catch (error) {
      if (error instanceof LoggedOut) this.#queue.loggedOut();
      // Deleted elsewhere; or unknown to this session, which does not mean that the source is gone.
      if (error instanceof Gone) {
        item.state = "cancelled";
        item.told = {};
        this.#told(item, {});
      }
    }
    plan.pause = Math.min(LONGEST, plan.pause * GROWTH);
    plan.at = Date.now() + plan.pause;
    this.wake();
  }
}
