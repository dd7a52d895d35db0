// Sends files one after the other, two at a time: a failure of one does not stop the others. No
// user interface: see upload.js.

import { isReadable } from "./upload-files.js";
import { Pace } from "./upload-figures.js";
import { Item } from "./upload-item.js";
import { Gone, Interrupted, LoggedOut, Refused } from "./upload-tus.js";

const AT_ONCE = 2;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
// Another client's lease on an upload expires within minutes; a longer lock is not accidental.
const MOST_BUSY_TRIES = 15;
const MOST_REMOVALS = 8;

/** Return the delay before the next attempt, in milliseconds: increasing, with jitter. */
export function pauseBefore(tries, after = 0, random = Math.random()) {
  const grown = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1));
  return Math.max(Math.min(after, 2 * LONGEST_PAUSE), grown * (0.6 + 0.4 * random));
}

export class Queue {
  items = [];
  pace = new Pace();
  isLost = false; // no connection
  isLoggedOut = false;
  #tus;
  #store;
  #details;
  #changed;
  #happened;
  #last = 0;
  #lostTries = 0;
  #lostTimer = 0;
  #lostAt = 0;

  /**
   * `details(item)` returns the form's values for a file; `changed(item)` is called on every
   * change, `happened(what, item)` on received, failed, lost, found, loggedOut, done.
   */
  constructor(tus, store, { details, changed, happened }) {
    this.#tus = tus;
    this.#store = store;
    this.#details = details;
    this.#changed = changed;
    this.#happened = happened;
  }

  /** Add a file; with the address of an upload it is resumed at once. */
  add(file, folder = "", url = null) {
    this.#last += 1;
    const item = new Item(this.#last, file, folder);
    item.url = url;
    item.wanted = Boolean(url) || this.items.some((one) => one.isGoing);
    this.items.push(item);
    return item;
  }

  /** Remove a file that was not sent yet, or that is finished. */
  drop(item) {
    this.items = this.items.filter((one) => one !== item);
  }

  has(file, folder) {
    return this.items.some(
      (one) =>
        one.isOpen && one.folder === folder && one.name === file.name && one.size === file.size &&
        one.file.lastModified === file.lastModified,
    );
  }

  /** Return whether a file is unfinished. */
  get isRunning() {
    return this.items.some((item) => item.isOpen && item.wanted);
  }

  get isMoving() {
    return this.items.some((item) => item.isMoving);
  }

  /** Return the time of the next attempt while there is no connection. */
  get lostUntil() {
    return this.#lostAt;
  }

  get totals() {
    const all = this.items.filter((item) => item.wanted && item.state !== "cancelled");
    const counted = all.filter((item) => item.counts);
    const sum = (what) => counted.reduce((total, item) => total + what(item), 0);
    return {
      files: all.length,
      sent: counted.filter((item) => !item.isOpen).length,
      size: sum((item) => item.size),
      position: sum((item) => item.position),
    };
  }

  start() {
    for (const item of this.items) if (item.isOpen) item.wanted = true;
    this.pump();
  }

  pause(item) {
    if (!item.isOpen || item.state === "paused") return;
    this.#stop(item, "paused");
    this.pump();
  }

  pauseAll() {
    for (const item of this.items) if (item.wanted && item.isOpen) this.#stop(item, "paused");
  }

  resume(item) {
    if (item.state !== "paused") return;
    item.wanted = true;
    this.#set(item, "waiting");
    this.pump();
  }

  resumeAll() {
    for (const item of this.items) if (item.state === "paused") this.#set(item, "waiting");
    this.pump();
  }

  /** Restart a failed file; from the server's offset if there is one. */
  retry(item) {
    if (item.state !== "failed" && item.state !== "interrupted") return;
    item.tries = 0;
    item.sentence = "";
    item.wanted = true;
    this.#set(item, "waiting");
    if (this.isLost) this.#probe(item);
    else this.pump();
  }

  /** Cancel a file, and delete its sent bytes. */
  async cancel(item) {
    if (!item.isOpen && item.state !== "failed") return;
    this.#stop(item, "cancelled");
    this.pump();
    for (let tries = 1; tries <= MOST_REMOVALS; tries += 1) {
      try {
        if (item.creating && !item.url) item.url = await this.#begun(item);
        if (item.url) await this.#tus.remove(item.url);
        break;
      } catch (error) {
        if (!(error instanceof Interrupted)) break; // it expires on the server
        await new Promise((done) => setTimeout(done, pauseBefore(tries, error.after)));
      }
    }
    if (item.url) this.#store.forget(item.url);
    this.#changed(item);
  }

  cancelAll() {
    return Promise.all(this.items.filter((item) => item.isOpen).map((item) => this.cancel(item)));
  }

  /** The network is gone: running requests will fail. */
  breakOff() {
    const moving = this.items.filter((item) => item.isMoving);
    for (const item of moving) {
      item.reason = "network";
      this.#stop(item, "interrupted");
    }
    if (moving.length) this.#lose(moving[0]);
  }

  /** Retry files waiting for a connection at once: it is back, or the page is visible again. */
  wake() {
    if (!this.isLost) return;
    this.#lostTries = 0;
    this.#probe();
  }

  loggedOut() {
    if (this.isLoggedOut) return;
    this.isLoggedOut = true;
    this.#happened("loggedOut");
  }

  loggedIn() {
    if (!this.isLoggedOut) return;
    this.isLoggedOut = false;
    for (const item of this.items) {
      if (item.state === "interrupted" && item.reason === "login") this.#set(item, "waiting");
    }
    this.pump();
  }

  /** Start as many files as the limit allows. */
  pump() {
    if (this.isLoggedOut || this.isLost) return;
    let free = AT_ONCE - this.items.filter((item) => item.isMoving).length;
    for (const item of this.items) {
      if (free <= 0) return;
      if (item.state !== "waiting" || !item.wanted || item.isNamed) continue;
      free -= 1;
      this.#run(item);
    }
  }

  #set(item, state) {
    item.state = state;
    if (state !== "interrupted") item.reason = "";
    this.#changed(item);
  }

