// Follows files after their last byte until they are ready or failed: one question at a time,
// each file less and less often.

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

  /** `told(item, before)` is called when the server says something new of a file. */
  constructor(tus, queue, told) {
    this.#tus = tus;
    this.#queue = queue;
    this.#told = told;
  }

  /** Ask soon: somebody looks at the page again. */
  hurry() {
    for (const plan of this.#next.values()) Object.assign(plan, { at: Date.now(), pause: FIRST });
    this.wake();
  }

  /** Look after all files that have arrived; called whenever there may be new ones. */
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
      // What moves is asked again soon.
      if (told.progress !== before.progress || told.status !== before.status) plan.pause = FIRST;
      if (["processing", "ready", "failed"].includes(told.status)) item.state = told.status;
      this.#told(item, before);
    } catch (error) {
      if (error instanceof LoggedOut) this.#queue.loggedOut();
      // Deleted elsewhere; or known no longer, which says nothing against the source.
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
