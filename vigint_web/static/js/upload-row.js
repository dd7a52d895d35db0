// One file of the queue as a row: its name, progress, and actions.

const model = document.getElementById("upload-row");
const badges = new Map();
for (const one of document.querySelectorAll("template[data-badge-of]")) {
  badges.set(one.dataset.badgeOf, one);
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Return the current action of the row's first button: "pause", "resume", "retry" or "". */
function deed(item) {
  if (item.state === "paused") return "resume";
  if (item.state === "failed") return item.position < item.size ? "retry" : "";
  if (item.state === "interrupted" && ["server", "busy"].includes(item.reason)) return "retry";
  return item.isMoving || item.state === "interrupted" ? "pause" : "";
}

function nearest(row) {
  return row.nextElementSibling ?? row.previousElementSibling;
}

export class Row {
  #item;
  #context;
  #shown = "";

  /**
   * `context`: `words`, `figures`, `queue`, `pageOf(source)`, `known(item)` – the sources that hold
   * the same content –, and `act(what, item)` for "x", "keep" and "remove".
   */
  constructor(item, context) {
    this.#item = item;
    this.#context = context;
    this.element = model.content.firstElementChild.cloneNode(true);
    const on = (name, kind, deed) => this.#part(name).addEventListener(kind, deed);
    on("act", "click", () => this.#press());
    on("x", "click", () => context.act("x", item));
    on("keep", "click", () => context.act("keep", item));
    on("remove", "click", () => context.act("remove", item));
    on("rename", "click", () => this.#rename());
    on("title", "blur", () => this.#named());
    on("title", "keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      if (event.key === "Escape") this.#part("title").value = item.title;
      this.#part("rename").hidden = false;
      this.#part("rename").focus();
    });
    this.render();
  }

  #part(name) {
    return this.element.querySelector(`[data-${name}]`);
  }

  #press() {
    const { queue } = this.#context;
    queue[deed(this.#item)]?.(this.#item);
  }

  #rename() {
    const item = this.#item;
    const field = this.#part("title");
    item.isNamed = true; // does not start while its name is being edited
    field.value = item.title || item.name.replace(/\.[^.]+$/, "");
    field.setAttribute("aria-label", this.#worded("nameOf"));
    this.#part("title-field").hidden = false;
    this.render();
    field.focus();
    field.select();
  }

  #named() {
    const item = this.#item;
    if (!item.isNamed) return;
    item.isNamed = false;
    item.title = this.#part("title").value.trim();
    this.#part("title-field").hidden = true;
    this.render();
    this.#context.queue.pump();
  }

  #worded(word) {
    const { words } = this.#context;
    return words[word].replace("{name}", this.#item.title || this.#item.name);
  }

  /** Remove the row; move the focus to its neighbour. */
  remove() {
    if (this.element.contains(document.activeElement)) {
      const next = nearest(this.element);
      const button = next?.querySelector("[data-x]:not([hidden])") ?? next;
      (button ?? document.getElementById("files")).focus();
    }
    this.element.remove();
  }

  render() {
    const item = this.#item;
    const state = item.removed ? "removed" : item.state;
    if (this.#shown !== state) {
      this.#shown = state;
      this.element.dataset.state = state;
      this.#part("badge").replaceChildren(badges.get(state).content.cloneNode(true));
    }
    this.#part("badge").hidden = item.isOpen && !item.wanted;
    this.#renderName();
    this.#renderPicture();
    const bar = this.#part("bar");
    const isProcessed = state === "processing" && Number.isFinite(item.told.progress);
    bar.hidden = !(item.isOpen && (item.state !== "waiting" || item.position)) && !isProcessed;
    bar.value = isProcessed ? item.told.progress * 10 : (item.position / item.size) * 1000;
    put(this.#part("about"), this.#about(isProcessed).filter(Boolean).join(" · "));
    this.#renderNotice(state);
    this.#renderButtons(state);
  }

  #renderName() {
    const item = this.#item;
    const { pageOf } = this.#context;
    const link = this.#part("name-link");
    const plain = this.#part("name");
    const isThere = !item.isOpen && item.source && item.state !== "cancelled" && !item.removed;
    const name = item.title || item.name;
    put(isThere ? link : plain, name);
    if (isThere) link.href = pageOf(item.source);
    link.hidden = !isThere;
    plain.hidden = Boolean(isThere) || Boolean(item.isNamed);
    const path = item.folder ? `${item.folder}/` : "";
    const file = this.#part("file");
    put(file, name !== item.name ? path + item.name : path);
    file.hidden = !file.textContent;
    this.#part("bar").setAttribute("aria-label", this.#worded("progressOf"));
  }

  #renderPicture() {
    const { told, removed } = this.#item;
    const place = this.#part("picture");
    if (!told.thumbnail_url || removed || place.querySelector("img")) return;
    const image = new Image();
    image.alt = "";
    image.src = told.thumbnail_url;
    image.addEventListener("error", () => image.remove());
    place.append(image);
    place.querySelector(".icon").remove();
  }

  #about(isProcessed) {
    const item = this.#item;
    const { words, figures } = this.#context;
    const whole = figures.size(item.size);
    if (!item.isOpen) {
      const percent = isProcessed ? figures.share(item.told.progress / 100) : "";
      return [percent, whole, item.state === "cancelled" ? "" : item.source];
    }
    if (!item.position && item.state !== "sending") return [whole];
    const told = [
      words.of.replace("{done}", figures.size(item.position)).replace("{size}", whole),
    ];
    if (item.state === "sending") {
      const rate = item.pace.rate(performance.now());
      if (rate) told.push(words.rate.replace("{size}", figures.size(rate)));
      const left = figures.left(item.size - item.position, rate);
      if (left !== null) told.push(words.left.replace("{time}", left));
      if (item.resumedAt) told.push(words.resumed.replace("{size}", figures.size(item.resumedAt)));
    }
    if (item.state === "interrupted" && item.retryAt > Date.now() && item.reason !== "network") {
      const seconds = (item.retryAt - Date.now()) / 1000;
      told.push(words.retryIn.replace("{time}", figures.time(seconds)));
    }
    return told;
  }

  #renderNotice(state) {
    const item = this.#item;
    const known = state === "removed" ? [] : this.#context.known(item);
    const sentence = this.#sentence();
    const notice = this.#part("notice");
    const line = this.#part("notice-words");
    const choices = this.#part("choices");
    notice.hidden = !sentence && !known.length;
    choices.hidden = !known.length;
    const told = sentence || known.map((one) => one.source_id).join();
    if (line.dataset.told === told) return;
    line.dataset.told = told;
    if (sentence) line.replaceChildren(sentence);
    else line.replaceChildren(...this.#links(known));
  }

  #links(known) {
    const { words, pageOf } = this.#context;
    const parts = known.flatMap((one) => {
      const link = document.createElement("a");
      link.href = pageOf(one.source_id);
      link.textContent = `${one.source_id} – ${one.name}`;
      return [", ", link];
    });
    return [words.known, " ", ...parts.slice(1)];
  }

  #sentence() {
    const { state, reason, sentence, told } = this.#item;
    const { words } = this.#context;
    if (state === "failed" && told.status === "failed") return told.error || words.processingFailed;
    if (state === "failed") {
      const own = { unreadable: words.unreadable, busy: words.busyFailed }[reason];
      return own ?? (sentence || words.refused);
    }
    if (state !== "interrupted") return "";
    return { server: sentence || words.server, busy: words.busy }[reason] ?? "";
  }

  #renderButtons(state) {
    const item = this.#item;
    const act = this.#part("act");
    const doing = deed(item);
    this.#show(act, Boolean(doing));
    if (doing) {
      act.dataset.act = doing;
      put(this.#part("act-words"), this.#worded(doing));
    }
    const x = item.isOpen ? (item.wanted ? "cancel" : "leaveOut") : "takeOff";
    put(this.#part("x-words"), this.#worded(x));
    this.#show(this.#part("x"), !item.isFollowed);
    put(this.#part("rename-words"), this.#worded("rename"));
    const nameable = ["waiting", "paused"].includes(state) && !item.url && !item.creating;
    this.#show(this.#part("rename"), nameable && !item.isNamed);
  }

  /** Show or hide a button; move its focus within the row. */
  #show(button, visible) {
    const focused = document.activeElement === button;
    button.hidden = !visible;
    if (!focused || visible || this.#item.isNamed) return;
    const other = this.element.querySelector("button:not([hidden]), a[href]:not([hidden])");
    (other?.checkVisibility() ? other : this.element).focus();
  }
}
