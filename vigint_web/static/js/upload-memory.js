// Which file an unfinished upload belongs to, kept in this browser: name, size and date of the
// file, and the upload's address, which opens nothing to whoever is not logged in as its owner.

import { fingerprint } from "./upload-files.js";

const same = (one, other) =>
  one.name === other.name && one.size === other.size && one.modified === other.modified;

/** Remember a person's uploads; forgets nothing of others who use the same browser. */
export class Memory {
  #key;

  constructor(person) {
    this.#key = `vigint-uploads-${person}`;
  }

  #all() {
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? "[]");
    } catch {
      return []; // storage is switched off, or somebody else's: resuming works without, by hand
    }
  }

  #keep(entries) {
    try {
      if (entries.length) localStorage.setItem(this.#key, JSON.stringify(entries));
      else localStorage.removeItem(this.#key);
    } catch {
      // As above.
    }
  }

  remember(file, folder, url) {
    const others = this.#all().filter((one) => one.url !== url);
    this.#keep([...others, { ...fingerprint(file), folder, url }]);
  }

  forget(url) {
    this.#keep(this.#all().filter((one) => one.url !== url));
  }

  /** Forget what the server no longer has. */
  keepOnly(urls) {
    this.#keep(this.#all().filter((one) => urls.includes(one.url)));
  }

  /** Return what is remembered of an upload. */
  of(url) {
    return this.#all().find((one) => one.url === url);
  }

  /**
   * Return the address under which a file was begun; null if it was not, or nobody can say which.
   *
   * Cameras write files of equal name, size and date into folders of their own: then the folder
   * decides, and a file that comes without one is not guessed at.
   */
  find(file, folder, open) {
    const alike = this.#all().filter((one) => open(one.url) && same(one, fingerprint(file)));
    const exact = alike.find((one) => one.folder === folder);
    if (exact) return exact.url;
    return alike.length === 1 && !(folder && alike[0].folder) ? alike[0].url : null;
  }
}
