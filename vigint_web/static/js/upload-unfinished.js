// Unfinished uploads: which files to choose again, or to discard.

const section = document.getElementById("unfinished");
const list = section.querySelector("[data-unfinished]");
const model = document.getElementById("unfinished-row");

export class Unfinished {
  #tus;
  #store;
  #context;
  #uploads = [];

  /** `context`: `words`, `figures`, `zone`, `ask`, `say(text)`, `fail(text)`, `go(file, …)`. */
  constructor(tus, store, context) {
    this.#tus = tus;
    this.#store = store;
    this.#context = context;
  }

  /** Fetch the list of unfinished uploads, except `taken`, which are in the queue. */
  async load(taken) {
    const uploads = await this.#tus.list();
    this.#uploads = uploads.filter((one) => !taken.has(one.url));
    this.#store.keepOnly(uploads.map((one) => one.url));
    this.#render();
  }

  /** Return the address under which a file was begun, and stop offering it. */
  take(file, folder) {
    const open = (url) => this.#uploads.some((one) => one.url === url);
    const url = this.#store.find(file, folder, open);
    if (url) this.#remove(url);
    return url;
  }

  #remove(url) {
    this.#uploads = this.#uploads.filter((one) => one.url !== url);
    this.#render();
  }

  #render() {
    const held = list.contains(document.activeElement);
    list.replaceChildren(...this.#uploads.map((one) => this.#row(one)));
    section.hidden = !this.#uploads.length;
    if (held) (section.hidden ? document.getElementById("files") : section).focus();
  }

  #row(upload) {
    const { words, figures, zone } = this.#context;
    const row = model.content.firstElementChild.cloneNode(true);
    const part = (name) => row.querySelector(`[data-${name}]`);
    part("name").textContent = upload.filename;
    part("about").textContent = words.unfinished
      .replace("{done}", figures.size(upload.offset))
      .replace("{size}", figures.size(upload.length))
      .replace("{time}", figures.moment(upload.expires_at, zone));
    part("bar").value = (upload.offset / upload.length) * 1000;
    part("bar").setAttribute("aria-label", words.progressOf.replace("{name}", upload.filename));
    const named = (word) => words[word].replace("{name}", upload.filename);
    part("choose").setAttribute("aria-label", named("unfinishedChoose"));
    part("forget").setAttribute("aria-label", named("unfinishedForget"));
    part("choose").addEventListener("click", () => this.#choose(upload));
    part("forget").addEventListener("click", () => this.#forget(upload));
    return row;
  }

  #choose(upload) {
    const input = document.createElement("input");
    input.type = "file";
    input.addEventListener("change", () => {
      const [file] = input.files;
      const known = this.#store.of(upload.url);
      const fits =
        file.name === upload.filename && file.size === upload.length &&
        (!known || known.modified === file.lastModified);
      if (!fits) return this.#context.fail(this.#context.words.changed);
      this.#store.remember(file, known?.folder ?? "", upload.url);
      this.#remove(upload.url);
      this.#context.go(file, known?.folder ?? "", upload.url);
    });
    input.click();
  }

  async #forget(upload) {
    const { words, figures, ask, say, fail } = this.#context;
    const agreed = await ask(
      words.forgetTitle.replace("{name}", upload.filename),
      words.cancelAbout.replace("{size}", figures.size(upload.offset)),
      words.forgetYes,
    );
    if (!agreed) return;
    try {
      await this.#tus.remove(upload.url);
    } catch {
      return fail(words.notForgotten);
    }
    this.#store.forget(upload.url);
    this.#remove(upload.url);
    say(words.forgotten.replace("{name}", upload.filename));
  }
}
