// The queue as a whole: total progress, in the page, in the tab's title and for screen readers;
// keeps the machine awake, and warns before leaving while bytes are sent.

const NEWS_EVERY = 0.25;
const title = document.title;

function stay(event) {
  event.preventDefault();
}

export class Whole {
  #section;
  #queue;
  #words;
  #figures;
  #say;
  #told = 0;
  #lock = null;

  constructor(section, queue, { words, figures, say }) {
    this.#section = section;
    this.#queue = queue;
    this.#words = words;
    this.#figures = figures;
    this.#say = say;
    document.addEventListener("visibilitychange", () => this.#keepAwake());
  }

  #part(name) {
    return this.#section.querySelector(`[data-${name}]`);
  }

  /** After a button of the queue was pressed, focus its opposite, or the title. */
  focus(name) {
    this.render();
    const part = this.#part(name);
    (part.hidden ? this.#part("queue-title") : part).focus();
  }

  render() {
    const { totals, items, isRunning, isMoving, isLost, isLoggedOut } = this.#queue;
    const fresh = items.filter((item) => item.isOpen && !item.wanted);
    const paused = items.filter((item) => item.state === "paused");
    const going = items.filter((item) => item.isGoing);
    const open = going.length + paused.length > 0;
    this.#put("queue-title", this.#title(totals, fresh, open));
    this.#put("queue-figures", this.#pace(totals, isMoving, open));
    const { uploadOne, uploadMany } = this.#words;
    this.#put("start-words", this.#figures.count(fresh.length, uploadOne, uploadMany));
    const bar = this.#part("queue-bar");
    bar.hidden = !open;
    const share = totals.size ? totals.position / totals.size : 0;
    bar.value = share * 1000;
    this.#show("start", fresh.length > 0);
    this.#show("pause-all", going.length > 0);
    this.#show("resume-all", going.length === 0 && paused.length > 0);
    this.#show("cancel-all", open);
    this.#show("to-list", !open && !fresh.length && totals.sent > 0);
    this.#show("stay", going.length > 0 && !isLost && !isLoggedOut);
    this.#show("lost", isLost && !isLoggedOut);
    this.#show("logged-out", isLoggedOut);
    if (isLost) this.#put("lost-words", this.#untilNextTry());
    const whole = this.#figures.share(Math.floor(share * 100) / 100);
    document.title = open ? `${whole} – ${title}` : title;
    this.#tell(share, isRunning && isMoving);
    // This listener disables the back-forward cache of the page: only while needed.
    if (isMoving) addEventListener("beforeunload", stay);
    else removeEventListener("beforeunload", stay);
    this.#keepAwake();
  }

  #put(name, text) {
    const part = this.#part(name);
    if (part.textContent !== text) part.textContent = text;
  }

  /** Show or hide a part of the header, keeping the focus. */
  #show(name, visible) {
    const part = this.#part(name);
    const held = !visible && part.contains(document.activeElement);
    part.hidden = !visible;
    if (held) this.#part("queue-title").focus();
  }

  #title(totals, fresh, open) {
    const words = this.#words;
    if (open) {
      return words.received.replace("{done}", totals.sent).replace("{number}", totals.files);
    }
    if (fresh.length) {
      const size = this.#figures.size(fresh.reduce((sum, item) => sum + item.size, 0));
      const told = this.#figures.count(fresh.length, words.chosenOne, words.chosenMany);
      return told.replace("{size}", size);
    }
    const there = this.#queue.items.filter((item) => item.isFollowed || item.state === "ready");
    if (!there.length) return words.nothingReceived;
    if (this.#failures) {
      return words.received.replace("{done}", there.length).replace("{number}", totals.files);
    }
    return there.every((item) => item.state === "ready") ? words.allReady : words.allReceived;
  }

  #pace(totals, isMoving, open) {
    const words = this.#words;
    const failed = this.#failures;
    const failures = failed
      ? [this.#figures.count(failed, words.someFailedOne, words.someFailedMany)]
      : [];
    if (!open) return failures.join();
    const share = Math.floor((100 * totals.position) / Math.max(1, totals.size)) / 100;
    const told = [this.#figures.share(share)];
    const rate = isMoving ? this.#queue.pace.rate(performance.now()) : null;
    if (rate) told.push(words.rate.replace("{size}", this.#figures.size(rate)));
    const left = rate ? this.#figures.left(totals.size - totals.position, rate) : null;
    if (left !== null) told.push(words.left.replace("{time}", left));
    return [...told, ...failures].join(" · ");
  }

  get #failures() {
    return this.#queue.items.filter((item) => item.state === "failed").length;
  }

  #untilNextTry() {
    const seconds = (this.#queue.lostUntil - Date.now()) / 1000;
    if (seconds < 1) return "";
    const time = this.#figures.time(seconds);
    return `(${this.#words.retryIn.replace("{time}", time)})`;
  }

  /** Announce each quarter of the progress, no more. */
  #tell(share, moves) {
    const quarter = Math.floor(share / NEWS_EVERY);
    if (moves && quarter > this.#told && share < 1) {
      const told = this.#figures.share(quarter * NEWS_EVERY);
      this.#say(this.#words.saysProgress.replace("{share}", told));
    }
    this.#told = quarter;
  }

  /** A sleeping phone sends nothing. */
  async #keepAwake() {
    const wanted = this.#queue.isMoving && document.visibilityState === "visible";
    if (!navigator.wakeLock || !matchMedia("(pointer: coarse)").matches) return;
    if (wanted && !this.#lock) {
      this.#lock = navigator.wakeLock.request("screen").catch(() => null);
    } else if (!wanted && this.#lock) {
      const lock = this.#lock;
      this.#lock = null;
      (await lock)?.release();
    }
  }
}