  #stop(item, state) {
    clearTimeout(item.timer);
    this.#set(item, state);
    item.position = item.safe;
    item.pace.reset();
    item.controller?.abort();
    item.controller = null;
    if (!this.isMoving) this.pace.reset();
    // The probing file is gone: the next one probes the connection.
    if (this.isLost && !this.items.some((one) => one.waitsForConnection || one.isMoving)) {
      clearTimeout(this.#lostTimer);
      this.isLost = false;
    }
  }

  async #run(item) {
    const controller = new AbortController();
    item.controller = controller;
    try {
      await this.#carry(item, controller.signal);
      item.controller = null;
      this.#store.forget(item.url);
      this.#set(item, "received");
      this.#happened("received", item);
    } catch (error) {
      // The caller of abort has already set the state.
      if (!controller.signal.aborted) await this.#stopped(item, error);
    }
    this.pump();
    if (!this.isRunning) this.#happened("done");
  }

  async #carry(item, signal) {
    item.pace.reset();
    this.#set(item, "checking");
    let offset = 0;
    if (!item.url && item.creating) item.url = await this.#begun(item, signal);
    if (item.url) {
      try {
        offset = await this.#tus.offset(item.url, signal);
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        this.#store.forget(item.url);
        item.url = null;
      }
    }
    if (!item.url) {
      item.creating = true;
      const { name, file, title } = item;
      const metadata = { filename: name, filetype: file.type, name: title, ...this.#details(item) };
      const made = await this.#tus.create(item.size, metadata, signal);
      item.url = made.url;
      item.source = made.source;
      this.#store.remember(file, item.folder, made.url);
    }
    item.creating = false;
    this.#found(item);
    item.position = item.safe = item.resumedAt = offset;
    this.#set(item, "sending");
    await this.#tus.send(item.url, item.file, offset, {
      signal,
      moved: (position) => this.#moved(item, position),
      safe: (position) => {
        this.#moved(item, position);
        item.safe = position;
        item.tries = 0;
      },
    });
  }

  #moved(item, position) {
    const now = performance.now();
    const bytes = Math.max(0, position - item.position);
    item.position = position;
    item.pace.moved(bytes, now);
    this.pace.moved(bytes, now);
    this.#changed(item);
  }

  /** Return the upload of a creation whose answer was lost, if it succeeded. */
  async #begun(item, signal) {
    const uploads = await this.#tus.list(signal);
    const known = new Set(this.items.map((one) => one.url));
    const found = uploads.find(
      (one) =>
        one.offset === 0 && one.filename === item.name && one.length === item.size &&
        !known.has(one.url) && !this.#store.of(one.url),
    );
    if (found) this.#store.remember(item.file, item.folder, found.url);
    return found?.url ?? null;
  }

  async #stopped(item, error) {
    item.controller = null;
    item.position = item.safe;
    item.pace.reset();
    if (!this.isMoving) this.pace.reset();
    if (error instanceof Gone) {
      // Deleted elsewhere while it was sent: restarted once.
      this.#store.forget(item.url);
      item.url = null;
      error = new Interrupted("server");
    }
    const isNetwork = error instanceof Interrupted && error.reason === "network";
    if (this.isLost && !isNetwork) this.#found(item);
    if (error instanceof LoggedOut) {
      this.#interrupt(item, "login");
      this.loggedOut();
    } else if (error instanceof Interrupted && !(await isReadable(item.file))) {
      this.#fail(item, "unreadable");
    } else if (error instanceof Interrupted) {
      item.sentence = error.sentence;
      item.tries += 1;
      // While others make progress, only this connection broke.
      if (isNetwork && !this.isMoving) this.#lose(item);
      else if (error.reason === "busy" && item.tries > MOST_BUSY_TRIES) this.#fail(item, "busy");
      else this.#tryLater(item, error);
    } else if (error instanceof Refused) {
      this.#fail(item, error.code || "refused", error.sentence);
    } else {
      this.#fail(item, "refused");
      throw error;
    }
  }

  #interrupt(item, reason) {
    item.reason = reason;
    this.#set(item, "interrupted");
  }

  #fail(item, reason, sentence = "") {
    item.sentence = sentence;
    this.#set(item, "failed");
    item.reason = reason;
    this.#changed(item);
    this.#happened("failed", item);
  }

  #tryLater(item, error) {
    const pause = pauseBefore(item.tries, error.after);
    item.retryAt = Date.now() + pause;
    this.#interrupt(item, error.reason);
    clearTimeout(item.timer);
    item.timer = setTimeout(() => {
      if (item.state !== "interrupted") return;
      // Without a connection it waits with all others.
      if (this.isLost) this.#interrupt(item, "network");
      else this.#set(item, "waiting");
      this.pump();
    }, pause);
  }

  /** There is no connection: one file keeps retrying, the others wait for it. */
  #lose(item) {
    this.#interrupt(item, "network");
    const first = !this.isLost;
    this.isLost = true;
    this.#lostTries += 1;
    const pause = pauseBefore(this.#lostTries);
    this.#lostAt = Date.now() + pause;
    clearTimeout(this.#lostTimer);
    this.#lostTimer = setTimeout(() => this.#probe(), pause);
    if (first) this.#happened("lost", item);
    this.#changed(item);
  }

  #probe(wished = null) {
    clearTimeout(this.#lostTimer);
    if (this.isLoggedOut || this.isMoving) return;
    const item = wished ?? this.items.find((one) => one.waitsForConnection);
    if (item) this.#run(item);
  }

  /** The server answered: all waiting files continue. */
  #found(item = null) {
    this.#lostTries = 0;
    const was = this.isLost;
    this.isLost = false;
    for (const one of this.items) {
      if (one !== item && one.waitsForConnection) this.#set(one, "waiting");
    }
    if (was) this.#happened("found");
    if (was || item) this.pump();
  }
}
